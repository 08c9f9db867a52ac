#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/evaluation/bootstrap.h"
#include "core/evaluation/cluster_bootstrap.h"
#include "core/transaction/payment.h"

namespace weir {

/// One payment that both sides decided, under the same answers of the cardholders (common random
/// numbers), and its truth.
struct ComparedPayment {
  Seconds event_time = 0;
  std::int64_t customer_id = 0;
  std::int64_t terminal_id = 0;
  std::int64_t amount_minor = 0;
  bool is_fraud = false;
  bool champion_touched = false;  ///< Challenged or declined.
  bool champion_executed = true;
  bool challenger_touched = false;
  bool challenger_executed = true;
  /// Of average precision, challenger less champion: Ranking::average_precision_influence.
  double ranking_influence = 0;
};

/// Differences between two sides, summed by customer, by terminal and by UTC day.
///
/// 47 M payments of a million customers take about 100 MB. Not thread-safe.
class PairedClusters {
 public:
  struct Sums {
    std::int64_t id = 0;
    std::uint64_t payments = 0;
    std::uint64_t genuine = 0;
    std::int64_t damage_minor = 0;  ///< Challenger less champion, as all that follows.
    std::int64_t touched = 0;       ///< Genuine payments challenged or declined.
    std::int64_t lost = 0;          ///< Genuine payments not executed.
    double ranking = 0;
  };
  /// One side's totals.
  struct Side {
    std::int64_t damage_minor = 0;
    std::uint64_t touched = 0;
    std::uint64_t lost = 0;
  };
  /// Squares of single payments' differences; touched and lost payments differ by one at most.
  struct Squares {
    double damage_minor = 0;
    std::uint64_t touched = 0;
    std::uint64_t lost = 0;
    double ranking = 0;
  };

  void add(const ComparedPayment& payment);

  std::uint64_t payments() const { return payments_; }
  std::uint64_t genuine() const { return genuine_; }
  std::uint64_t frauds() const { return payments_ - genuine_; }
  std::uint64_t differing() const { return differing_; }  ///< Payments touched or executed by one.
  const Side& champion() const { return champion_; }
  const Side& challenger() const { return challenger_; }
  const Squares& squares() const { return squares_; }
  const std::vector<Sums>& customers() const { return customers_.sums; }
  const std::vector<Sums>& terminals() const { return terminals_.sums; }
  const std::vector<Sums>& days() const { return days_.sums; }

 private:
  /// Sums by id, in order of first sight.
  struct Table {
    Sums& of(std::int64_t id);
    std::vector<std::uint32_t> dense;  // Place + 1 of small ids.
    std::unordered_map<std::int64_t, std::uint32_t> sparse;
    std::vector<Sums> sums;
  };

  std::uint64_t payments_ = 0;
  std::uint64_t genuine_ = 0;
  std::uint64_t differing_ = 0;
  Side champion_;
  Side challenger_;
  Squares squares_;
  Table customers_;
  Table terminals_;
  Table days_;
};

/// What is compared; the order of `Comparison::measures`.
enum class ComparedMeasure : unsigned char {
  kDamage,             ///< Roubles of executed frauds in 30 days. Decides.
  kFalsePositiveRate,  ///< Genuine payments challenged or declined / genuine. A guard.
  kAveragePrecision,   ///< Of the scores frozen at decision time. A guard.
  kGenuineLost,        ///< Genuine payments not executed / genuine. For information.
};

enum class ClusterKind : unsigned char { kCustomer, kTerminal, kCustomerAndTerminal, kDay };
inline constexpr std::size_t kClusterKinds = 4;

/// `customer`, `terminal`, `customer and terminal`, `day`.
std::string_view cluster_kind_name(ClusterKind kind);

/// Two-sided 90 % interval of a difference, so that each end errs in 5 % of samples.
struct ClusteredInterval {
  ClusterKind kind = ClusterKind::kCustomer;
  std::size_t clusters = 0;  ///< Those that carry a difference.
  double standard_error = 0;
  Interval interval;
};

struct MeasureComparison {
  double champion = 0;
  double challenger = 0;
  std::array<ClusteredInterval, kClusterKinds> intervals;  ///< Of challenger less champion.
  std::size_t widest = 0;                                  ///< Which of `intervals` decides.

  double difference() const { return challenger - champion; }
  const ClusteredInterval& decisive() const { return intervals[widest]; }
};

enum class Verdict : unsigned char { kPromote, kKeep, kInconclusive };

/// `promote`, `keep`, `inconclusive`.
std::string_view verdict_name(Verdict verdict);

struct ComparisonOptions {
  /// The gain in damage worth a change, as a share of the champion's damage: the comparison ends
  /// with keep once such a gain is excluded.
  double relevant_gain = 0.10;
  /// How much the challenger may be worse in a guard and still count as no worse.
  double false_positive_margin = 0.0025;
  double average_precision_margin = 0.005;
  std::size_t samples = 1000;
  std::uint64_t seed = 1;
};

struct Comparison {
  std::array<MeasureComparison, kClusterMeasures> measures;  ///< By ComparedMeasure.
  Verdict verdict = Verdict::kInconclusive;
  std::string reason;  ///< One sentence.
  double days = 0;     ///< Of the period.
  /// For inconclusive: days in all after which the interval is too narrow to hold both no gain and
  /// the relevant gain (or, where a guard is open, to hold its margin if the difference stays).
  /// Infinite when no number of days will do; 0 for a verdict.
  double days_needed = 0;

  const MeasureComparison& measure(ComparedMeasure which) const {
    return measures[static_cast<std::size_t>(which)];
  }
};

/// Champion against challenger on the same payments: a paired bootstrap of clusters.
///
/// What one incident does is spread over many payments that stand or fall together: a compromised
/// terminal's frauds are of thousands of customers, a taken-over card's of several terminals, and a
/// controller's or a batch's mistake of one day. So the difference is drawn by customer, by
/// terminal and by day; customer and terminal together by adding their variances less what they
/// count twice (multiway clustering, Cameron, Gelbach, Miller 2011; the payment's own variance is
/// taken off where theirs asks for the pair's, which errs to the wide side). The widest decides.
/// Intervals are percentiles of the samples, stretched by Student's t for few clusters.
///
/// Never a test of means of bootstrap samples: their spread falls with the number of samples, so it
/// calls every difference significant.
///
/// Average precision and the rates are linearised (delta method), so a sample costs a sum over
/// clusters and not a sort. Throws Error when
/// there is no fraud or no genuine payment.
Comparison compare_paired(const PairedClusters& clusters,
                          double champion_average_precision,
                          double challenger_average_precision,
                          double days,
                          const ComparisonOptions& options);

}  // namespace weir
