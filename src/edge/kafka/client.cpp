#include "edge/kafka/client.h"

#include <fmt/format.h>
#include <strings.h>
#include <unistd.h>

#include <thread>

#include "core/transaction/error.h"

namespace weir::kafka {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kTextBytes = 512;

/// Faults show up in errors that say what to do; librdkafka's own log would tell them twice.
void on_log(const rd_kafka_t*, int, const char*, const char*) {}

bool cannot_heal(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__SSL:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<std::string> Health::fatal() const {
  const std::lock_guard lock(mutex_);
  return fatal_;
}

std::string Health::take_last() {
  const std::lock_guard lock(mutex_);
  return std::exchange(last_, {});
}

void Health::report(rd_kafka_resp_err_t code, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  // "All brokers down" says less than the fault before it.
  if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || last_.empty()) last_ = reason;
  if (cannot_heal(code)) fatal_ = reason;
}

void set(rd_kafka_conf_t& configuration, const char* name, const std::string& value) {
  char text[kTextBytes] = "";
  if (rd_kafka_conf_set(&configuration, name, value.c_str(), text, sizeof text) !=
      RD_KAFKA_CONF_OK) {
    throw UsageError(fmt::format(
        "Kafka property {}: {}; docs.confluent.io and librdkafka's CONFIGURATION.md list them",
        name, text));
  }
}

namespace {

/// Where systems keep the certificates that they trust. Named, because OpenSSL's own search crashes
/// in a process that also holds Arrow's copy of OpenSSL.
std::string trusted_certificates() {
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    if (access(path, R_OK) == 0) return path;
  }
  throw UsageError(
      "Kafka over TLS: this machine has no list of trusted certificates; give ssl.ca.location in "
      "--kafka-properties");
}

bool wants_certificates(const std::map<std::string, std::string>& properties) {
  const auto protocol = properties.find("security.protocol");
  if (protocol == properties.end()) return false;
  const std::string& name = protocol->second;
  const bool tls = name.size() >= 3 && strcasecmp(name.c_str() + name.size() - 3, "ssl") == 0;
  return tls && !properties.contains("ssl.ca.location") && !properties.contains("ssl.ca.pem");
}

}  // namespace

Owned<rd_kafka_conf_t> make_configuration(const Settings& settings) {
  Owned<rd_kafka_conf_t> configuration(rd_kafka_conf_new());
  set(*configuration, "client.id", "weir");
  set(*configuration, "reconnect.backoff.max.ms", "2000");
  // Small requests follow one another: TCP's waiting for company costs 40 ms now and then.
  set(*configuration, "socket.nagle.disable", "true");
  for (const auto& [name, value] : settings.properties) set(*configuration, name.c_str(), value);
  if (wants_certificates(settings.properties)) {
    set(*configuration, "ssl.ca.location", trusted_certificates());
  }
  set(*configuration, "bootstrap.servers", settings.brokers);
  return configuration;
}

void Client::on_error(rd_kafka_t* client, int code, const char* reason, void* opaque) {
  Health& health = static_cast<Client*>(opaque)->health_;
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    char text[kTextBytes] = "";
    health.report(rd_kafka_fatal_error(client, text, sizeof text), text);
  } else {
    health.report(static_cast<rd_kafka_resp_err_t>(code), reason);
  }
}

void Client::on_delivery(const rd_kafka_message_t& message) {
  // What was purged with an aborted transaction is sent again with the next.
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR || message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
      message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT) {
    return;
  }
  if (const auto number = reinterpret_cast<std::uintptr_t>(message._private); number != 0) {
    lost_.push_back(number);
  }
  undelivered_ = fmt::format("{} to topic \"{}\"", rd_kafka_err2str(message.err),
                             rd_kafka_topic_name(message.rkt));
}

void Client::serve(milliseconds wait) {
  if (!reports_) {
    rd_kafka_poll(client_, static_cast<int>(wait.count()));
    return;
  }
  // Other reports are callbacks, made in here.
  while (Owned<rd_kafka_event_t> event{
      rd_kafka_queue_poll(reports_.get(), static_cast<int>(wait.count()))}) {
    wait = milliseconds(0);
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) continue;
    while (const auto* message = rd_kafka_event_message_next(event.get())) on_delivery(*message);
  }
}

void Client::on_rebalance(rd_kafka_t*,
                          rd_kafka_resp_err_t code,
                          rd_kafka_topic_partition_list_t* partitions,
                          void* opaque) {
  static_cast<Client*>(opaque)->rebalance_(code, *partitions);
}

