#include "core/model/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/transaction/error.h"

namespace weir {
namespace {

using nlohmann::ordered_json;

/// Neighbouring payments (by margin) that share one fraud rate.
struct Block {
  std::uint64_t rows = 0;
  std::uint64_t frauds = 0;
  double margin_sum = 0;

  void merge(const Block& right) {
    rows += right.rows;
    frauds += right.frauds;
    margin_sum += right.margin_sum;
  }
  double mean_margin() const { return margin_sum / static_cast<double>(rows); }
  double fraud_rate() const { return static_cast<double>(frauds) / static_cast<double>(rows); }
};

/// frauds / rows of `left` >= that of `right`, in integers.
bool violates(const Block& left, const Block& right) {
  return left.frauds * right.rows >= right.frauds * left.rows;
}

std::uint64_t count_frauds(std::span<const float> margins, std::span<const std::int8_t> is_fraud) {
  WEIR_CHECK(margins.size() == is_fraud.size());
  std::uint64_t frauds = 0;
  for (std::size_t row = 0; row < margins.size(); ++row) {
    if (!std::isfinite(margins[row])) {
      throw Error(
          fmt::format("cannot calibrate: the margin of row {} is {}, wanted a finite number", row,
                      margins[row]));
    }
    frauds += is_fraud[row] != 0 ? 1 : 0;
  }
  if (frauds == 0 || frauds == margins.size()) {
    throw Error(
        fmt::format("cannot calibrate on {} payments of which {} are fraud; choose a "
                    "validation period that has both",
                    margins.size(), frauds));
  }
  return frauds;
}

/// log(1 + exp(x)) without overflow.
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }

double logistic(double x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const double odds = std::exp(x);
  return odds / (1 + odds);
}

std::vector<double> numbers(const ordered_json& json,
                            std::string_view key,
                            std::string_view source) {
  std::vector<double> values;
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array() || found->empty()) {
    throw Error(fmt::format("calibration \"{}\": {} must be a list of numbers", source, key));
  }
  for (const ordered_json& value : *found) {
    if (!value.is_number()) {
      throw Error(fmt::format("calibration \"{}\": {} holds {}, wanted a number", source, key,
                              value.dump()));
    }
    values.push_back(value.get<double>());
  }
  return values;
}

double number(const ordered_json& json, std::string_view key, std::string_view source) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) {
    throw Error(fmt::format("calibration \"{}\": {} must be a number", source, key));
  }
  return found->get<double>();
}

}  // namespace

Calibration Calibration::fit(std::span<const float> margins,
                             std::span<const std::int8_t> is_fraud) {
  return count_frauds(margins, is_fraud) < kIsotonicFrauds ? fit_platt(margins, is_fraud)
                                                           : fit_isotonic(margins, is_fraud);
}

Calibration Calibration::fit_isotonic(std::span<const float> margins,
                                      std::span<const std::int8_t> is_fraud) {
  count_frauds(margins, is_fraud);
  std::vector<std::size_t> order(margins.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return margins[a] < margins[b]; });
  std::vector<Block> blocks;
  for (std::size_t begin = 0; begin < order.size();) {
    Block block;
    const float margin = margins[order[begin]];
    for (; begin < order.size() && margins[order[begin]] == margin; ++begin) {
      ++block.rows;
      block.frauds += is_fraud[order[begin]] != 0 ? 1 : 0;
    }
    block.margin_sum = static_cast<double>(margin) * static_cast<double>(block.rows);
    while (!blocks.empty() && violates(blocks.back(), block)) {
      blocks.back().merge(block);
      block = blocks.back();
      blocks.pop_back();
    }
    blocks.push_back(block);
  }
  Calibration result;
  result.method_ = Method::kIsotonic;
  for (const Block& block : blocks) {
    result.knot_margins_.push_back(block.mean_margin());
    result.knot_probabilities_.push_back(block.fraud_rate());
  }
  // No payment is surely genuine or surely fraud; but an end does not pass its neighbour.
  auto& knots = result.knot_probabilities_;
  const double lowest = 0.5 / static_cast<double>(blocks.front().rows + 1);
  const double highest = 1 - 0.5 / static_cast<double>(blocks.back().rows + 1);
  if (knots.size() > 1) {
    knots.front() = std::max(knots.front(), std::min(lowest, knots[1]));
    knots.back() = std::min(knots.back(), std::max(highest, knots[knots.size() - 2]));
  }
  return result;
}

