#pragma once

#include <cstdint>
#include <unordered_map>

#include "core/evaluation/bootstrap.h"

namespace weir {

/// How far a period's damage could have been another by chance.
///
/// Frauds come in clusters: those of one compromised terminal stand or fall together, and so do
/// those of one taken-over card. Each cluster happens or not (Poisson), so the variance of the sum
/// over independent clusters is the sum of their squares. With two kinds of clusters over the same
/// frauds, the variances by either are added, less what both count (multiway clustering: Cameron,
/// Gelbach and Miller 2011, section 2).
class DamageSpread {
 public:
  /// A fraud that was executed; in any order.
  void add(std::int64_t customer_id, std::int64_t terminal_id, std::int64_t amount_minor);

  /// Kopecks; 0 without frauds.
  double standard_error_minor() const;

  /// The two-sided 90 % interval of a damage in kopecks, not below 0.
  Interval interval_minor(std::int64_t damage_minor) const;

 private:
  std::unordered_map<std::int64_t, std::int64_t> by_customer_;
  std::unordered_map<std::int64_t, std::int64_t> by_terminal_;
  double squares_ = 0;  // Of single payments.
};

}  // namespace weir
