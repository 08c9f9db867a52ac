#include "core/evaluation/paired_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr double kDaysOfAMonth = 30;
constexpr double kKopecks = 100;
constexpr double kTail = 0.05;                             // Of each side of the interval.
constexpr std::int64_t kDenseIds = std::int64_t{1} << 27;  // At most half a gigabyte of places.
constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr auto kDamage = static_cast<std::size_t>(ComparedMeasure::kDamage);
constexpr auto kTouched = static_cast<std::size_t>(ComparedMeasure::kFalsePositiveRate);
constexpr auto kRanking = static_cast<std::size_t>(ComparedMeasure::kAveragePrecision);
constexpr auto kLost = static_cast<std::size_t>(ComparedMeasure::kGenuineLost);

using Sums = PairedClusters::Sums;

double squared(double value) { return value * value; }

/// Turns sums of a cluster into its influence on each measure's difference, which is on the
/// measure's own scale: roubles in 30 days, or a share.
struct Influence {
  Influence(const PairedClusters& clusters, double days)
      : roubles(kDaysOfAMonth / days / kKopecks),
        payments(static_cast<double>(clusters.payments())),
        genuine(static_cast<double>(clusters.genuine())) {
    const auto& [champion, challenger] = std::pair(clusters.champion(), clusters.challenger());
    damage_minor = static_cast<double>(challenger.damage_minor - champion.damage_minor) / payments;
    touched =
        (static_cast<double>(challenger.touched) - static_cast<double>(champion.touched)) / genuine;
    lost = (static_cast<double>(challenger.lost) - static_cast<double>(champion.lost)) / genuine;
  }

  ClusterValues of(const Sums& sums) const {
    const auto of_genuine = static_cast<double>(sums.genuine);
    ClusterValues result;
    result.id = sums.id;
    result.values[kDamage] = roubles * (static_cast<double>(sums.damage_minor) -
                                        damage_minor * static_cast<double>(sums.payments));
    result.values[kTouched] = (static_cast<double>(sums.touched) - touched * of_genuine) / genuine;
    result.values[kLost] = (static_cast<double>(sums.lost) - lost * of_genuine) / genuine;
    result.values[kRanking] = sums.ranking;
    return result;
  }

  /// The variance of each difference if every payment were a cluster of its own.
  std::array<double, kClusterMeasures> single_payment_variance(
      const PairedClusters::Squares& squares) const {
    std::array<double, kClusterMeasures> variance = {};
    variance[kDamage] =
        roubles * roubles * (squares.damage_minor - payments * damage_minor * damage_minor);
    variance[kTouched] =
        (static_cast<double>(squares.touched) - genuine * touched * touched) / (genuine * genuine);
    variance[kLost] =
        (static_cast<double>(squares.lost) - genuine * lost * lost) / (genuine * genuine);
    variance[kRanking] = squares.ranking;
    return variance;
  }

  double roubles;
  double payments;
  double genuine;
  double damage_minor;  // The difference a payment.
  double touched;       // The difference a genuine payment.
  double lost;
};

bool carries(const Sums& sums, std::size_t measure) {
  switch (static_cast<ComparedMeasure>(measure)) {
    case ComparedMeasure::kDamage:
      return sums.damage_minor != 0;
    case ComparedMeasure::kFalsePositiveRate:
      return sums.touched != 0;
    case ComparedMeasure::kAveragePrecision:
      return sums.ranking != 0;
    case ComparedMeasure::kGenuineLost:
      return sums.lost != 0;
  }
  return false;
}

/// How much wider the interval of so few clusters must be: Student's t for the normal's z, and the
/// variance's own shrinking by (n - 1) / n. Degrees of freedom are those of the variance's
/// estimate, 3 (Σz²)² / Σz⁴, all clusters where the values are normal and fewer where some outweigh
/// the rest (Satterthwaite; Carter, Schnepel, Steigerwald 2017).
double stretch(std::size_t clusters, double squares, double fourth_powers) {
  if (clusters < 2) return kInfinity;
  const double effective =
      std::min(static_cast<double>(clusters), 3 * squares * squares / fourth_powers);
  const auto n = static_cast<std::size_t>(std::max(2.0, effective));
  return student_quantile_95(n - 1) / kNormalQuantile95 *
         std::sqrt(static_cast<double>(n) / static_cast<double>(n - 1));
}

Interval around(double estimate, const Interval& spread, double factor) {
  // Infinite times zero is no number: a spread of nothing from one cluster is still unknown.
  if (std::isinf(factor)) return {-kInfinity, kInfinity};
  return {estimate + factor * spread.low, estimate + factor * spread.high};
}

void draw(const std::vector<Sums>& sums,
          const Influence& influence,
          ClusterKind kind,
          const ComparisonOptions& options,
          std::array<MeasureComparison, kClusterMeasures>& measures) {
  std::vector<ClusterValues> values;
  values.reserve(sums.size());
  for (const Sums& cluster : sums) values.push_back(influence.of(cluster));
  BootstrapSums samples = bootstrap_cluster_sums(
      values, hash64(options.seed, static_cast<std::uint64_t>(kind)), options.samples);
  for (std::size_t measure = 0; measure < kClusterMeasures; ++measure) {
    ClusteredInterval& result = measures[measure].intervals[static_cast<std::size_t>(kind)];
    result.kind = kind;
    double variance = 0;
    double fourth_powers = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double square = squared(values[i].values[measure]);
      variance += square;
      fourth_powers += squared(square);
      result.clusters += carries(sums[i], measure);
    }
    const double difference = measures[measure].difference();
    if (result.clusters == 0) {
      result.interval = {difference, difference};
      continue;
    }
    const double factor = stretch(result.clusters, variance, fourth_powers);
    result.standard_error = factor * std::sqrt(variance);
    // Percentiles see skewness; where they fall short of the normal interval, few clusters are to
    // blame.
    const double normal = kNormalQuantile95 * std::sqrt(variance);
    const Interval spread = percentile_interval(std::move(samples[measure]), kTail);
    result.interval =
        around(difference, {std::min(spread.low, -normal), std::max(spread.high, normal)}, factor);
  }
}

/// Customer and terminal together: the wider of the two intervals, stretched to their joint
/// variance.
void join(MeasureComparison& measure, double single_payment_variance) {
  const auto& customer = measure.intervals[static_cast<std::size_t>(ClusterKind::kCustomer)];
  const auto& terminal = measure.intervals[static_cast<std::size_t>(ClusterKind::kTerminal)];
  const ClusteredInterval& wider =
      customer.standard_error >= terminal.standard_error ? customer : terminal;
  ClusteredInterval& joint =
      measure.intervals[static_cast<std::size_t>(ClusterKind::kCustomerAndTerminal)];
  joint = wider;
  joint.kind = ClusterKind::kCustomerAndTerminal;
  joint.clusters = std::min(customer.clusters, terminal.clusters);
  if (joint.clusters < 2) return;
  const double variance = customer.standard_error * customer.standard_error +
                          terminal.standard_error * terminal.standard_error -
                          single_payment_variance;
  joint.standard_error = std::max(wider.standard_error, std::sqrt(std::max(0.0, variance)));
  const double factor =
      wider.standard_error > 0 ? joint.standard_error / wider.standard_error : 1.0;
  const double difference = measure.difference();
  joint.interval = around(
      difference, {wider.interval.low - difference, wider.interval.high - difference}, factor);
}

void choose_widest(MeasureComparison& measure) {
  const auto width = [&](std::size_t i) {
    return measure.intervals[i].interval.high - measure.intervals[i].interval.low;
  };
  for (std::size_t i = 0; i < kClusterKinds; ++i) {
    if (width(i) > width(measure.widest)) measure.widest = i;
  }
}

