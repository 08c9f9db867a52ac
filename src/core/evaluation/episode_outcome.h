#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/evaluation/floor.h"
#include "core/evaluation/loop_outcome.h"
#include "core/transaction/payment.h"

namespace weir {

/// What one compromise of the simulator's truth cost.
struct EpisodeOutcome {
  TruthWindow window;                  ///< Overlapping windows of one key are one episode.
  std::optional<Seconds> first_fraud;  ///< Its first fraud that was decided.
  std::optional<Seconds> first_block;  ///< Its first fraud that was not executed.
  std::uint64_t frauds = 0;
  std::uint64_t frauds_through = 0;
  std::int64_t damage_minor = 0;
  /// Amounts of the frauds before any answer about this episode could come: within the answer delay
  /// of its begin.
  std::int64_t blind_minor = 0;
  std::int64_t blind_damage_minor = 0;  ///< Of those that were executed.

  /// From the first fraud to the first one not executed; nothing when none was stopped.
  std::optional<Seconds> time_to_block() const;
};

/// What the compromises of terminals cost before any answer about them could come.
///
/// Until then nothing tells their payments from genuine ones, so an honest policy stops there no
/// larger a share than it touches of all payments: a much smaller `share` is a leak.
struct BlindDamage {
  std::uint64_t episodes = 0;  ///< Those that began in the period.
  double exposure_roubles = 0;
  double damage_roubles = 0;
  double share() const { return exposure_roubles > 0 ? damage_roubles / exposure_roubles : 1; }
};
BlindDamage blind_damage(std::span<const EpisodeOutcome> episodes, Seconds from);

/// Follows the compromises of terminals (scenario 2) and of customers (scenario 3) through decided
/// payments: how long each went on before the first fraud was stopped, and what it cost.
///
/// For evaluation only: it knows the truth. Genuine payments cost a branch. Not thread-safe.
class EpisodeOutcomes {
 public:
  /// `answer_delay`: the least time from a payment to what a challenge of it tells.
  EpisodeOutcomes(std::span<const TruthWindow> windows, Seconds answer_delay);

  /// In any order of time.
  void add(const LoopPayment& payment, std::int64_t terminal_id) {
    if (payment.is_fraud && (payment.scenario == 2 || payment.scenario == 3)) {
      add_fraud(payment, payment.scenario == 2 ? terminal_id : payment.customer_id);
    }
  }

  /// Those with a decided fraud, by scenario, then begin, then key.
  std::vector<EpisodeOutcome> outcomes() const;

 private:
  struct Key {
    int scenario;
    std::int64_t id;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  void add_fraud(const LoopPayment& payment, std::int64_t key);

  Seconds answer_delay_;
  std::vector<EpisodeOutcome> episodes_;  // By scenario, key, time; disjoint for one key.
  std::unordered_map<Key, std::size_t, KeyHash> first_of_;
};

}  // namespace weir
