#include "core/evaluation/ranking.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "core/transaction/error.h"

namespace weir {
namespace {
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// Smaller for the higher score; equal for 0 and -0.
std::uint32_t falling_order(float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0F);
  const std::uint32_t rising = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  return ~rising;
}

}  // namespace

Ranking::Ranking(std::span<const float> scores, std::span<const std::int8_t> is_fraud)
    : order_(scores.size()), scores_(scores.size()), is_fraud_(scores.size()) {
  WEIR_CHECK(scores.size() == is_fraud.size());
  WEIR_CHECK(scores.size() < std::numeric_limits<std::uint32_t>::max());
  // One word a payment sorts several times faster than row numbers that look their scores up.
  // Falling score, ties by row, so that the order is one and the same everywhere.
  std::vector<std::uint64_t> keys(scores.size());
  for (std::size_t row = 0; row < scores.size(); ++row) {
    WEIR_CHECK(!std::isnan(scores[row]));
    keys[row] = std::uint64_t{falling_order(scores[row])} << 32 | row;
  }
  std::sort(keys.begin(), keys.end());
  for (std::size_t i = 0; i < order_.size(); ++i) {
    order_[i] = static_cast<std::uint32_t>(keys[i]);
    scores_[i] = scores[order_[i]];
    is_fraud_[i] = is_fraud[order_[i]];
    frauds_ += is_fraud_[i] != 0;
  }
}

template <typename Weight>
double Ranking::average_precision_by(Weight weight) const {
  std::uint64_t positives = 0;
  std::uint64_t flagged = 0;
  double sum = 0;
  for (std::size_t i = 0; i < order_.size();) {
    std::uint64_t found = 0;
    const float score = scores_[i];
    for (; i < order_.size() && scores_[i] == score; ++i) {
      const std::uint64_t count = weight(order_[i]);
      flagged += count;
      found += is_fraud_[i] != 0 ? count : 0;
    }
    positives += found;
    if (found != 0) {
      sum += static_cast<double>(found) *
             (static_cast<double>(positives) / static_cast<double>(flagged));
    }
  }
  return positives == 0 ? kNone : sum / static_cast<double>(positives);
}

template <typename Weight>
double Ranking::roc_auc_by(Weight weight) const {
  std::uint64_t positives = 0;
  std::uint64_t negatives = 0;
  double area = 0;  // Pairs of a fraud above a genuine payment.
  for (std::size_t i = 0; i < order_.size();) {
    std::uint64_t group_positives = 0;
    std::uint64_t group_negatives = 0;
    const float score = scores_[i];
    for (; i < order_.size() && scores_[i] == score; ++i) {
      (is_fraud_[i] != 0 ? group_positives : group_negatives) += weight(order_[i]);
    }
    area += static_cast<double>(group_negatives) *
            (static_cast<double>(positives) + static_cast<double>(group_positives) / 2);
    positives += group_positives;
    negatives += group_negatives;
  }
  if (positives == 0 || negatives == 0) return kNone;
  return area / static_cast<double>(positives) / static_cast<double>(negatives);
}

double Ranking::average_precision() const {
  return average_precision_by([](std::uint32_t) { return std::uint64_t{1}; });
}

double Ranking::average_precision(std::span<const std::uint8_t> weights) const {
  WEIR_CHECK(weights.size() == size());
  return average_precision_by([&](std::uint32_t row) { return std::uint64_t{weights[row]}; });
}

std::vector<float> Ranking::average_precision_influence() const {
  // AP = (1/P) Σ over frauds i of TP(i)/N(i), with TP and N what is flagged at the score of i. A
  // unit more of payment j adds its own term (frauds only) and enters TP and N of all at or below.
  std::vector<float> influence(size());
  if (frauds_ == 0) return influence;
  const auto all_frauds = static_cast<double>(frauds_);
  const double average = average_precision();
  auto positives = static_cast<double>(frauds_);
  auto flagged = static_cast<double>(size());
  double per_fraud = 0;    // Σ over frauds at or below of 1/N.
  double per_payment = 0;  // Σ over frauds at or below of TP/N².
  for (std::size_t end = size(); end > 0;) {
    std::size_t begin = end;
    double found = 0;
    while (begin > 0 && scores_[begin - 1] == scores_[end - 1]) found += is_fraud_[--begin] != 0;
    per_fraud += found / flagged;
    per_payment += found * positives / (flagged * flagged);
    const double genuine = -per_payment / all_frauds;
    const double fraud = (positives / flagged - average + per_fraud - per_payment) / all_frauds;
    for (std::size_t i = begin; i < end; ++i) {
      influence[order_[i]] = static_cast<float>(is_fraud_[i] != 0 ? fraud : genuine);
    }
    positives -= found;
    flagged -= static_cast<double>(end - begin);
    end = begin;
  }
  return influence;
}

double Ranking::roc_auc() const {
  return roc_auc_by([](std::uint32_t) { return std::uint64_t{1}; });
}

double Ranking::roc_auc(std::span<const std::uint8_t> weights) const {
  WEIR_CHECK(weights.size() == size());
  return roc_auc_by([&](std::uint32_t row) { return std::uint64_t{weights[row]}; });
}

float Ranking::threshold_at_false_positive_rate(double rate) const {
  const auto allowed = static_cast<double>(size() - frauds_) * rate;
  std::uint64_t false_positives = 0;
  const float above_all = std::numeric_limits<float>::infinity();
  // Finite, so that it can stand in a policy.
  float threshold = order_.empty() ? above_all : std::nextafter(scores_.front(), above_all);
  for (std::size_t i = 0; i < order_.size();) {
    const float score = scores_[i];
    for (; i < order_.size() && scores_[i] == score; ++i) false_positives += is_fraud_[i] == 0;
    if (static_cast<double>(false_positives) > allowed) break;
    threshold = score;
  }
  return threshold;
}

std::vector<CurvePoint> Ranking::curve(std::size_t points) const {
  std::vector<CurvePoint> result;
  const std::size_t step = std::max<std::size_t>(1, size() / std::max<std::size_t>(1, points));
  CurvePoint point;
  std::size_t next = 0;
  for (std::size_t i = 0; i < order_.size();) {
    point.threshold = scores_[i];
    for (; i < order_.size() && scores_[i] == point.threshold; ++i) {
      (is_fraud_[i] != 0 ? point.true_positives : point.false_positives) += 1;
    }
    // The head of the ranking is where the action is: there every group is a point.
    if (i >= next || i <= points || i == order_.size()) {
      result.push_back(point);
      next = i + step;
    }
  }
  return result;
}

}  // namespace weir
