#include "core/evaluation/online_trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr double kKopecks = 100;
constexpr double kDaysOfAMonth = 30;
// Sums of fewer customers are not near enough to normal for the bounds.
constexpr std::size_t kLeastCarriers = 50;
constexpr double kLeastCarriersOfSmallerArm = 10;
constexpr int kFirstLookDays = 7;  // A whole week: weekends differ.
constexpr double kFailedShare = 0.01;
constexpr std::uint64_t kLeastFailed = 100;

std::size_t index(Arm arm) { return static_cast<std::size_t>(arm); }

bool enough(const ArmDifference& measure) {
  return measure.both_arms() && measure.carriers() >= kLeastCarriers &&
         measure.carriers_of_smaller_arm() >= kLeastCarriersOfSmallerArm;
}

/// Sets the bound at the first look, from what the variance is to become by the planned end.
void begin_looking(std::optional<MixtureBound>& bound,
                   const ArmDifference& measure,
                   int days,
                   const TrialOptions& options) {
  if (bound || measure.variance() <= 0) return;
  const double growth = std::max(1.0, static_cast<double>(options.planned_days) / days);
  bound.emplace(measure.variance() * growth, options.error);
}

TrialMeasure measured(const ArmDifference& measure,
                      const std::optional<MixtureBound>& bound,
                      double unit) {
  TrialMeasure found;
  found.champion = measure.rate(Arm::kChampion) * unit;
  found.challenger = measure.rate(Arm::kChallenger) * unit;
  if (bound) {
    const double width = bound->at(measure.variance());
    const double scale = unit / measure.payments();
    found.difference = {(measure.sum() - width) * scale, (measure.sum() + width) * scale};
  }
  return found;
}

}  // namespace

void ArmDifference::add(std::int64_t customer, Arm arm, double payments, double value) {
  Customer& sums = customers_[customer];
  // (a + b)² - a² of each, so that a payment costs no pass over the customers.
  payments_squared_ += (2 * sums.payments + payments) * payments;
  values_squared_ += (2 * sums.value + value) * value;
  product_ += sums.payments * value + sums.value * payments + payments * value;
  carriers_ += sums.value == 0 && value != 0;
  sums.payments += payments;
  sums.value += value;
  payments_[index(arm)] += payments;
  values_[index(arm)] += value;
}

double ArmDifference::rate(Arm arm) const {
  const double payments = payments_[index(arm)];
  return payments > 0 ? values_[index(arm)] / payments : 0;
}

double ArmDifference::variance() const {
  if (!both_arms()) return 0;
  const double all = payments();
  const double rate = (values_[0] + values_[1]) / all;
  // Of value - rate · payments, summed by customer: the ratio's linearisation.
  const double spread = values_squared_ - 2 * rate * product_ + rate * rate * payments_squared_;
  return std::max(spread, 0.0) * all / payments_[0] * all / payments_[1];
}

double ArmDifference::carriers_of_smaller_arm() const {
  return both_arms()
             ? static_cast<double>(carriers_) * std::min(payments_[0], payments_[1]) / payments()
             : 0;
}

void OnlineTrial::add(const TrialPayment& payment) {
  if (decided()) return;
  const auto [place, is_new] = arms_.try_emplace(payment.customer_id, payment.arm);
  if (place->second != payment.arm) {
    throw Error(fmt::format(
        "customer {} was in both arms: the share or the name of the experiment was changed during "
        "the trial, so its customers are no longer two samples; end it and start another",
        payment.customer_id));
  }
  CustomerDay& day = today_[payment.customer_id];
  day.arm = payment.arm;
  day.payments += 1;
  day.damage_minor += static_cast<double>(payment.damage_minor);
  day.touched += payment.touched;
  day.spared += payment.other_touches && !payment.touched && payment.damage_minor <= 0;
  ++result_.payments[index(payment.arm)];
  result_.customers[index(payment.arm)] += is_new;
}

void OnlineTrial::end_day() {
  if (decided()) return;
  touched_days_ += !today_.empty();
  for (const auto& [customer, day] : today_) {
    touched_.add(customer, day.arm, day.payments, day.touched);
  }
  unlabelled_.push_back(std::move(today_));
  today_.clear();
  if (unlabelled_.size() > static_cast<std::size_t>(options_.label_delay_days)) {
    result_.days += !unlabelled_.front().empty();
    for (const auto& [customer, day] : unlabelled_.front()) {
      damage_.add(customer, day.arm, day.payments, day.damage_minor);
      // What an arm spared, the other model touches: less of it is more touched.
      genuine_touched_.add(customer, day.arm, day.payments, -day.spared);
    }
    unlabelled_.pop_front();
  }
  judge();
}

std::string OnlineTrial::failing() const {
  const auto decided_by_challenger = result_.payments[index(Arm::kChallenger)];
  const auto asked = static_cast<double>(failed_ + decided_by_challenger);
  if (failed_ < kLeastFailed || static_cast<double>(failed_) < kFailedShare * asked) return {};
  return fmt::format("the challenger could not decide {} of {:.0f} payments of its arm", failed_,
                     asked);
}

