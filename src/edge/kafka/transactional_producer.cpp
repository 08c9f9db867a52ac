#include "edge/kafka/transactional_producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <climits>
#include <future>
#include <thread>

#include "core/transaction/error.h"

namespace weir::kafka {
namespace {

using std::chrono::milliseconds;

/// Of one call, which is repeated: the longest that the end of the process waits for one.
constexpr int kStepMs = 4'000;
constexpr int kFlushMs = 2;
/// batch.size: librdkafka sends what it holds of a partition when its keys and values come to this,
/// in requests that with headers are no larger. It has one under way, and while it waits its thread
/// spins where the next could go already: because it is full, because a message has waited for
/// longer than linger.ms, because of a flush. A quarter of all CPU, more where the broker is slow,
/// and taken from the broker. So no more is queued than one under way and one that fills.
constexpr std::size_t kRequestBytes = 1'000'000;
constexpr std::size_t kRecordBytes = 12;  ///< What a record adds to its content.
constexpr const char* kLingerMs = "2000";
/// Messages between two looks at the queue.
constexpr std::size_t kQueueLook = 256;
/// A queue that stands still for so long has nothing under way, or its transaction failed: the
/// commit tells.
constexpr auto kQueueWait = milliseconds(50);
constexpr int kTries = 20;
/// Of each step that ends what was left over.
constexpr int kEndMs = 10'000;
constexpr std::string_view kEndKey = "end";  ///< A compacted topic takes no message without a key.
/// A dead owner's transaction hides what comes after it for at most this long where nobody takes
/// its partition over.
constexpr const char* kTransactionTimeoutMs = "30000";

Owned<rd_kafka_conf_t> configuration_of(const Settings& settings, const std::string& id) {
  auto configuration = make_configuration(settings);
  const auto given = [&](const char* name) { return settings.properties.contains(name); };
  set(*configuration, "transactional.id", id);
  if (!given("transaction.timeout.ms")) {
    set(*configuration, "transaction.timeout.ms", kTransactionTimeoutMs);
  }
  // Requests are sent full, and what is left by the flush of a commit.
  if (!given("linger.ms")) set(*configuration, "linger.ms", kLingerMs);
  if (!given("batch.size")) set(*configuration, "batch.size", std::to_string(kRequestBytes));
  if (!given("batch.num.messages")) set(*configuration, "batch.num.messages", "100000");
  if (!given("message.max.bytes")) set(*configuration, "message.max.bytes", "2000000");
  // An RPC of a transaction that comes too early.
  if (!given("retry.backoff.ms")) set(*configuration, "retry.backoff.ms", "20");
  if (!given("queue.buffering.max.messages")) {
    set(*configuration, "queue.buffering.max.messages", "1000000");
  }
  return configuration;
}

bool group_moved_on(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      return true;
    default:
      return false;
  }
}

rd_kafka_vu_t argument(rd_kafka_vtype_t type) {
  rd_kafka_vu_t value;
  value.vtype = type;
  return value;
}

}  // namespace

void OutgoingBatch::add(std::size_t topic,
                        std::string_view key,
                        std::string_view value,
                        std::span<const Header> headers) {
  const auto size = [](std::string_view text) { return static_cast<std::uint32_t>(text.size()); };
  messages_.push_back({topic, bytes_.size(), size(key), size(value),
                       static_cast<std::uint32_t>(headers_.size()),
                       static_cast<std::uint32_t>(headers.size())});
  bytes_ += key;
  bytes_ += value;
  for (const Header& header : headers) {
    bytes_ += header.value;
    headers_.push_back({header.name, size(header.value)});
  }
}

std::optional<std::string_view> OutgoingBatch::header(std::size_t message,
                                                      std::string_view name) const {
  const Stored& stored = messages_[message];
  std::size_t at = stored.begin + stored.key_size + stored.value_size;
  for (std::uint32_t i = 0; i < stored.headers; ++i) {
    const StoredHeader& header = headers_[stored.first_header + i];
    if (header.name == name) return std::string_view(bytes_).substr(at, header.size);
    at += header.size;
  }
  return std::nullopt;
}

void OutgoingBatch::add(const OutgoingBatch& other, std::size_t message) {
  const Stored& stored = other.messages_[message];
  std::size_t end = stored.begin + stored.key_size + stored.value_size;
  const std::size_t first_header = headers_.size();
  for (std::uint32_t i = 0; i < stored.headers; ++i) {
    headers_.push_back(other.headers_[stored.first_header + i]);
    end += headers_.back().size;
  }
  messages_.push_back(stored);
  messages_.back().begin = bytes_.size();
  messages_.back().first_header = static_cast<std::uint32_t>(first_header);
  bytes_.append(other.bytes_, stored.begin, end - stored.begin);
}

void OutgoingBatch::drop(const std::vector<bool>& marks) {
  std::size_t at = 0;
  std::erase_if(messages_, [&](const Stored&) { return marks[at++]; });
}

void OutgoingBatch::clear() {
  bytes_.clear();
  messages_.clear();
  headers_.clear();
}

TransactionalProducer::Lane::Lane(const Settings& settings,
                                  const std::string& transactional_id,
                                  const std::vector<std::string>& topic_names)
    : id(transactional_id),
      client(RD_KAFKA_PRODUCER, configuration_of(settings, transactional_id), settings) {
  for (const std::string& topic : topic_names) {
    topics.emplace_back(rd_kafka_topic_new(client.get(), topic.c_str(), nullptr));
  }
}

void TransactionalProducer::Lane::init(milliseconds wait, const std::atomic<bool>* stop) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (true) {
    Owned<rd_kafka_error_t> error(rd_kafka_init_transactions(client.get(), kStepMs));
    if (!error) return;
    client.serve();
    client.check();
    if (rd_kafka_error_is_retriable(error.get()) == 0 ||
        std::chrono::steady_clock::now() >= deadline || (stop != nullptr && *stop)) {
      throw Error(fmt::format("Kafka {}: transactions under \"{}\" cannot begin: {}",
                              client.brokers(), id, describe(*error)));
    }
  }
}

TransactionalProducer::TransactionalProducer(const Settings& settings,
                                             const std::string& id,
                                             const std::vector<std::string>& topics,
                                             milliseconds wait,
                                             const std::atomic<bool>* stop) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i] = std::make_unique<Lane>(settings, fmt::format("{}.{}", id, i), topics);
  }
  // All are the caller's before it reads what was committed. Together, since each waits for its
  // coordinator.
  auto second = std::async(std::launch::async, [&] { lanes_[1]->init(wait, stop); });
  lanes_[0]->init(wait, stop);
  second.get();
}

void TransactionalProducer::begin() {
  if (open_) return;
  if (Owned<rd_kafka_error_t> error{rd_kafka_begin_transaction(client())}) {
    recover(std::move(error), "begin");
    throw Error("a transaction did not begin; start again");
  }
  open_ = true;
  failed_ = false;
}

