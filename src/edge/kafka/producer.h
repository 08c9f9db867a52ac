#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "edge/kafka/client.h"

namespace weir::kafka {

/// Appends messages to one topic, each once and in order (an idempotent producer).
class Producer {
 public:
  Producer(const Settings& settings, const std::string& topic);

  Client& client() { return client_; }
  /// Milliseconds since 1970 for `timestamp`, 0 for now; waits where the queue is full. Throws
  /// Error for what cannot heal.
  void send(std::string_view key, std::string_view value, std::int64_t timestamp);
  /// The same with the log's own time and a header, without waiting: false where the queue is full.
  /// What is given up later is told by `number` (client().take_lost()).
  bool offer(std::string_view key,
             std::string_view value,
             const char* header,
             std::string_view header_value,
             std::uint64_t number);
  /// Waits for every message. Throws Error naming the reason where one was given up.
  void finish();
  /// Lets the client report what became of messages.
  void poll() { client_.serve(); }

 private:
  void check();

  std::string topic_name_;
  Client client_;
  Owned<rd_kafka_topic_t> topic_;
};

}  // namespace weir::kafka
