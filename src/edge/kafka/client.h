#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "edge/kafka/settings.h"

namespace weir::kafka {

/// librdkafka's objects, freed by their own functions.
struct Destroy {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
  void operator()(rd_kafka_message_t* message) const { rd_kafka_message_destroy(message); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_topic_partition_list_t* list) const {
    rd_kafka_topic_partition_list_destroy(list);
  }
  void operator()(rd_kafka_consumer_group_metadata_t* group) const {
    rd_kafka_consumer_group_metadata_destroy(group);
  }
};
template <typename Object>
using Owned = std::unique_ptr<Object, Destroy>;

/// What the client's threads last said of the brokers, and whether it can heal.
class Health {
 public:
  /// A fault that will not go away by itself: wrong credentials, an unsupported protocol.
  std::optional<std::string> fatal() const;
  /// The last fault, and forgets it.
  std::string take_last();
  void report(rd_kafka_resp_err_t code, const std::string& reason);

 private:
  mutable std::mutex mutex_;
  std::string last_;
  std::optional<std::string> fatal_;
};

/// A configuration with the settings' properties in it. Throws UsageError naming the property that
/// librdkafka refuses.
Owned<rd_kafka_conf_t> make_configuration(const Settings& settings);
void set(rd_kafka_conf_t& configuration, const char* name, const std::string& value);

/// One librdkafka client; destroyed with its threads.
class Client {
 public:
  using Rebalance = std::function<void(rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t&)>;

  /// `configuration` is taken over; `rebalance` is for consumers. Throws Error with librdkafka's
  /// reason.
  Client(rd_kafka_type_t type,
         Owned<rd_kafka_conf_t> configuration,
         const Settings& settings,
         Rebalance rebalance = nullptr);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  rd_kafka_t* get() const { return client_; }
  Health& health() { return health_; }
  const std::string& brokers() const { return brokers_; }
  /// Why the last message that a producer gave up on was not delivered, and forgets it.
  std::string take_undelivered() { return std::exchange(undelivered_, {}); }
  /// The numbers, given with them, of all messages that it gave up on, and forgets them.
  std::vector<std::uint64_t> take_lost() { return std::exchange(lost_, {}); }
  /// Throws Error when the fault cannot heal.
  void check() const;
  /// Takes in what the client's threads have to report, waiting for it for at most `wait`.
  void serve(std::chrono::milliseconds wait = {});

  /// Partitions of each topic, 0 for one that does not exist. Waits up to `wait` for a broker;
  /// throws Error naming the brokers and the last fault when none answers.
  std::vector<int> partitions_of(const std::vector<std::string>& topics,
                                 std::chrono::milliseconds wait);
  /// Creates the topic unless it exists. `properties` are the topic's own, such as
  /// `max.message.bytes`.
  void create_topic(const std::string& topic,
                    int partitions,
                    const std::map<std::string, std::string>& properties);

 private:
  static void on_error(rd_kafka_t* client, int code, const char* reason, void* opaque);
  void on_delivery(const rd_kafka_message_t& message);
  static void on_rebalance(rd_kafka_t* client,
                           rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t* partitions,
                           void* opaque);

  std::string brokers_;
  Health health_;
  Rebalance rebalance_;
  std::string undelivered_;
  std::vector<std::uint64_t> lost_;
  rd_kafka_t* client_ = nullptr;
  Owned<rd_kafka_queue_t> reports_;  // Of a producer.
};

/// `text (CODE)`.
std::string describe(const rd_kafka_error_t& error);

}  // namespace weir::kafka
