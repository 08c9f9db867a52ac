#include "core/beliefs/duration_estimate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr double kStep = DurationLaw::kStepDays;
constexpr std::size_t kMostSteps = std::size_t{366} * 4;
constexpr int kRounds = 2'000;
constexpr double kSettled = 1e-7;
/// A key whose first payment comes later than this opened then; one that is compromised at once
/// says nothing about how long it was.
constexpr Seconds kOpeningGap = kSecondsPerDay;

/// Compromises by how long they were seen, in steps.
struct Runs {
  std::vector<double> whole;    ///< From start to end.
  std::vector<double> begun;    ///< From the start on; the end was not seen.
  std::vector<double> rest;     ///< To the end; under way as the data began.
  std::vector<double> through;  ///< All the time there are data.

  double sum(const std::vector<double>& of) const {
    return std::accumulate(of.begin(), of.end(), 0.0);
  }

  void add(std::vector<double> Runs::* kind, Seconds seen) {
    const double steps = static_cast<double>(seen) / kSecondsPerDay / kStep;
    const std::size_t step = std::min(static_cast<std::size_t>(steps), kMostSteps - 1);
    for (auto* one : {&whole, &begun, &rest, &through}) {
      if (one->size() <= step) one->resize(step + 1);
    }
    (this->*kind)[step] += 1;
  }
};

Runs runs_of(const KeySequences& sequences,
             std::span<const Seconds> event_time,
             std::span<const float> compromised) {
  Runs runs;
  if (event_time.empty()) return runs;
  const Seconds first = *std::min_element(event_time.begin(), event_time.end());
  for (std::size_t key = 0; key < sequences.keys(); ++key) {
    const std::span<const std::uint32_t> rows(sequences.rows.data() + sequences.begins[key],
                                              sequences.begins[key + 1] - sequences.begins[key]);
    const auto bad = [&](std::size_t i) { return compromised[rows[i]] >= 0.5F; };
    // A change lies halfway between the payments on its two sides.
    const auto change = [&](std::size_t i) {
      return std::midpoint(event_time[rows[i - 1]], event_time[rows[i]]);
    };
    for (std::size_t i = 0; i < rows.size();) {
      if (!bad(i)) {
        ++i;
        continue;
      }
      const std::size_t begin = i;
      while (i < rows.size() && bad(i)) ++i;
      const bool ended = i < rows.size();
      const Seconds end = ended ? change(i) : event_time[rows.back()];
      if (begin > 0) {
        runs.add(ended ? &Runs::whole : &Runs::begun, end - change(begin));
      } else if (event_time[rows[0]] - first < kOpeningGap) {
        runs.add(ended ? &Runs::rest : &Runs::through, end - event_time[rows[0]]);
      }
    }
  }
  return runs;
}

/// P(a compromise lasts so many steps), of those that start.
class Lengths {
 public:
  /// The last step stands for all that last longer than anything seen.
  Lengths(const Runs& runs, double ends_per_day) : runs_(runs) {
    const std::size_t steps = runs.whole.size() + 1;
    const double stays = std::exp(-ends_per_day * kStep);
    double left = 1;
    for (std::size_t i = 0; i < steps; ++i) {
      days_.push_back((static_cast<double>(i) + 0.5) * kStep);
      prior_.push_back(i + 1 < steps ? left * (1 - stays) : left);
      left *= stays;
    }
    days_.back() = static_cast<double>(steps - 1) * kStep + 1 / ends_per_day;
    shares_ = prior_;
    from_start_ = runs.sum(runs.whole) + runs.sum(runs.begun) + 1;
    under_way_ = runs.sum(runs.rest) + runs.sum(runs.through);
  }

  const std::vector<double>& estimate() {
    for (int i = 0; i < kRounds; ++i) {
      if (improve()) break;
    }
    return shares_;
  }

 private:
  /// One round; true once the shares hardly change.
  bool improve() {
    const std::size_t steps = shares_.size();
    // How many compromises of each length there were, in expectation.
    std::vector<double> weights = prior_;
    std::vector<double> longer(steps + 1);
    std::vector<double> mass(steps + 1);  // Of what lasts longer, the days beyond.
    for (std::size_t i = steps; i-- > 0;) {
      longer[i] = longer[i + 1] + shares_[i];
      mass[i] = mass[i + 1] + shares_[i] * days_[i];
    }
    double begun = 0;    // Of all runs up to this step, their count over the shares they share.
    double through = 0;  // The same, by the days that a length goes beyond what was seen.
    double through_days = 0;
    for (std::size_t i = 0; i < steps; ++i) {
      // Runs whose length is this step's or any later one.
      if (i < runs_.rest.size() && runs_.rest[i] > 0) begun += runs_.rest[i] / longer[i];
      weights[i] += (i < runs_.whole.size() ? runs_.whole[i] : 0) + shares_[i] * begun +
                    shares_[i] * (through * days_[i] - through_days);
      if (i < runs_.begun.size() && runs_.begun[i] > 0) begun += runs_.begun[i] / longer[i + 1];
      if (i < runs_.through.size() && runs_.through[i] > 0) {
        const double beyond = mass[i + 1] - longer[i + 1] * days_[i];
        through += runs_.through[i] / beyond;
        through_days += runs_.through[i] / beyond * days_[i];
      }
    }
    // The shares that make these counts likeliest; a run under way was met by its length.
    double low = days_.front() / 2;
    double high = days_.back() * 2;
    for (int i = 0; i < 60; ++i) {
      const double mean = std::midpoint(low, high);
      double sum = 0;
      for (std::size_t k = 0; k < steps; ++k) {
        sum += weights[k] * days_[k] / (from_start_ * mean + under_way_ * days_[k]);
      }
      (sum > 1 ? low : high) = mean;
    }
    double change = 0;
    for (std::size_t k = 0; k < steps; ++k) {
      const double share = weights[k] / (from_start_ + under_way_ * days_[k] / low);
      change += std::abs(share - shares_[k]);
      shares_[k] = share;
    }
    return change < kSettled;
  }

  const Runs& runs_;
  std::vector<double> days_;
  std::vector<double> prior_;
  std::vector<double> shares_;
  double from_start_ = 0;
  double under_way_ = 0;
};

}  // namespace

DurationLaw estimate_durations(const KeySequences& sequences,
                               std::span<const Seconds> event_time,
                               std::span<const float> compromised,
                               const ChainRates& rates) {
  WEIR_CHECK(event_time.size() == compromised.size());
  const Runs runs = runs_of(sequences, event_time, compromised);
  const double whole = runs.sum(runs.whole);
  if (whole < kLeastWhole && whole + runs.sum(runs.rest) < kLeastEnds) return {};
  const double mean = rates.ends_per_day.value;
  const std::vector<double> shares = Lengths(runs, mean).estimate();
  std::vector<double> hazards;
  double left = std::accumulate(shares.begin(), shares.end(), 0.0);
  for (std::size_t i = 0; i + 1 < shares.size(); ++i) {
    hazards.push_back(-std::log1p(-shares[i] / left) / kStep);
    left -= shares[i];
  }
  hazards.push_back(mean);
  return DurationLaw(std::move(hazards));
}

}  // namespace weir
