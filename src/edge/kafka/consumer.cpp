#include "edge/kafka/consumer.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>

#include "core/transaction/error.h"

namespace weir::kafka {
namespace {

constexpr int kAnswerMs = 30'000;
/// Messages that librdkafka holds ready. When it has so many, its thread looks again after up to a
/// second only: with the usual 100,000 whoever is faster than that stands still half of the time.
constexpr const char* kReadyMessages = "300000";

}  // namespace

std::int64_t Message::timestamp() const {
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  return rd_kafka_message_timestamp(message_.get(), &type);
}

std::string_view Message::key() const {
  return {static_cast<const char*>(message_->key), message_->key_len};
}

std::optional<std::string_view> Message::value() const {
  if (message_->payload == nullptr) return std::nullopt;
  return std::string_view(static_cast<const char*>(message_->payload), message_->len);
}

std::optional<std::string_view> Message::header(const char* name) const {
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  if (rd_kafka_message_headers(message_.get(), &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
      rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::nullopt;
  }
  return std::string_view(static_cast<const char*>(value), size);
}

Consumer::Consumer(const Settings& settings, Options options, Assignment& assignment)
    : options_(std::move(options)), assignment_(assignment) {
  auto configuration = make_configuration(settings);
  const auto session = std::to_string(options_.session.count());
  set(*configuration, "group.id", options_.group);
  if (!options_.instance.empty()) set(*configuration, "group.instance.id", options_.instance);
  set(*configuration, "session.timeout.ms", session);
  set(*configuration, "heartbeat.interval.ms", std::to_string(options_.session.count() / 5));
  set(*configuration, "isolation.level",
      options_.uncommitted ? "read_uncommitted" : "read_committed");
  set(*configuration, "enable.auto.commit", "false");
  set(*configuration, "enable.auto.offset.store", "false");
  set(*configuration, "auto.offset.reset", "error");
  set(*configuration, "enable.partition.eof", "true");
  if (!settings.properties.contains("queued.min.messages")) {
    set(*configuration, "queued.min.messages", kReadyMessages);
  }
  client_ = std::make_unique<Client>(RD_KAFKA_CONSUMER, std::move(configuration), settings,
                                     [this](auto code, auto& list) { rebalance(code, list); });
  rd_kafka_poll_set_consumer(client_->get());
}

Consumer::~Consumer() {
  if (closed_) return;
  // On the way out of an error: leave the group, but call nobody back.
  thrown_ = std::make_exception_ptr(Error("closing"));
  rd_kafka_consumer_close(client_->get());
}

void Consumer::subscribe() {
  Owned<rd_kafka_topic_partition_list_t> topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), options_.topic.c_str(), RD_KAFKA_PARTITION_UA);
  closed_ = false;
  if (const auto code = rd_kafka_subscribe(client_->get(), topics.get())) {
    throw Error(fmt::format("Kafka {}: cannot subscribe to \"{}\": {}", client_->brokers(),
                            options_.topic, rd_kafka_err2str(code)));
  }
}

void Consumer::read(const std::vector<std::pair<int, std::int64_t>>& partitions) {
  Owned<rd_kafka_topic_partition_list_t> list(
      rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const auto& [number, offset] : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), options_.topic.c_str(), number)->offset = offset;
  }
  rd_kafka_assign(client_->get(), list.get());
}

void Consumer::wake(int descriptor) {
  const std::uint64_t one = 1;
  wakes_.reset(rd_kafka_queue_get_consumer(client_->get()));
  rd_kafka_queue_io_event_enable(wakes_.get(), descriptor, &one, sizeof one);
}

std::optional<Message> Consumer::poll(std::chrono::milliseconds wait) {
  rd_kafka_message_t* raw = rd_kafka_consumer_poll(client_->get(), static_cast<int>(wait.count()));
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
  if (raw == nullptr) {
    client_->check();
    return std::nullopt;
  }
  Message message(raw);
  switch (raw->err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return message;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
      assignment_.on_end(raw->partition, raw->offset);
      return std::nullopt;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
      // A topic that was made a moment ago is not known to every broker yet.
      client_->health().report(raw->err, fmt::format("topic \"{}\" is not there", options_.topic));
      return std::nullopt;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      throw Error(fmt::format(
          "topic \"{}\": {}; events that this group has not read were removed by the topic's "
          "retention, or the topic was made anew; see docs/operating/stream.md, \"A lost log\"",
          options_.topic, rd_kafka_message_errstr(raw)));
    default:
      break;
  }
  if (raw->err == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_fatal_error(client_->get(), nullptr, 0)) {
    char text[512] = "";
    const auto code = rd_kafka_fatal_error(client_->get(), text, sizeof text);
    const auto told =
        fmt::format("Kafka {}: this process is out of group \"{}\": {} ({})", client_->brokers(),
                    options_.group, text, rd_kafka_err2name(code));
    if (code != RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID) throw Error(told);
    throw Fenced(fmt::format("{}; its session ended, or another one runs under --instance \"{}\"",
                             told, options_.instance));
  }
  client_->health().report(raw->err, rd_kafka_message_errstr(raw));
  client_->check();
  return std::nullopt;
}

