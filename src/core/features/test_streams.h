#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/features/feature_spec.h"
#include "core/transaction/hash.h"
#include "core/transaction/payment.h"

/// Random specs and logs for the tests: few keys, short windows, many ties, so that every rule
/// meets every other.
namespace weir::test {

inline constexpr std::int64_t kKeys = 4;

/// A generator by counter: the same numbers on every machine.
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : seed_(seed) {}
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(hash64(seed_, counter_++) % static_cast<std::uint64_t>(limit));
  }
  bool one_in(std::int64_t n) { return below(n) == 0; }

 private:
  std::uint64_t seed_;
  std::uint64_t counter_ = 0;
};

/// Every aggregate for every key, over random windows and delays.
inline FeatureSpec random_spec(std::uint64_t seed) {
  Chance chance(hash64(seed, 1));
  const std::vector<int> windows = {1, 7, 60, 600, 3'600, 20'000};
  std::string inputs;
  for (const AggregateWord& word : aggregate_words()) {
    if (word.of_payment) {
      inputs += "{ key = \"payment\", aggregate = \"" + std::string(word.word) + "\" },\n";
      continue;
    }
    for (const char* key : {"customer", "terminal", "pair"}) {
      const auto window = windows[static_cast<std::size_t>(chance.below(6))];
      inputs += "{ key = \"" + std::string(key) + "\", aggregate = \"" + std::string(word.word) +
                "\", window = \"" + std::to_string(window) + "s\"";
      if (word.takes_delay && chance.one_in(2)) {
        inputs += ", delay = \"" +
                  std::to_string(windows[static_cast<std::size_t>(chance.below(5))]) + "s\"";
      }
      inputs += " },\n";
    }
  }
  return FeatureSpec::parse("input = [" + inputs + "]", "random");
}

struct Event {
  bool is_feedback = false;
  Payment payment;
  Feedback feedback;
};

/// Payments with ties, late and far too late ones; feedback early, late, repeated, corrected, out
/// of order, for strangers.
inline std::vector<Event> random_log(std::uint64_t seed, int events) {
  Chance chance(hash64(seed, 2));
  std::vector<Event> log;
  std::vector<Payment> seen;
  Seconds now = 1'600'000'000;
  const std::int64_t step = chance.one_in(2) ? 4 : 600;
  for (int i = 0; i < events; ++i) {
    Event event;
    if (seen.empty() || !chance.one_in(3)) {
      if (!chance.one_in(3)) now += chance.below(step);
      if (chance.one_in(100)) now += chance.below(200'000);
      event.payment = {chance.below(1'000'000'000'000), now, chance.below(kKeys),
                       chance.below(kKeys), chance.one_in(10) ? 0 : chance.below(50'000)};
      if (chance.one_in(8)) event.payment.event_time -= chance.below(step * 10);
      if (chance.one_in(40)) event.payment.event_time -= chance.below(150'000);
      if (chance.one_in(200))
        event.payment.amount_minor = 4'000'000'000 + chance.below(1'000'000'000);
      seen.push_back(event.payment);
    } else {
      event.is_feedback = true;
      const auto back =
          chance.one_in(2) ? std::min<std::int64_t>(10, std::ssize(seen)) : std::ssize(seen);
      Payment payment = seen[seen.size() - 1 - static_cast<std::size_t>(chance.below(back))];
      if (chance.one_in(20)) payment.transaction_id += 1;
      const Seconds known_at = chance.one_in(3) ? now + chance.below(step * 5) - step
                                                : payment.event_time + chance.below(5'000) - 5;
      const auto outcome = chance.below(9);
      event.feedback = {payment,
                        outcome < 4   ? Outcome::kFraud
                        : outcome < 8 ? Outcome::kGenuine
                                      : Outcome::kUnanswered,
                        OutcomeSource::kAnalyst, known_at};
    }
    log.push_back(event);
  }
  return log;
}

}  // namespace weir::test