/// A guard's difference turned so that more is worse.
struct Guard {
  std::string_view name;
  double margin;
  double difference;
  Interval interval;
  double standard_error;
};

std::array<Guard, 2> guards_of(const Comparison& comparison, const ComparisonOptions& options) {
  const MeasureComparison& rate = comparison.measure(ComparedMeasure::kFalsePositiveRate);
  const MeasureComparison& ranking = comparison.measure(ComparedMeasure::kAveragePrecision);
  const Interval& precision = ranking.decisive().interval;
  return {Guard{"FPR", options.false_positive_margin, rate.difference(), rate.decisive().interval,
                rate.decisive().standard_error},
          Guard{"average precision",
                options.average_precision_margin,
                -ranking.difference(),
                {-precision.high, -precision.low},
                ranking.decisive().standard_error}};
}

void judge(Comparison& comparison, const ComparisonOptions& options, std::uint64_t differing) {
  const MeasureComparison& damage = comparison.measure(ComparedMeasure::kDamage);
  const Interval& interval = damage.decisive().interval;
  const double relevant = options.relevant_gain * damage.champion;
  const auto say = [&](Verdict verdict, std::string reason) {
    comparison.verdict = verdict;
    comparison.reason = std::move(reason);
  };
  const auto guards = guards_of(comparison, options);
  for (const Guard& guard : guards) {
    if (guard.interval.low > guard.margin) {
      return say(Verdict::kKeep,
                 fmt::format("the challenger's {} is worse by more than the margin", guard.name));
    }
  }
  if (interval.low > 0) return say(Verdict::kKeep, "the challenger lets more damage through");
  if (interval.high < 0) {
    for (const Guard& guard : guards) {
      if (guard.interval.high <= guard.margin) continue;
      // When the interval, which shrinks with the root of the days, leaves the margin.
      const double days = comparison.days * squared(kNormalQuantile95 * guard.standard_error /
                                                    (guard.margin - guard.difference));
      comparison.days_needed = std::max(comparison.days_needed, days);
      say(Verdict::kInconclusive,
          fmt::format(
              "the challenger saves damage, but its {} may be worse by more than the margin",
              guard.name));
    }
    if (comparison.days_needed > 0) return;
    return say(Verdict::kPromote,
               "the challenger lets less damage through and no guard is worse by its margin");
  }
  if (differing == 0) return say(Verdict::kKeep, "both sides decided every payment alike");
  if (damage.champion == 0) return say(Verdict::kKeep, "the champion lets no damage through");
  if (interval.low > -relevant) {
    return say(Verdict::kKeep, fmt::format("a gain of {:.3g} % of the damage is excluded",
                                           100 * options.relevant_gain));
  }
  say(Verdict::kInconclusive,
      fmt::format("neither no gain nor a gain of {:.3g} % of the damage is excluded",
                  100 * options.relevant_gain));
  // After so many days the interval is narrower than the relevant gain and cannot hold both.
  comparison.days_needed = comparison.days * squared((interval.high - interval.low) / relevant);
}

}  // namespace

std::string_view cluster_kind_name(ClusterKind kind) {
  switch (kind) {
    case ClusterKind::kCustomer:
      return "customer";
    case ClusterKind::kTerminal:
      return "terminal";
    case ClusterKind::kCustomerAndTerminal:
      return "customer and terminal";
    case ClusterKind::kDay:
      return "day";
  }
  return "";
}

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPromote:
      return "promote";
    case Verdict::kKeep:
      return "keep";
    case Verdict::kInconclusive:
      return "inconclusive";
  }
  return "";
}