void Consumer::close() {
  if (std::exchange(closed_, true)) return;
  rd_kafka_consumer_close(client_->get());
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

std::optional<std::int64_t> Consumer::committed(int partition, std::chrono::milliseconds wait) {
  Owned<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(1));
  auto* asked = rd_kafka_topic_partition_list_add(list.get(), options_.topic.c_str(), partition);
  const auto deadline = std::chrono::steady_clock::now() + wait;
  auto code = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (;;) {
    code = rd_kafka_committed(client_->get(), list.get(), static_cast<int>(wait.count()));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = asked->err;
    // A broker that just came back is nobody's coordinator for a moment.
    if (code != RD_KAFKA_RESP_ERR_NOT_COORDINATOR &&
        code != RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE &&
        code != RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS) {
      break;
    }
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const auto told =
        fmt::format("Kafka {}: what group \"{}\" has committed of \"{}\" is not known: {}",
                    client_->brokers(), options_.group, options_.topic, rd_kafka_err2str(code));
    if (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT) {
      throw Unanswered(told);
    }
    throw Error(told);
  }
  return asked->offset >= 0 ? std::optional(asked->offset) : std::nullopt;
}

std::pair<std::int64_t, std::int64_t> Consumer::watermarks(const std::string& topic,
                                                           int partition) {
  std::int64_t low = 0;
  std::int64_t high = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kAnswerMs);
  auto code = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    code = rd_kafka_query_watermark_offsets(client_->get(), topic.c_str(), partition, &low, &high,
                                            kAnswerMs);
    // A topic that was just made, or whose broker just came back, has no leader for a moment.
    if (code != RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION &&
        code != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  } while (std::chrono::steady_clock::now() < deadline);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    throw Error(fmt::format("Kafka {}: \"{}\" partition {}: {}", client_->brokers(), topic,
                            partition, rd_kafka_err2str(code)));
  }
  return {low, high};
}

bool Consumer::reachable(int partition, std::chrono::milliseconds wait) const {
  // Metadata: a query of offsets to a broker that is gone outlasts its own time-out.
  const Owned<rd_kafka_topic_t> topic(
      rd_kafka_topic_new(client_->get(), options_.topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto code =
      rd_kafka_metadata(client_->get(), 0, topic.get(), &metadata, static_cast<int>(wait.count()));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  bool led = false;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    for (int j = 0; j < metadata->topics[i].partition_cnt; ++j) {
      const auto& found = metadata->topics[i].partitions[j];
      led = led || (found.id == partition && found.leader >= 0);
    }
  }
  rd_kafka_metadata_destroy(metadata);
  return led;
}

std::int64_t Consumer::high_watermark(int partition) const {
  std::int64_t low = -1;
  std::int64_t high = -1;
  rd_kafka_get_watermark_offsets(client_->get(), options_.topic.c_str(), partition, &low, &high);
  return high;
}

ReadUpTo Consumer::read_up_to(int partition, std::int64_t next) const {
  ReadUpTo read;
  read.offsets.reset(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(read.offsets.get(), options_.topic.c_str(), partition)->offset =
      next;
  read.group.reset(rd_kafka_consumer_group_metadata(client_->get()));
  return read;
}

void Consumer::rebalance(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t& partitions) {
  const bool assigned = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  bool lost = false;
  // Exceptions must not pass through librdkafka's frames: poll throws them.
  try {
    if (thrown_) throw Error("an earlier fault comes first");
    if (assigned) {
      std::vector<int> numbers;
      for (int i = 0; i < partitions.cnt; ++i) numbers.push_back(partitions.elems[i].partition);
      const auto offsets = assignment_.on_assigned(numbers);
      for (int i = 0; i < partitions.cnt; ++i) {
        partitions.elems[i].offset = offsets[static_cast<std::size_t>(i)];
      }
      rd_kafka_assign(client_->get(), &partitions);
      if (!options_.reads) rd_kafka_pause_partitions(client_->get(), &partitions);
      return;
    }
    lost = rd_kafka_assignment_lost(client_->get()) != 0;
    // At once: until then the client goes on telling the group that it lives, but under no id,
    // which is how a member with a name is fenced. Nothing can be committed any more anyway.
    if (lost) rd_kafka_assign(client_->get(), nullptr);
    assignment_.on_revoked(lost);
  } catch (...) {
    if (!thrown_) thrown_ = std::current_exception();
  }
  if (!lost) rd_kafka_assign(client_->get(), nullptr);
}

}  // namespace weir::kafka
