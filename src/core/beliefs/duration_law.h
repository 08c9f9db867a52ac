#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace weir {

/// How long compromises last: the hazard of the end by age, in steps of a quarter of a day. Beyond
/// the last step the last hazard goes on. Empty: nothing is known, and ends come at any age alike.
class DurationLaw {
 public:
  static constexpr double kStepDays = 0.25;

  DurationLaw() = default;
  /// `ends_per_day`: one hazard a step of age.
  explicit DurationLaw(std::vector<double> ends_per_day) : hazards_(std::move(ends_per_day)) {
    sums_.reserve(hazards_.size());
    double sum = 0;
    double survived_days = 0;
    double age_days = 0;
    for (std::size_t i = 0; i < hazards_.size(); ++i) {
      sums_.push_back(sum);
      const double alive = std::exp(-sum) * kStepDays;
      survived_days += alive;
      age_days += alive * kStepDays * (static_cast<double>(i) + 0.5);
      sum += hazards_[i] * kStepDays;
    }
    if (survived_days > 0) mean_age_ = age_days / survived_days;
  }

  bool empty() const { return hazards_.empty(); }
  const std::vector<double>& hazards() const { return hazards_; }

  /// Of the end, a day, at an age in days.
  double hazard(double age) const { return hazards_[step(age)]; }

  /// P(compromised `more` days later | still compromised at this age).
  double survival(double age, double more) const {
    return std::exp(cumulated(age) - cumulated(age + more));
  }

  /// Days since its start of a compromise of which nothing else is known.
  double mean_age() const { return mean_age_; }

  friend bool operator==(const DurationLaw& left, const DurationLaw& right) {
    return left.hazards_ == right.hazards_;
  }

 private:
  std::size_t step(double age) const {
    if (age <= 0) return 0;
    const double steps = age / kStepDays;
    const auto last = hazards_.size() - 1;
    return steps >= static_cast<double>(last) ? last : static_cast<std::size_t>(steps);
  }
  double cumulated(double age) const {
    if (age <= 0) return 0;
    const std::size_t i = step(age);
    return sums_[i] + (age - static_cast<double>(i) * kStepDays) * hazards_[i];
  }

  std::vector<double> hazards_;
  std::vector<double> sums_;  // Of the hazard up to each step's begin.
  double mean_age_ = 0;
};

}  // namespace weir
