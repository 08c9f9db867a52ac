#include "edge/kafka/producer.h"

#include <fmt/format.h>

#include "core/transaction/error.h"

namespace weir::kafka {
namespace {

Owned<rd_kafka_conf_t> configuration_of(const Settings& settings) {
  auto configuration = make_configuration(settings);
  set(*configuration, "enable.idempotence", "true");
  // The Java clients' choice, so that a customer has one partition whoever writes.
  set(*configuration, "partitioner", "murmur2_random");
  if (!settings.properties.contains("linger.ms")) set(*configuration, "linger.ms", "1");
  return configuration;
}

}  // namespace

Producer::Producer(const Settings& settings, const std::string& topic)
    : topic_name_(topic),
      client_(RD_KAFKA_PRODUCER, configuration_of(settings), settings),
      topic_(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr)) {}

void Producer::send(std::string_view key, std::string_view value, std::int64_t timestamp) {
  while (true) {
    const auto code = rd_kafka_producev(
        client_.get(), RD_KAFKA_V_RKT(topic_.get()),
        RD_KAFKA_V_KEY(key.empty() ? nullptr : key.data(), key.size()),
        RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
        RD_KAFKA_V_TIMESTAMP(timestamp), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      throw Error(fmt::format("Kafka {}: topic \"{}\": {}", client_.brokers(), topic_name_,
                              rd_kafka_err2str(code)));
    }
    client_.serve(std::chrono::milliseconds(50));
    check();
  }
}

bool Producer::offer(std::string_view key,
                     std::string_view value,
                     const char* header,
                     std::string_view header_value,
                     std::uint64_t number) {
  const auto code = rd_kafka_producev(
      client_.get(), RD_KAFKA_V_RKT(topic_.get()), RD_KAFKA_V_KEY(key.data(), key.size()),
      RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
      RD_KAFKA_V_HEADER(header, header_value.data(), header_value.size()),
      RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(static_cast<std::uintptr_t>(number))),
      RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
  throw Error(fmt::format("Kafka {}: topic \"{}\": {}", client_.brokers(), topic_name_,
                          rd_kafka_err2str(code)));
}

void Producer::finish() {
  while (rd_kafka_flush(client_.get(), 200) == RD_KAFKA_RESP_ERR__TIMED_OUT) check();
  check();
}

void Producer::check() {
  client_.serve();
  client_.check();
  const std::string fault = client_.take_undelivered();
  if (!fault.empty()) {
    throw Error(
        fmt::format("Kafka {}: not every message was written: {}", client_.brokers(), fault));
  }
}

}  // namespace weir::kafka