/// Days until the sum, or the sum with the relevant gain, is beyond the bound, at today's pace.
double OnlineTrial::days_needed(double gain_sum) const {
  const double variance = damage_.variance();
  for (double growth = 1; growth < 100; growth *= 1.02) {
    const double width = damage_bound_->at(variance * growth);
    const double sum = damage_.sum() * growth;
    if (sum + width < 0 || sum - width > -gain_sum * growth) {
      return std::ceil(result_.days * growth);
    }
  }
  return std::numeric_limits<double>::infinity();
}

void OnlineTrial::judge() {
  if (enough(touched_)) begin_looking(touched_bound_, touched_, touched_days_, options_);
  if (result_.days >= kFirstLookDays) {
    const bool looks = enough(damage_);
    if (looks) begin_looking(damage_bound_, damage_, result_.days, options_);
    if (looks || enough(genuine_touched_)) {
      begin_looking(genuine_bound_, genuine_touched_, result_.days, options_);
    }
  }
  const double month =
      result_.days > 0 ? damage_.payments() / result_.days * kDaysOfAMonth / kKopecks : 0;
  result_.failed = failed_;
  result_.damage = measured(damage_, damage_bound_, month);
  result_.genuine_touched = measured(genuine_touched_, genuine_bound_, 1);
  result_.genuine_touched.champion = -genuine_touched_.rate(Arm::kChallenger);
  result_.genuine_touched.challenger = -genuine_touched_.rate(Arm::kChampion);
  result_.touched = measured(touched_, touched_bound_, 1);
  const Interval damage = result_.damage.difference;
  const Interval genuine = result_.genuine_touched.difference;
  const Interval touched = result_.touched.difference;
  const double gain = options_.relevant_gain * result_.damage.champion;
  const auto decide = [&](Verdict verdict, std::string reason) {
    result_.verdict = verdict;
    result_.reason = std::move(reason);
    result_.days_needed = result_.days;
  };
  if (std::string fault = failing(); !fault.empty()) {
    return decide(Verdict::kKeep, std::move(fault));
  }
  if (touched.low > options_.touched_limit) {
    return decide(Verdict::kKeep,
                  fmt::format("the challenger touches {:.2f} to {:.2f} in 100 "
                              "payments more, the limit is {:.2f}",
                              100 * touched.low, 100 * touched.high, 100 * options_.touched_limit));
  }
  if (genuine.low > options_.genuine_margin) {
    return decide(Verdict::kKeep, fmt::format("of 100 payments the challenger touches {:.2f} to "
                                              "{:.2f} genuine ones more, at most {:.2f} wanted",
                                              100 * genuine.low, 100 * genuine.high,
                                              100 * options_.genuine_margin));
  }
  if (damage.low > 0) {
    return decide(Verdict::kKeep,
                  fmt::format("the challenger costs {:.0f} to {:.0f} RUB in 30 days "
                              "more",
                              damage.low, damage.high));
  }
  if (damage_bound_ && damage.low > -gain) {
    return decide(
        Verdict::kKeep,
        fmt::format("the challenger does not save {:.0f} RUB in 30 days, the gain worth a "
                    "change: at most {:.0f}",
                    gain, -damage.low));
  }
  // Without a bound nobody touched a genuine payment that the other would have spared.
  const bool touches_no_more = !genuine_bound_ || genuine.high < options_.genuine_margin;
  if (damage.high < 0 && touches_no_more) {
    return decide(Verdict::kPromote,
                  fmt::format("the challenger saves {:.0f} to {:.0f} RUB in 30 days", -damage.high,
                              -damage.low));
  }
  if (result_.days >= options_.longest_days) {
    return decide(
        Verdict::kKeep,
        fmt::format("nothing was shown in {} days; the difference lies within {:+.0f} and "
                    "{:+.0f} RUB in 30 days",
                    result_.days, damage.low, damage.high));
  }
  if (!damage_bound_) {
    result_.reason = fmt::format(
        "{} days with known labels and {} customers with damage, wanted {} and {} ({} in the "
        "smaller arm) for a first look",
        result_.days, damage_.carriers(), kFirstLookDays, kLeastCarriers,
        kLeastCarriersOfSmallerArm);
    return;
  }
  result_.days_needed =
      days_needed(options_.relevant_gain * damage_.rate(Arm::kChampion) * damage_.payments());
  result_.reason =
      damage.high < 0
          ? fmt::format(
                "the challenger saves, but may touch {:.2f} genuine payments more in 100, at "
                "most {:.2f} wanted",
                100 * genuine.high, 100 * options_.genuine_margin)
          : fmt::format(
                "the difference lies within {:+.0f} and {:+.0f} RUB in 30 days: no gain and "
                "one of {:.0f} are both possible",
                damage.low, damage.high, gain);
}

}  // namespace weir