Calibration Calibration::fit_platt(std::span<const float> margins,
                                   std::span<const std::int8_t> is_fraud) {
  const std::uint64_t frauds = count_frauds(margins, is_fraud);
  const auto positives = static_cast<double>(frauds);
  const auto negatives = static_cast<double>(margins.size() - frauds);
  const double fraud_target = (positives + 1) / (positives + 2);
  const double genuine_target = 1 / (negatives + 2);
  const auto target = [&](std::size_t row) {
    return is_fraud[row] != 0 ? fraud_target : genuine_target;
  };
  const auto loss = [&](double slope, double intercept) {
    double sum = 0;
    for (std::size_t row = 0; row < margins.size(); ++row) {
      const double x = slope * static_cast<double>(margins[row]) + intercept;
      sum += softplus(x) - target(row) * x;
    }
    return sum;
  };
  constexpr int kMaxIterations = 100;
  constexpr double kRidge = 1e-12;
  constexpr double kSmallGradient = 1e-5;
  constexpr double kSmallStep = 1e-10;
  double slope = 0;
  double intercept = std::log((positives + 1) / (negatives + 1));
  double value = loss(slope, intercept);
  for (int iteration = 0; iteration < kMaxIterations; ++iteration) {
    double h11 = kRidge, h22 = kRidge, h12 = 0, g1 = 0, g2 = 0;
    for (std::size_t row = 0; row < margins.size(); ++row) {
      const auto margin = static_cast<double>(margins[row]);
      const double p = logistic(slope * margin + intercept);
      const double weight = p * (1 - p);
      const double difference = p - target(row);
      h11 += margin * margin * weight;
      h22 += weight;
      h12 += margin * weight;
      g1 += margin * difference;
      g2 += difference;
    }
    if (std::abs(g1) < kSmallGradient && std::abs(g2) < kSmallGradient) break;
    const double determinant = h11 * h22 - h12 * h12;
    const double d1 = -(h22 * g1 - h12 * g2) / determinant;
    const double d2 = -(h11 * g2 - h12 * g1) / determinant;
    const double descent = g1 * d1 + g2 * d2;
    double step = 1;
    for (; step >= kSmallStep; step /= 2) {
      const double next = loss(slope + step * d1, intercept + step * d2);
      if (next < value + 1e-4 * step * descent) {
        slope += step * d1;
        intercept += step * d2;
        value = next;
        break;
      }
    }
    if (step < kSmallStep) break;
  }
  Calibration result;
  result.method_ = Method::kPlatt;
  result.slope_ = slope;
  result.intercept_ = intercept;
  if (!(slope > 0)) {  // The model ranks no better than chance: the base rate is all it knows.
    result.slope_ = 0;
    result.intercept_ = std::log(positives / negatives);
  }
  return result;
}

double Calibration::probability(float margin) const {
  const auto x = static_cast<double>(margin);
  if (method_ == Method::kPlatt) {
    return std::isnan(x) ? 0.0 : logistic(slope_ * x + intercept_);
  }
  const auto above = std::upper_bound(knot_margins_.begin(), knot_margins_.end(), x);
  if (above == knot_margins_.begin() || std::isnan(x)) return knot_probabilities_.front();
  if (above == knot_margins_.end()) return knot_probabilities_.back();
  const auto right = static_cast<std::size_t>(above - knot_margins_.begin());
  const double low = knot_probabilities_[right - 1];
  const double high = knot_probabilities_[right];
  const double share =
      (x - knot_margins_[right - 1]) / (knot_margins_[right] - knot_margins_[right - 1]);
  return std::min(high, low + (high - low) * share);  // Rounding must not pass the next knot.
}

std::string Calibration::to_json() const {
  ordered_json json;
  if (method_ == Method::kPlatt) {
    json = {{"method", "platt"}, {"slope", slope_}, {"intercept", intercept_}};
  } else {
    json = {
        {"method", "isotonic"}, {"margin", knot_margins_}, {"probability", knot_probabilities_}};
  }
  return json.dump(1) + "\n";
}

Calibration Calibration::parse(std::string_view text, std::string_view source) {
  const ordered_json json = ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("method") || !json["method"].is_string()) {
    throw Error(fmt::format("calibration \"{}\": wanted a JSON object with \"method\"", source));
  }
  const auto method = json["method"].get<std::string>();
  Calibration result;
  if (method == "platt") {
    result.method_ = Method::kPlatt;
    result.slope_ = number(json, "slope", source);
    result.intercept_ = number(json, "intercept", source);
    if (!(result.slope_ >= 0)) {
      throw Error(fmt::format("calibration \"{}\": slope is {}, a higher margin must not be safer",
                              source, result.slope_));
    }
    return result;
  }
  if (method != "isotonic") {
    throw Error(fmt::format("calibration \"{}\": method is \"{}\", wanted isotonic or platt",
                            source, method));
  }
  result.method_ = Method::kIsotonic;
  result.knot_margins_ = numbers(json, "margin", source);
  result.knot_probabilities_ = numbers(json, "probability", source);
  if (result.knot_margins_.size() != result.knot_probabilities_.size()) {
    throw Error(fmt::format("calibration \"{}\": {} margins but {} probabilities", source,
                            result.knot_margins_.size(), result.knot_probabilities_.size()));
  }
  for (std::size_t knot = 0; knot < result.knot_margins_.size(); ++knot) {
    const double probability = result.knot_probabilities_[knot];
    if (!(probability >= 0 && probability <= 1)) {
      throw Error(fmt::format("calibration \"{}\": probability {} is {}, wanted 0 to 1", source,
                              knot, probability));
    }
    if (knot > 0 && (!(result.knot_margins_[knot - 1] < result.knot_margins_[knot]) ||
                     probability < result.knot_probabilities_[knot - 1])) {
      throw Error(
          fmt::format("calibration \"{}\": knot {} falls below the one before it", source, knot));
    }
  }
  return result;
}

}  // namespace weir
