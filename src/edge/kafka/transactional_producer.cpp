#include "edge/kafka/transactional_producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <thread>

#include "core/transaction/error.h"

namespace weir::kafka {
namespace {

using std::chrono::milliseconds;

constexpr int kStepMs = 30'000;
constexpr int kTries = 20;
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
  // A commit flushes, so waiting for company only takes time.
  if (!given("linger.ms")) set(*configuration, "linger.ms", "2");
  if (!given("batch.num.messages")) set(*configuration, "batch.num.messages", "100000");
  if (!given("message.max.bytes")) set(*configuration, "message.max.bytes", "2000000");
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

void OutgoingBatch::clear() {
  bytes_.clear();
  messages_.clear();
  headers_.clear();
}

TransactionalProducer::TransactionalProducer(const Settings& settings,
                                             const std::string& transactional_id,
                                             const std::vector<std::string>& topics,
                                             milliseconds wait)
    : client_(RD_KAFKA_PRODUCER, configuration_of(settings, transactional_id), settings) {
  for (const std::string& topic : topics) {
    topics_.emplace_back(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  }
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (true) {
    Owned<rd_kafka_error_t> error(rd_kafka_init_transactions(client_.get(), 5000));
    if (!error) return;
    rd_kafka_poll(client_.get(), 0);
    client_.check();
    if (rd_kafka_error_is_retriable(error.get()) == 0 ||
        std::chrono::steady_clock::now() >= deadline) {
      throw Error(fmt::format("Kafka {}: transactions under \"{}\" cannot begin: {}",
                              client_.brokers(), transactional_id, describe(*error)));
    }
  }
}

TransactionalProducer::~TransactionalProducer() {
  // What is still open was not committed and must not hold the readers up.
  if (open_) Owned<rd_kafka_error_t>(rd_kafka_abort_transaction(client_.get(), 2000));
}

void TransactionalProducer::begin() {
  if (open_) return;
  if (Owned<rd_kafka_error_t> error{rd_kafka_begin_transaction(client_.get())}) {
    recover(std::move(error), "begin");
    throw Error("a transaction did not begin; start again");
  }
  open_ = true;
  sent_ = 0;
}

void TransactionalProducer::send(const OutgoingBatch& batch, int partition) {
  begin();
  for (; sent_ < batch.messages_.size(); ++sent_) {
    const auto& message = batch.messages_[sent_];
    const char* at = batch.bytes_.data() + message.begin;
    std::array<rd_kafka_vu_t, 5> arguments = {
        argument(RD_KAFKA_VTYPE_RKT), argument(RD_KAFKA_VTYPE_PARTITION),
        argument(RD_KAFKA_VTYPE_KEY), argument(RD_KAFKA_VTYPE_VALUE),
        argument(RD_KAFKA_VTYPE_MSGFLAGS)};
    arguments[0].u.rkt = topics_[message.topic].get();
    arguments[1].u.i32 = partition;
    arguments[2].u.mem = {const_cast<char*>(at), message.key_size};
    at += message.key_size;
    arguments[3].u.mem = {const_cast<char*>(at), message.value_size};
    at += message.value_size;
    arguments[4].u.i = RD_KAFKA_MSG_F_COPY;
    rd_kafka_headers_t* headers = rd_kafka_headers_new(message.headers);
    for (std::uint32_t i = 0; i < message.headers; ++i) {
      const auto& header = batch.headers_[message.first_header + i];
      rd_kafka_header_add(headers, header.name, -1, at, header.size);
      at += header.size;
    }
    std::array<rd_kafka_vu_t, 6> all;
    std::copy(arguments.begin(), arguments.end(), all.begin());
    all[5] = argument(RD_KAFKA_VTYPE_HEADERS);
    all[5].u.headers = headers;
    Owned<rd_kafka_error_t> error(rd_kafka_produceva(client_.get(), all.data(), all.size()));
    while (error && rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      rd_kafka_poll(client_.get(), 10);
      error.reset(rd_kafka_produceva(client_.get(), all.data(), all.size()));
    }
    if (!error) continue;
    rd_kafka_headers_destroy(headers);
    // The transaction is over; commit finds out how, and sends all of it again.
    return;
  }
  rd_kafka_poll(client_.get(), 0);
}

bool TransactionalProducer::commit(const OutgoingBatch& batch,
                                   int partition,
                                   const Consumer& consumer,
                                   std::int64_t next) {
  milliseconds pause(50);
  for (int tries = 0; tries < kTries; ++tries) {
    send(batch, partition);
    switch (commit_once(consumer, partition, next)) {
      case Step::kDone:
        open_ = false;
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
                          client_.brokers(), kTries, client_.health().take_last()));
}

TransactionalProducer::Step TransactionalProducer::commit_once(const Consumer& consumer,
                                                               int partition,
                                                               std::int64_t next) {
  Owned<rd_kafka_topic_partition_list_t> offsets(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(offsets.get(), consumer.topic().c_str(), partition)->offset =
      next;
  const auto group = consumer.group();
  while (Owned<rd_kafka_error_t> error{
      rd_kafka_send_offsets_to_transaction(client_.get(), offsets.get(), group.get(), kStepMs)}) {
    if (rd_kafka_error_is_retriable(error.get()) != 0) continue;
    return recover(std::move(error), "offsets");
  }
  while (Owned<rd_kafka_error_t> error{rd_kafka_commit_transaction(client_.get(), kStepMs)}) {
    // Retriable: whether it is committed is not known yet; the call must be repeated.
    if (rd_kafka_error_is_retriable(error.get()) != 0) continue;
    return recover(std::move(error), "commit");
  }
  return Step::kDone;
}

TransactionalProducer::Step TransactionalProducer::recover(Owned<rd_kafka_error_t> error,
                                                           std::string_view step) {
  rd_kafka_poll(client_.get(), 0);
  client_.check();
  const auto code = rd_kafka_error_code(error.get());
  if (rd_kafka_error_is_fatal(error.get()) != 0 || code == RD_KAFKA_RESP_ERR__FENCED) {
    open_ = false;
    char text[512] = "";
    const auto cause = rd_kafka_fatal_error(client_.get(), text, sizeof text);
    throw Fenced(fmt::format(
        "Kafka {}: this process was fenced at {}: {} ({}); another one has its partition, or it "
        "stood still for longer than transaction.timeout.ms; nothing of its open transaction was "
        "written",
        client_.brokers(), step, text, rd_kafka_err2name(cause)));
  }
  const std::string undelivered = client_.take_undelivered();
  const bool too_large = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
  if (rd_kafka_error_txn_requires_abort(error.get()) == 0 || too_large) {
    throw Error(fmt::format("Kafka {}: {} of a transaction: {}{}{}", client_.brokers(), step,
                            describe(*error), undelivered.empty() ? "" : ": ", undelivered));
  }
  client_.health().report(code, describe(*error));
  abort();
  return group_moved_on(code) ? Step::kMovedOn : Step::kAgain;
}

void TransactionalProducer::abort() {
  if (!open_) return;
  ++aborts_;
  open_ = false;
  sent_ = 0;
  while (Owned<rd_kafka_error_t> error{rd_kafka_abort_transaction(client_.get(), kStepMs)}) {
    if (rd_kafka_error_is_retriable(error.get()) != 0) continue;
    recover(std::move(error), "abort");
    return;
  }
}

}  // namespace weir::kafka
