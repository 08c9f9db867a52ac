#include "core/evaluation/calibration_error.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/transaction/error.h"

namespace weir {

std::vector<ReliabilityBin> reliability(std::span<const double> probabilities,
                                        std::span<const std::int8_t> is_fraud,
                                        std::size_t bins) {
  WEIR_CHECK(probabilities.size() == is_fraud.size() && bins > 0);
  std::vector<std::uint32_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t left, std::uint32_t right) {
    return probabilities[left] != probabilities[right] ? probabilities[left] < probabilities[right]
                                                       : left < right;
  });
  std::vector<ReliabilityBin> result;
  for (std::size_t i = 0; i < order.size();) {
    const std::size_t end = order.size() * (result.size() + 1) / bins;
    ReliabilityBin bin;
    double probability_sum = 0;
    std::uint64_t frauds = 0;
    double last = probabilities[order[i]];
    for (; i < order.size() && (i < end || probabilities[order[i]] == last || bin.payments == 0);
         ++i) {
      last = probabilities[order[i]];
      probability_sum += last;
      frauds += is_fraud[order[i]] != 0;
      ++bin.payments;
    }
    bin.mean_probability = probability_sum / static_cast<double>(bin.payments);
    bin.fraud_rate = static_cast<double>(frauds) / static_cast<double>(bin.payments);
    result.push_back(bin);
  }
  return result;
}

double expected_calibration_error(std::span<const ReliabilityBin> bins) {
  double sum = 0;
  std::uint64_t payments = 0;
  for (const ReliabilityBin& bin : bins) {
    sum += static_cast<double>(bin.payments) * std::abs(bin.mean_probability - bin.fraud_rate);
    payments += bin.payments;
  }
  return payments == 0 ? 0.0 : sum / static_cast<double>(payments);
}

double brier_score(std::span<const double> probabilities, std::span<const std::int8_t> is_fraud) {
  WEIR_CHECK(probabilities.size() == is_fraud.size());
  double sum = 0;
  for (std::size_t row = 0; row < probabilities.size(); ++row) {
    const double miss = probabilities[row] - (is_fraud[row] != 0 ? 1.0 : 0.0);
    sum += miss * miss;
  }
  return probabilities.empty() ? 0.0 : sum / static_cast<double>(probabilities.size());
}

}  // namespace weir
