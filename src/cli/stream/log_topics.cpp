#include "cli/stream/log_topics.h"

#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "core/transaction/error.h"

namespace weir::cli {

int check_log_topics(kafka::Client& client,
                     const StreamOptions& options,
                     const std::function<void(const std::string&)>& say) {
  const std::vector topics = {options.events, options.decisions, options.rejects};
  const auto wait = std::chrono::seconds(options.connect_timeout);
  auto partitions = client.partitions_of(topics, wait);
  if (options.create_topics > 0) {
    // As many partitions of each as there are of the events.
    const int wanted = partitions[0] > 0 ? partitions[0] : options.create_topics;
    for (std::size_t i = 0; i < topics.size(); ++i) {
      if (partitions[i] > 0) continue;
      // The log is the state's only source: it is kept until its owner shortens it.
      client.create_topic(topics[i], wanted, {{"retention.ms", "-1"}});
      say(fmt::format("topic {} is made with {} partitions", topics[i], wanted));
      partitions[i] = wanted;
    }
  }
  for (std::size_t i = 0; i < topics.size(); ++i) {
    if (partitions[i] == 0) {
      throw Error(fmt::format(
          "topic \"{}\" is not at {}; create it, or let weir do so with --create-topics 1",
          topics[i], client.brokers()));
    }
    if (partitions[i] < partitions[0]) {
      throw Error(fmt::format(
          "topic \"{}\" has {} partitions, \"{}\" has {}: outputs go into the partition of their "
          "event; give it as many",
          topics[i], partitions[i], topics[0], partitions[0]));
    }
  }
  return partitions[0];
}

}  // namespace weir::cli
