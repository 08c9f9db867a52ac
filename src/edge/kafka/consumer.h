#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/transaction/error.h"
#include "edge/kafka/client.h"

namespace weir::kafka {

/// One message of a partition; borrows librdkafka's memory, which it owns.
class Message {
 public:
  explicit Message(rd_kafka_message_t* message) : message_(message) {}

  int partition() const { return message_->partition; }
  std::int64_t offset() const { return message_->offset; }
  /// Milliseconds since 1970, as the topic stamps them; -1 for none.
  std::int64_t timestamp() const;
  /// Empty for none.
  std::string_view key() const;
  /// Nothing for a null.
  std::optional<std::string_view> value() const;
  /// The last header of this name.
  std::optional<std::string_view> header(const char* name) const;

 private:
  Owned<rd_kafka_message_t> message_;
};

/// Up to where a member of a group has read: what a transaction commits beside its messages.
struct ReadUpTo {
  Owned<rd_kafka_topic_partition_list_t> offsets;
  Owned<rd_kafka_consumer_group_metadata_t> group;
};

/// Another has this process's place, in the group or as the writer of its partition, or the brokers
/// take it for another: it lost the group for longer than its session, or stood still within a
/// transaction. What it had open is discarded; it can come back with a new client only.
class Fenced : public Error {
 public:
  using Error::Error;
};

/// No broker has answered for now.
class Unanswered : public Error {
 public:
  using Error::Error;
};

/// Told which partitions come and go, from inside `Consumer::poll`.
class Assignment {
 public:
  virtual ~Assignment() = default;
  /// All partitions of this member from now on, perhaps none; gives the offset to read each from.
  virtual std::vector<std::int64_t> on_assigned(const std::vector<int>& partitions) = 0;
  /// `lost`: another process may own them by now; nothing can be committed any more.
  virtual void on_revoked(bool lost) = 0;
  /// The end of the partition was reached; `next` is the offset of what comes next.
  virtual void on_end(int partition, std::int64_t next) = 0;
};

/// A member of a consumer group that reads one topic, committed messages only unless told
/// otherwise. Commits nothing itself: offsets are committed with the outputs, by a transaction.
class Consumer {
 public:
  struct Options {
    std::string topic;
    std::string group;
    /// Empty for one that does not join. A restart under the same name takes its partitions back at
    /// once.
    std::string instance;
    std::chrono::milliseconds session{10'000};
    /// False: it is a member and owns partitions, but another consumer reads them.
    bool reads = true;
    /// Sees what transactions that are not over have written, and waits for none of them.
    bool uncommitted = false;
  };

  Consumer(const Settings& settings, Options options, Assignment& assignment);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  void subscribe();
  /// Reads these partitions, each from its offset, beside the group and without joining it.
  void read(const std::vector<std::pair<int, std::int64_t>>& partitions);
  /// Writes an eight-byte 1 into `descriptor` when there is something to poll for.
  void wake(int descriptor);
  /// The next message, or nothing within `wait`. Throws Fenced where the group shuts this member
  /// out, and Error where a fault cannot heal; what an Assignment throws comes out here.
  std::optional<Message> poll(std::chrono::milliseconds wait);
  /// Leaves the group; calls on_revoked.
  void close();

  /// What the group has committed; nothing where it has not yet. Throws Error without an answer.
  std::optional<std::int64_t> committed(
      int partition, std::chrono::milliseconds wait = std::chrono::milliseconds(30'000));
  /// First and next offset of the partition, asked from the broker; up to the first transaction
  /// that is not over unless this consumer sees what is uncommitted.
  std::pair<std::int64_t, std::int64_t> watermarks(int partition) {
    return watermarks(options_.topic, partition);
  }
  /// The same of another topic.
  std::pair<std::int64_t, std::int64_t> watermarks(const std::string& topic, int partition);
  /// Whether a broker says within `wait` that the partition can be written to. May be called by
  /// another thread.
  bool reachable(int partition, std::chrono::milliseconds wait) const;
  /// Next offset of the partition as the last fetch saw it; -1 before.
  std::int64_t high_watermark(int partition) const;
  ReadUpTo read_up_to(int partition, std::int64_t next) const;
  Client& client() { return *client_; }

 private:
  void rebalance(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t& partitions);

  Options options_;
  Assignment& assignment_;
  std::unique_ptr<Client> client_;
  Owned<rd_kafka_queue_t> wakes_;
  std::exception_ptr thrown_;  // By an assignment, on the way through librdkafka's C.
  bool closed_ = true;
};

}  // namespace weir::kafka
