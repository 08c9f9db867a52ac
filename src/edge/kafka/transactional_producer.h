#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/transaction/error.h"
#include "edge/kafka/consumer.h"

namespace weir::kafka {

/// A header of an outgoing message; borrowed.
struct Header {
  const char* name;
  std::string_view value;
};

/// The messages of one transaction, kept until it is committed so that they can be sent again.
class OutgoingBatch {
 public:
  void add(std::size_t topic,
           std::string_view key,
           std::string_view value,
           std::span<const Header> headers);
  void clear();
  std::size_t size() const { return messages_.size(); }
  std::size_t bytes() const { return bytes_.size(); }

 private:
  friend class TransactionalProducer;
  struct Stored {
    std::size_t topic;
    std::size_t begin;  // Of key, value and header values, one after another.
    std::uint32_t key_size;
    std::uint32_t value_size;
    std::uint32_t first_header;
    std::uint32_t headers;
  };
  struct StoredHeader {
    const char* name;
    std::uint32_t size;
  };

  std::string bytes_;
  std::vector<Stored> messages_;
  std::vector<StoredHeader> headers_;
};

/// Another producer took over this transactional id: what this one had open is discarded.
class Fenced : public Error {
 public:
  using Error::Error;
};

/// Writes messages together with the consumed offset, all or nothing.
///
/// The transactional id belongs to the input partition: whoever takes the partition fences whoever
/// had it before, and ends what that one left open.
class TransactionalProducer {
 public:
  /// Throws Error when the coordinator cannot be reached within `wait`.
  TransactionalProducer(const Settings& settings,
                        const std::string& transactional_id,
                        const std::vector<std::string>& topics,
                        std::chrono::milliseconds wait);
  ~TransactionalProducer();

  /// Hands the messages added to `batch` since the last call to the network, in a transaction that
  /// is begun if there is none. `partition`: of every output topic.
  void send(const OutgoingBatch& batch, int partition);

  /// Commits what was sent and that `consumer` has read up to `next`. Tries again, message by
  /// message, what can heal. False: the group has moved on, nothing is written. Throws Fenced, and
  /// Error for what cannot heal.
  bool commit(const OutgoingBatch& batch,
              int partition,
              const Consumer& consumer,
              std::int64_t next);
  /// Discards what is open.
  void abort();

  std::uint64_t aborts() const { return aborts_; }

 private:
  enum class Step { kDone, kAgain, kMovedOn };

  void begin();
  Step commit_once(const Consumer& consumer, int partition, std::int64_t next);
  /// Sorts an error of a transaction's step: throws for fatal ones, aborts where that is asked for.
  Step recover(Owned<rd_kafka_error_t> error, std::string_view step);

  Client client_;
  std::vector<Owned<rd_kafka_topic_t>> topics_;
  std::size_t sent_ = 0;  // Of the batch, in the open transaction.
  bool open_ = false;
  std::uint64_t aborts_ = 0;
};

}  // namespace weir::kafka
