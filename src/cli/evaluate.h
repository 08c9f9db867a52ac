#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "core/evaluation/bootstrap.h"
#include "core/evaluation/calibration_error.h"
#include "core/evaluation/operating_point.h"
#include "core/evaluation/ranking.h"
#include "core/transaction/payment.h"

namespace weir::cli {

struct EvaluateOptions {
  std::string bundle;
  std::string lake;
  std::string out = "out/evaluation";
  std::string truth;            ///< windows.csv; guessed from the labels when empty.
  std::optional<Seconds> from;  ///< When the bundle's last label was known, if absent.
  std::optional<Seconds> to;
  std::optional<Seconds> label_delay;  ///< The bundle's own if absent.
  double false_positive_rate = 0.05;   ///< For "FNR at this FPR".
  int bootstrap = 200;                 ///< Samples for the intervals.
  std::size_t cards = 100;             ///< k of Card Precision@k.
  std::uint64_t seed = 1;
  int threads = 0;
};

struct Measure {
  double value = 0;
  Interval interval;
};

/// Thresholds and what they do.
struct JudgedPoint {
  std::string name;
  float threshold = 0;  ///< On the margin.
  OperatingPoint point;
  Interval false_negative_rate;
  Interval damage_roubles;  ///< Per 30 days.
};

struct EvaluateResult {
  std::string model;  ///< Name and version.
  Seconds from = 0;   ///< Of the evaluated period.
  Seconds to = 0;
  Seconds label_delay = 0;
  std::uint64_t payments = 0;
  std::uint64_t frauds = 0;
  std::int64_t exposure_minor = 0;
  Measure average_precision;
  Measure roc_auc;
  double card_precision = 0;
  double calibration_error = 0;
  double brier_score = 0;
  bool has_floor = false;
  bool floor_is_estimated = false;  ///< From labels, no truth was at hand.
  double floor_share = 0;           ///< Blind frauds / frauds.
  double floor_at_rate = 0;         ///< FNR below which nothing honest gets at the given FPR.
  double ceiling_average_precision = 0;
  double ceiling_roc_auc = 0;
  double ceiling_card_precision = 0;
  double bound_average_precision = 0;  ///< Past these no luck with terminals explains the score.
  double bound_roc_auc = 0;
  double bound_false_negative_rate = 0;  ///< At the given FPR.
  std::vector<std::string> leaks;        ///< Why the score is better than it can be; empty is good.
  std::vector<JudgedPoint> points;  ///< The policy's thresholds, then the one at the given FPR.
  std::map<int, OperatingPoint> by_scenario;  ///< At the last of `points`.
  std::map<Seconds, OperatingPoint> by_day;   ///< At the last of `points`.
  std::vector<CurvePoint> curve;
  std::vector<double> damage_by_curve_point;  ///< Roubles per 30 days, of each point of `curve`.
  std::vector<ReliabilityBin> reliability;
  std::vector<std::string> feature_names;
  std::vector<double> feature_gain;
  std::vector<double> genuine_margins;  ///< A thinned sample, for the histogram.
  std::vector<double> fraud_margins;
};

/// Judges a bundle on a period that it did not learn from. Writes report.html and metrics.json into
/// `out`.
EvaluateResult run_evaluate(const EvaluateOptions& options, Progress& progress);

/// The page of a result.
std::string evaluation_page(const EvaluateResult& result, const EvaluateOptions& options);

/// The document of a result.
std::string evaluation_json(const EvaluateResult& result, const EvaluateOptions& options);

void add_evaluate_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli
