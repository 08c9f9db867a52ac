#include "core/evaluation/damage_spread.h"

#include <algorithm>
#include <cmath>

#include "core/evaluation/cluster_bootstrap.h"

namespace weir {
namespace {

/// Whole numbers, so that the order in a hash table does not matter: exact below 2^53.
double sum_of_squares(const std::unordered_map<std::int64_t, std::int64_t>& sums) {
  long double total = 0;
  for (const auto& [id, sum] : sums) {
    total += static_cast<long double>(sum) * static_cast<long double>(sum);
  }
  return static_cast<double>(total);
}

}  // namespace

void DamageSpread::add(std::int64_t customer_id,
                       std::int64_t terminal_id,
                       std::int64_t amount_minor) {
  by_customer_[customer_id] += amount_minor;
  by_terminal_[terminal_id] += amount_minor;
  squares_ += static_cast<double>(amount_minor) * static_cast<double>(amount_minor);
}

double DamageSpread::standard_error_minor() const {
  const double terminals = sum_of_squares(by_terminal_);
  const double customers = sum_of_squares(by_customer_);
  return std::sqrt(std::max({terminals, customers, terminals + customers - squares_}));
}

Interval DamageSpread::interval_minor(std::int64_t damage_minor) const {
  const double reach = kNormalQuantile95 * standard_error_minor();
  const auto damage = static_cast<double>(damage_minor);
  return {std::max(0.0, damage - reach), damage + reach};
}

}  // namespace weir
