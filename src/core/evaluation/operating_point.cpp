#include "core/evaluation/operating_point.h"

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr double kDaysOfAMonth = 30;
constexpr double kKopecks = 100;

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double OperatingPoint::false_positive_rate() const {
  return share(false_positives, false_positives + true_negatives);
}
double OperatingPoint::false_negative_rate() const {
  return share(false_negatives, false_negatives + true_positives);
}
double OperatingPoint::false_negatives_of_all() const { return share(false_negatives, payments()); }
double OperatingPoint::false_positives_of_all() const { return share(false_positives, payments()); }
double OperatingPoint::precision() const {
  return share(true_positives, true_positives + false_positives);
}

double OperatingPoint::damage_roubles_per_month(Seconds period_seconds) const {
  WEIR_CHECK(period_seconds > 0);
  return static_cast<double>(damage_minor) / kKopecks * kDaysOfAMonth *
         static_cast<double>(kSecondsPerDay) / static_cast<double>(period_seconds);
}

void OperatingPoint::add(bool fraud,
                         bool flagged,
                         std::int64_t amount_minor,
                         std::uint64_t weight) {
  if (!fraud) {
    (flagged ? false_positives : true_negatives) += weight;
    return;
  }
  (flagged ? true_positives : false_negatives) += weight;
  const std::int64_t weighted_minor = amount_minor * static_cast<std::int64_t>(weight);
  exposure_minor += weighted_minor;
  if (!flagged) damage_minor += weighted_minor;
}

OperatingPoint operating_point(std::span<const float> scores,
                               const PaymentView& payments,
                               float threshold,
                               std::span<const std::uint8_t> weights) {
  WEIR_CHECK(scores.size() == payments.size() && payments.has_labels());
  WEIR_CHECK(weights.empty() || weights.size() == scores.size());
  OperatingPoint point;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    point.add(payments.is_fraud[row] != 0, scores[row] >= threshold, payments.amount_minor[row],
              weights.empty() ? 1 : weights[row]);
  }
  return point;
}

std::map<int, OperatingPoint> operating_points_by_scenario(std::span<const float> scores,
                                                           const PaymentView& payments,
                                                           float threshold) {
  std::map<int, OperatingPoint> points;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    if (payments.is_fraud[row] == 0) continue;
    points[payments.fraud_scenario[row]].add(true, scores[row] >= threshold,
                                             payments.amount_minor[row]);
  }
  return points;
}

std::map<Seconds, OperatingPoint> operating_points_by_day(std::span<const float> scores,
                                                          const PaymentView& payments,
                                                          float threshold) {
  std::map<Seconds, OperatingPoint> points;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    points[day_start(payments.event_time[row])].add(
        payments.is_fraud[row] != 0, scores[row] >= threshold, payments.amount_minor[row]);
  }
  return points;
}

}  // namespace weir