bool TransactionalProducer::wait_for_queue(int most) {
  int least = INT_MAX;
  std::chrono::steady_clock::time_point deadline;
  for (int length = 0; (length = rd_kafka_outq_len(client())) > most;) {
    const auto now = std::chrono::steady_clock::now();
    if (length < least) deadline = now + kQueueWait;
    least = std::min(least, length);
    if (given_up() || now > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  return true;
}

void TransactionalProducer::send(const OutgoingBatch& batch, int partition) {
  begin();
  if (failed_) return;
  std::size_t content = 0;
  for (const auto& message : batch.messages_) content += message.key_size + message.value_size;
  const std::size_t count = std::max<std::size_t>(batch.size(), 1);
  message_bytes_ = content / count + 1;
  const std::size_t under_way = kRequestBytes / (batch.bytes() / count + kRecordBytes);
  const int most_queued = static_cast<int>(under_way + kRequestBytes * 9 / 10 / message_bytes_);
  std::size_t sent = 0;
  bool waits = true;
  for (const auto& message : batch.messages_) {
    if (waits && ++sent % kQueueLook == 0) waits = wait_for_queue(most_queued);
    const char* at = batch.bytes_.data() + message.begin;
    std::array<rd_kafka_vu_t, 6> arguments = {
        argument(RD_KAFKA_VTYPE_RKT),      argument(RD_KAFKA_VTYPE_PARTITION),
        argument(RD_KAFKA_VTYPE_KEY),      argument(RD_KAFKA_VTYPE_VALUE),
        argument(RD_KAFKA_VTYPE_MSGFLAGS), argument(RD_KAFKA_VTYPE_HEADERS)};
    arguments[0].u.rkt = lane().topics[message.topic].get();
    arguments[1].u.i32 = partition;
    arguments[2].u.mem = {const_cast<char*>(at), message.key_size};
    at += message.key_size;
    // Not copied: the batch outlives the transaction.
    arguments[3].u.mem = {const_cast<char*>(at), message.value_size};
    at += message.value_size;
    arguments[4].u.i = 0;
    rd_kafka_headers_t* headers = rd_kafka_headers_new(message.headers);
    for (std::uint32_t i = 0; i < message.headers; ++i) {
      const auto& header = batch.headers_[message.first_header + i];
      rd_kafka_header_add(headers, header.name, -1, at, header.size);
      at += header.size;
    }
    arguments[5].u.headers = headers;
    Owned<rd_kafka_error_t> error(rd_kafka_produceva(client(), arguments.data(), arguments.size()));
    while (error && rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
           !given_up()) {
      lane().client.serve(milliseconds(10));
      error.reset(rd_kafka_produceva(client(), arguments.data(), arguments.size()));
    }
    if (!error) continue;
    rd_kafka_headers_destroy(headers);
    // The transaction is over; commit finds out how, and sends all of it again.
    failed_ = true;
    break;
  }
  lane().client.serve();
}

bool TransactionalProducer::given_up() const {
  return std::chrono::steady_clock::now().time_since_epoch().count() >= stop_by_;
}

bool TransactionalProducer::commit(std::span<const OutgoingBatch* const> batches,
                                   std::size_t sent,
                                   int partition,
                                   const ReadUpTo& read) {
  milliseconds pause(50);
  int tries = 0;
  for (; tries < kTries && !given_up(); ++tries) {
    if (!open_) sent = 0;
    begin();
    for (const OutgoingBatch* batch : batches.subspan(sent)) send(*batch, partition);
    sent = batches.size();
    wait_for_queue(static_cast<int>(kRequestBytes / message_bytes_));  // Then one request is left.
    // The rest goes out now, beside the offsets; the commit waits for it.
    rd_kafka_flush(client(), kFlushMs);
    switch (commit_once(read)) {
      case Step::kDone:
        open_ = false;
        next_lane();
        return true;
      case Step::kMovedOn:
        return false;
      case Step::kAgain:
        break;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, milliseconds(2000));
  }
  throw Error(fmt::format("Kafka {}: a transaction failed {} times, the last time because of {}",
                          lane().client.brokers(), tries, lane().client.health().take_last()));
}

TransactionalProducer::Step TransactionalProducer::commit_once(const ReadUpTo& read) {
  while (Owned<rd_kafka_error_t> error{rd_kafka_send_offsets_to_transaction(
      client(), read.offsets.get(), read.group.get(), kStepMs)}) {
    if (rd_kafka_error_is_retriable(error.get()) != 0 && !given_up()) continue;
    if (given_up()) return Step::kAgain;
    return recover(std::move(error), "offsets");
  }
  if (failed_) {  // Whatever it was, a part is missing.
    abort();
    return Step::kAgain;
  }
  while (Owned<rd_kafka_error_t> error{rd_kafka_commit_transaction(client(), kStepMs)}) {
    // Retriable: whether it is committed is not known yet; the call must be repeated.
    if (rd_kafka_error_is_retriable(error.get()) != 0 && !given_up()) continue;
    if (given_up()) return Step::kAgain;
    return recover(std::move(error), "commit");
  }
  return Step::kDone;
}

TransactionalProducer::Step TransactionalProducer::recover(Owned<rd_kafka_error_t> error,
                                                           std::string_view step) {
  lane().client.serve();
  lane().client.check();
  const auto code = rd_kafka_error_code(error.get());
  if (rd_kafka_error_is_fatal(error.get()) != 0 || code == RD_KAFKA_RESP_ERR__FENCED) {
    open_ = false;
    char text[512] = "";
    const auto cause = rd_kafka_fatal_error(client(), text, sizeof text);
    throw Fenced(fmt::format(
        "Kafka {}: this process was fenced at {}: {} ({}); another one has its partition, or it "
        "stood still for longer than transaction.timeout.ms; nothing of its open transaction was "
        "written",
        lane().client.brokers(), step, text, rd_kafka_err2name(cause)));
  }
  const std::string undelivered = lane().client.take_undelivered();
  const bool too_large = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
  if (rd_kafka_error_txn_requires_abort(error.get()) == 0 || too_large) {
    throw Error(fmt::format("Kafka {}: {} of a transaction: {}{}{}", lane().client.brokers(), step,
                            describe(*error), undelivered.empty() ? "" : ": ", undelivered));
  }
  lane().client.health().report(code, describe(*error));
  if (group_moved_on(code)) {
    ++aborts_;
    return Step::kMovedOn;
  }
  abort();
  return Step::kAgain;
}

bool TransactionalProducer::end_left_over(int partition, const ReadUpTo& read) {
  for (std::size_t i = 0; i < lanes_.size(); ++i, next_lane()) {
    begin();
    // The end goes to the partitions that have something of the transaction.
    for (const auto& topic : lane().topics) {
      rd_kafka_produce(topic.get(), partition, 0, nullptr, 0, kEndKey.data(), kEndKey.size(),
                       nullptr);
    }
    const bool sent = rd_kafka_flush(client(), kEndMs) == RD_KAFKA_RESP_ERR_NO_ERROR;
    // A group that has moved on refuses the offset, but is told the end all the same.
    Owned<rd_kafka_error_t> error(rd_kafka_send_offsets_to_transaction(client(), read.offsets.get(),
                                                                       read.group.get(), kEndMs));
    if (error && rd_kafka_error_is_fatal(error.get()) != 0) recover(std::move(error), "offsets");
    const bool named = !error || group_moved_on(rd_kafka_error_code(error.get()));
    lane().client.serve();
    lane().client.take_undelivered();
    error.reset(rd_kafka_abort_transaction(client(), kEndMs));
    if (error && rd_kafka_error_is_fatal(error.get()) != 0) recover(std::move(error), "abort");
    if (error) return false;
    open_ = false;
    if (!sent || !named) return false;
  }
  return true;
}

void TransactionalProducer::abort() {
  if (!open_) return;
  ++aborts_;
  open_ = false;
  while (Owned<rd_kafka_error_t> error{rd_kafka_abort_transaction(client(), kStepMs)}) {
    if (given_up()) return;
    if (rd_kafka_error_is_retriable(error.get()) != 0) continue;
    recover(std::move(error), "abort");
    return;
  }
}

}  // namespace weir::kafka