Client::Client(rd_kafka_type_t type,
               Owned<rd_kafka_conf_t> configuration,
               const Settings& settings,
               Rebalance rebalance)
    : brokers_(settings.brokers), rebalance_(std::move(rebalance)) {
  rd_kafka_conf_set_opaque(configuration.get(), this);
  rd_kafka_conf_set_error_cb(configuration.get(), on_error);
  rd_kafka_conf_set_log_cb(configuration.get(), on_log);
  if (rebalance_) rd_kafka_conf_set_rebalance_cb(configuration.get(), on_rebalance);
  if (type == RD_KAFKA_PRODUCER) {
    // Failures as events: a flush that serves callbacks looks at what is left every 10 ms only.
    set(*configuration, "delivery.report.only.error", "true");
    rd_kafka_conf_set_events(configuration.get(), RD_KAFKA_EVENT_DR);
  }
  char text[kTextBytes] = "";
  client_ = rd_kafka_new(type, configuration.get(), text, sizeof text);
  if (client_ == nullptr) throw Error(fmt::format("Kafka {}: {}", brokers_, text));
  static_cast<void>(configuration.release());  // It is the client's now.
  if (type == RD_KAFKA_PRODUCER) reports_.reset(rd_kafka_queue_get_main(client_));
}

Client::~Client() {
  reports_.reset();
  rd_kafka_destroy_flags(client_, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

void Client::check() const {
  if (const auto fatal = health_.fatal()) {
    throw Error(
        fmt::format("Kafka {}: {}; check the credentials and certificates in --kafka-properties",
                    brokers_, *fatal));
  }
}

std::vector<int> Client::partitions_of(const std::vector<std::string>& topics, milliseconds wait) {
  const auto deadline = Clock::now() + wait;
  milliseconds pause(100);
  while (true) {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto code = rd_kafka_metadata(client_, 1, nullptr, &metadata, 1000);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      std::vector<int> partitions(topics.size(), 0);
      for (int i = 0; i < metadata->topic_cnt; ++i) {
        for (std::size_t j = 0; j < topics.size(); ++j) {
          if (topics[j] == metadata->topics[i].topic) {
            partitions[j] = metadata->topics[i].partition_cnt;
          }
        }
      }
      rd_kafka_metadata_destroy(metadata);
      return partitions;
    }
    serve();
    check();
    if (Clock::now() >= deadline) {
      const std::string last = health_.take_last();
      throw Error(fmt::format(
          "Kafka {}: no broker answered within {:.0f} s: {}; check --brokers, the network and "
          "whether security.protocol is what the listener wants",
          brokers_, static_cast<double>(wait.count()) / 1e3,
          last.empty() ? rd_kafka_err2str(code) : last.c_str()));
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds(2000));
  }
}

void Client::create_topic(const std::string& topic,
                          int partitions,
                          const std::map<std::string, std::string>& properties) {
  char text[kTextBytes] = "";
  // -1: as many copies as the cluster's default.
  rd_kafka_NewTopic_t* wanted =
      rd_kafka_NewTopic_new(topic.c_str(), partitions, -1, text, sizeof text);
  if (wanted == nullptr) throw UsageError(fmt::format("topic \"{}\": {}", topic, text));
  for (const auto& [name, value] : properties) {
    rd_kafka_NewTopic_set_config(wanted, name.c_str(), value.c_str());
  }
  rd_kafka_queue_t* queue = rd_kafka_queue_new(client_);
  rd_kafka_CreateTopics(client_, &wanted, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  std::string fault;
  if (event == nullptr) {
    fault = "no answer within 30 s";
  } else if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    fault = rd_kafka_event_error_string(event);
  } else {
    std::size_t count = 0;
    const auto** results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (std::size_t i = 0; i < count; ++i) {
      const auto code = rd_kafka_topic_result_error(results[i]);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
        continue;
      }
      const char* reason = rd_kafka_topic_result_error_string(results[i]);
      fault = reason != nullptr ? reason : rd_kafka_err2str(code);
    }
  }
  if (event != nullptr) rd_kafka_event_destroy(event);
  rd_kafka_queue_destroy(queue);
  rd_kafka_NewTopic_destroy(wanted);
  if (!fault.empty()) {
    throw Error(
        fmt::format("topic \"{}\" was not created at {}: {}; create it by your cluster's "
                    "own means",
                    topic, brokers_, fault));
  }
}

std::string describe(const rd_kafka_error_t& error) {
  return fmt::format("{} ({})", rd_kafka_error_string(&error), rd_kafka_error_name(&error));
}

}  // namespace weir::kafka