PairedClusters::Sums& PairedClusters::Table::of(std::int64_t id) {
  std::uint32_t* place = nullptr;
  if (id >= 0 && id < kDenseIds) {
    const auto at = static_cast<std::uint64_t>(id);
    if (at >= dense.size()) dense.resize(std::bit_ceil(at + 1));
    place = &dense[at];
  } else {
    place = &sparse[id];
  }
  if (*place == 0) {
    sums.push_back({id, 0, 0, 0, 0, 0, 0});
    *place = static_cast<std::uint32_t>(sums.size());
  }
  return sums[*place - 1];
}

void PairedClusters::add(const ComparedPayment& payment) {
  const bool genuine = !payment.is_fraud;
  const auto damage = [&](bool executed) {
    return payment.is_fraud && executed ? payment.amount_minor : 0;
  };
  const std::int64_t damage_minor =
      damage(payment.challenger_executed) - damage(payment.champion_executed);
  const int touched = genuine ? payment.challenger_touched - payment.champion_touched : 0;
  const int lost = genuine ? payment.champion_executed - payment.challenger_executed : 0;
  ++payments_;
  genuine_ += genuine;
  differing_ += payment.champion_touched != payment.challenger_touched ||
                payment.champion_executed != payment.challenger_executed;
  champion_.damage_minor += damage(payment.champion_executed);
  challenger_.damage_minor += damage(payment.challenger_executed);
  champion_.touched += genuine && payment.champion_touched;
  challenger_.touched += genuine && payment.challenger_touched;
  champion_.lost += genuine && !payment.champion_executed;
  challenger_.lost += genuine && !payment.challenger_executed;
  squares_.damage_minor += squared(static_cast<double>(damage_minor));
  squares_.touched += touched != 0;
  squares_.lost += lost != 0;
  squares_.ranking += squared(payment.ranking_influence);
  for (Sums* sums : {&customers_.of(payment.customer_id), &terminals_.of(payment.terminal_id),
                     &days_.of(day_start(payment.event_time) / kSecondsPerDay)}) {
    ++sums->payments;
    sums->genuine += genuine;
    sums->damage_minor += damage_minor;
    sums->touched += touched;
    sums->lost += lost;
    sums->ranking += payment.ranking_influence;
  }
}

Comparison compare_paired(const PairedClusters& clusters,
                          double champion_average_precision,
                          double challenger_average_precision,
                          double days,
                          const ComparisonOptions& options) {
  WEIR_CHECK(days > 0 && options.samples > 0);
  if (clusters.frauds() == 0 || clusters.genuine() == 0) {
    throw Error(
        fmt::format("nothing to compare: {} frauds and {} genuine payments in the period; "
                    "choose a period that holds both",
                    clusters.frauds(), clusters.genuine()));
  }
  Comparison comparison;
  comparison.days = days;
  const auto genuine = static_cast<double>(clusters.genuine());
  const auto fill = [&](const PairedClusters::Side& side, double average_precision, auto member) {
    comparison.measures[kDamage].*member =
        static_cast<double>(side.damage_minor) / kKopecks * kDaysOfAMonth / days;
    comparison.measures[kTouched].*member = static_cast<double>(side.touched) / genuine;
    comparison.measures[kLost].*member = static_cast<double>(side.lost) / genuine;
    comparison.measures[kRanking].*member = average_precision;
  };
  fill(clusters.champion(), champion_average_precision, &MeasureComparison::champion);
  fill(clusters.challenger(), challenger_average_precision, &MeasureComparison::challenger);
  const Influence influence(clusters, days);
  draw(clusters.customers(), influence, ClusterKind::kCustomer, options, comparison.measures);
  draw(clusters.terminals(), influence, ClusterKind::kTerminal, options, comparison.measures);
  draw(clusters.days(), influence, ClusterKind::kDay, options, comparison.measures);
  const auto single = influence.single_payment_variance(clusters.squares());
  for (std::size_t measure = 0; measure < kClusterMeasures; ++measure) {
    join(comparison.measures[measure], single[measure]);
    choose_widest(comparison.measures[measure]);
  }
  judge(comparison, options, clusters.differing());
  return comparison;
}

}  // namespace weir
