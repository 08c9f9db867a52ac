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

  /// From the first fraud to the first one not executed; nothing when none was stopped.
  std::optional<Seconds> time_to_block() const;
};

/// Follows the compromises of terminals (scenario 2) and of customers (scenario 3) through decided
/// payments: how long each went on before the first fraud was stopped, and what it cost.
///
/// For evaluation only: it knows the truth. Genuine payments cost a branch. Not thread-safe.
class EpisodeOutcomes {
 public:
  explicit EpisodeOutcomes(std::span<const TruthWindow> windows);

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

  std::vector<EpisodeOutcome> episodes_;  // By scenario, key, time; disjoint for one key.
  std::unordered_map<Key, std::size_t, KeyHash> first_of_;
};

}  // namespace weir
