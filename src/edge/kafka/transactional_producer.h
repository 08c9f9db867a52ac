#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
  /// Forgets the first `count` messages.
  void drop_first(std::size_t count) {
    messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  /// Forgets those at the places that are marked; `marks` has a place for each.
  void drop(const std::vector<bool>& marks);
  std::size_t size() const { return messages_.size(); }
  std::size_t bytes() const { return bytes_.size(); }
  std::string_view key(std::size_t message) const {
    const Stored& stored = messages_[message];
    return std::string_view(bytes_).substr(stored.begin, stored.key_size);
  }
  std::optional<std::string_view> header(std::size_t message, std::string_view name) const;
  /// Adds a message of another batch.
  void add(const OutgoingBatch& other, std::size_t message);

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

/// Writes messages together with the consumed offset, all or nothing.
///
/// The transactional ids belong to the input partition: whoever takes the partition fences whoever
/// had it before, and ends what that one left open.
///
/// Two ids take turns. A broker goes on finishing a transaction after it has answered the commit,
/// and a client that begins the next under the same id meanwhile is sent away for 20 to 100 ms.
/// Only one is open at a time, so outputs and offsets keep their order.
class TransactionalProducer {
 public:
  /// Throws Error when the coordinator cannot be reached within `wait`, or where `stop` becomes
  /// true meanwhile.
  TransactionalProducer(const Settings& settings,
                        const std::string& id,
                        const std::vector<std::string>& topics,
                        std::chrono::milliseconds wait,
                        const std::atomic<bool>* stop = nullptr);
  /// What is open stays so, for the next owner to abort: until then it shows what came before it
  /// and was not completed by the brokers.
  ~TransactionalProducer() = default;

  /// Writes the messages into `partition` of their topics, ahead of the commit. `batch` is borrowed
  /// until then. What fails shows at the commit; throws where no transaction can begin.
  void send(const OutgoingBatch& batch, int partition);
  /// Writes what of `batches` is not yet sent, all but the first `sent` of them, and commits all
  /// with `read`. Sends all of it again where that can heal. False: the group has moved on, nothing
  /// is written, and nothing more can be. Throws Fenced, and Error for what cannot heal.
  bool commit(std::span<const OutgoingBatch* const> batches,
              std::size_t sent,
              int partition,
              const ReadUpTo& read);
  bool commit(const OutgoingBatch& batch, int partition, const ReadUpTo& read) {
    const OutgoingBatch* const batches[] = {&batch};
    return commit(batches, 0, partition, read);
  }
  /// Discards what is open.
  void abort();
  /// Ends, as aborted, what a transaction of these ids has left in `partition` of the topics and
  /// among the offsets of `read`'s group although its coordinator calls it complete: by a new
  /// transaction of each id over all of them, which is aborted. Leaves an empty message, which
  /// nobody sees who reads what is committed. Precondition: nothing is open. False where the
  /// brokers did not answer; of no more use then. Throws Fenced.
  bool end_left_over(int partition, const ReadUpTo& read);
  /// For the end of a process: from this moment on commits are given up with an Error, even where
  /// they could heal. May be called by another thread.
  void stop_by(std::chrono::steady_clock::time_point moment) {
    stop_by_ = moment.time_since_epoch().count();
  }

  std::uint64_t aborts() const { return aborts_; }

 private:
  enum class Step { kDone, kAgain, kMovedOn };

  /// One transactional id.
  struct Lane {
    Lane(const Settings& settings,
         const std::string& transactional_id,
         const std::vector<std::string>& topics);
    /// Fences whoever had the id.
    void init(std::chrono::milliseconds wait, const std::atomic<bool>* stop);

    std::string id;
    Client client;
    std::vector<Owned<rd_kafka_topic_t>> topics;
  };

  void next_lane() { turn_ = (turn_ + 1) % lanes_.size(); }
  Lane& lane() { return *lanes_[turn_]; }
  rd_kafka_t* client() { return lane().client.get(); }
  bool given_up() const;
  void begin();
  /// Until at most so many messages are queued; false where that does not come about.
  bool wait_for_queue(int most);
  Step commit_once(const ReadUpTo& read);
  /// Sorts an error of a transaction's step: throws for fatal ones, aborts where that is asked for.
  Step recover(Owned<rd_kafka_error_t> error, std::string_view step);

  std::array<std::unique_ptr<Lane>, 2> lanes_;
  std::size_t turn_ = 0;  // Whose transaction is open, or next.
  bool open_ = false;
  std::size_t message_bytes_ = 1;  // Of those sent last, on average.
  bool failed_ = false;            // A message of what is open could not be handed over.
  std::atomic<std::uint64_t> aborts_ = 0;
  std::atomic<std::chrono::steady_clock::rep> stop_by_ =
      std::chrono::steady_clock::time_point::max().time_since_epoch().count();
};

}  // namespace weir::kafka
