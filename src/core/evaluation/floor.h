#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/transaction/payment.h"

namespace weir {

/// One compromise of the simulator's truth: a terminal (scenario 2) or a customer (scenario 3),
/// [from, until).
struct TruthWindow {
  int scenario = 0;
  std::int64_t key = 0;
  Seconds from = 0;
  Seconds until = 0;

  friend bool operator==(const TruthWindow&, const TruthWindow&) = default;
};

/// Reads `scenario,key,from,until` lines below that header. Throws Error naming `source` and the
/// line.
std::vector<TruthWindow> parse_truth(std::string_view csv, std::string_view source);

/// Terminal windows guessed from the labels where no truth is at hand: frauds of scenario 2 of one
/// terminal with no gap above `kEpisodeGap` are one episode.
inline constexpr Seconds kEpisodeGap = 7 * kSecondsPerDay;
std::vector<TruthWindow> windows_from_labels(const PaymentView& history);

/// What no model can know, for a label delay.
///
/// A payment of scenario 2 looks genuine; the only evidence is an earlier fraud of the same
/// terminal in the same episode (overlapping windows are one) whose label is known by then:
/// event_time + label_delay <= t. Without it the fraud is blind. Scenarios 1 and 3 show in the
/// payment itself and count as visible, so the floor is a lower bound.
struct Floor {
  std::uint64_t frauds = 0;
  std::uint64_t blind = 0;
  std::uint64_t scenario_2 = 0;
  std::vector<bool> is_blind;                   ///< By row of the evaluated payments.
  std::vector<std::uint64_t> blind_by_episode;  ///< Of each episode that has any.

  /// Blind / frauds: the FNR below which no honest score at FPR 0 can get.
  double share() const;
  /// The same when `rate` of the genuine payments are flagged: at best so many of the blind frauds
  /// are hit.
  double false_negative_rate_at(double rate) const { return share() * (1 - rate); }
};

/// Adds a floor up payment by payment, in the order of time, so that a period need not be in
/// memory. Starts early enough to hold the episodes that reach into the evaluated payments.
class FloorScan {
 public:
  FloorScan(std::span<const TruthWindow> windows, Seconds label_delay);

  /// Row `row` of labelled payments; `evaluated`: one of those that the floor is of.
  void add(const PaymentView& payments, std::size_t row, bool evaluated);
  Floor finish() &&;

 private:
  using Episode = std::pair<std::int64_t, Seconds>;  // Terminal, begin.

  std::map<std::int64_t, std::vector<TruthWindow>> episodes_;  // Of each terminal, apart, sorted.
  Seconds label_delay_;
  std::map<Episode, Seconds> first_fraud_;
  std::map<Episode, std::uint64_t> blind_of_;
  Floor floor_;
};

/// The floor of rows [begin, history.size()) of `history`.
Floor compute_floor(const PaymentView& history,
                    std::size_t begin,
                    std::span<const TruthWindow> windows,
                    Seconds label_delay);

/// What a perfect ranking of everything visible reaches: the visible frauds first, the blind ones
/// spread over the genuine payments by chance.
///
/// The blind frauds of an episode share a terminal, and a model that tells terminals apart ranks
/// them together, by luck high or low. The bounds are what 99 % of such lucky rankings stay within;
/// with few episodes they are wide, with many they close in on the expected values. Past them is no
/// luck.
struct Ceiling {
  double average_precision = 0;  ///< Expected value.
  double roc_auc = 0;
  double average_precision_bound = 0;
  double roc_auc_bound = 0;
  /// FNR at the given share of genuine payments flagged: only 1 % of lucky rankings get below it.
  double false_negative_rate_bound = 0;
};
Ceiling compute_ceiling(const Floor& floor, double false_positive_rate);

/// Such a ranking of the floor's payments, by row; chance from a hash of the transaction id.
std::vector<float> perfect_scores(const Floor& floor, const PaymentView& payments);

}  // namespace weir
