#include "cli/stream/take_over.h"

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

namespace weir::cli {
namespace {

/// A broker that has ended the last owner's transaction tells the offset at once.
constexpr auto kOffsetAnswer = std::chrono::seconds(3);
constexpr int kTries = 10;

}  // namespace

TakenOver take_over(const StreamOptions& options,
                    int partition,
                    kafka::Consumer& member,
                    Doubt& doubt,
                    const std::atomic<bool>* stop) {
  TakenOver taken;
  OutputsReader outputs(options, partition);
  taken.settled = outputs.ends();
  doubt.add(outputs.first_from(taken.settled));
  taken.producer = std::make_unique<kafka::TransactionalProducer>(
      options.kafka, fmt::format("weir.{}.{}.{}", options.group, options.events, partition),
      std::vector{options.decisions, options.rejects},
      std::chrono::seconds(options.connect_timeout), stop);
  bool half_over = false;
  const auto end_left_over = [&] {
    half_over = true;
    if (taken.producer->end_left_over(partition, member.read_up_to(partition, 0))) return;
    throw kafka::Unanswered(fmt::format(
        "Kafka {}: a transaction that its owner left could not be ended", options.kafka.brokers));
  };
  for (int tries = 1;; ++tries) {
    try {
      taken.committed = member.committed(partition, kOffsetAnswer);
      break;
    } catch (const kafka::Unanswered&) {
      if (tries == kTries || (stop != nullptr && *stop)) throw;
      end_left_over();
    }
  }
  if (!half_over && outputs.open()) end_left_over();
  if (half_over) taken.written = outputs.written(taken.settled);
  return taken;
}

}  // namespace weir::cli
