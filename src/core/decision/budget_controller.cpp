#include "core/decision/budget_controller.h"

#include <algorithm>
#include <cmath>

#include "core/transaction/byte_io.h"

namespace weir {
namespace {

constexpr Seconds kEvery = 3'600;
constexpr double kWindowHours = 24;
/// Of the distance (in logs), an hour. The touched share falls with about the root of the
/// multiplier, so a deviation halves in about a day.
constexpr double kGain = 0.06;
constexpr double kLargestStep = 0.2;
/// Budgets are limits: aim a little below.
constexpr double kAim = 0.97;
/// Down to a hundredth of the friction costs: a budget that is there may be used, in reason.
constexpr double kLeast = 0.01;
constexpr double kMost = 10'000;

}  // namespace

void BudgetController::observe(const Decision& decision) {
  const double genuine = 1 - decision.probability;
  genuine_ += genuine;
  if (decision.action == Action::kApprove) return;
  touched_ += genuine;
  if (decision.action == Action::kDecline) {
    lost_ += genuine;
    return;
  }
  lost_ += genuine * (1 - answers_.answered.value * (1 - answers_.wrong_denial.value));
  ++challenges_;
}

void BudgetController::observe(const Feedback& feedback) {
  if (feedback.source == OutcomeSource::kChallenge) {
    ++asked_;
    answered_ += feedback.outcome != Outcome::kUnanswered;
    if (feedback.outcome != Outcome::kFraud) return;
    const Seconds counts_at = feedback.payment.event_time + label_delay_;
    denials_.insert(std::upper_bound(denials_.begin(), denials_.end(), counts_at), counts_at);
  } else if (feedback.source == OutcomeSource::kChargeback && feedback.challenged &&
             feedback.outcome == Outcome::kFraud) {
    ++passed_;
  }
}

Control BudgetController::proposed(Seconds time) const {
  double multiplier = multiplier_;
  if (next_ != 0 && genuine_ > 0) {
    const double ratio =
        std::max({touched_ / genuine_ / std::max(policy_.false_positive_rate, 1e-9),
                  lost_ / genuine_ / std::max(policy_.lost_genuine_rate, 1e-9),
                  challenges_ / std::max(policy_.challenges_per_day, 1e-9)});
    const double distance = std::log(std::max(ratio, 1e-3) / kAim);
    const double step = std::clamp(kGain * distance, -kLargestStep, kLargestStep);
    multiplier = std::clamp(multiplier * std::exp(step), kLeast, kMost);
  }
  const auto posterior = [](const Estimate& prior, double part, double whole) {
    return (prior.value * kPriorAnswers + part) / (kPriorAnswers + whole);
  };
  const double denied =
      denied_ + static_cast<double>(std::upper_bound(denials_.begin(), denials_.end(), time) -
                                    denials_.begin());
  return {time, multiplier, posterior(answers_.answered, answered_, asked_),
          posterior(answers_.fraud_passes, passed_, passed_ + denied)};
}

void BudgetController::accept(const Control& control) {
  multiplier_ = control.multiplier;
  if (next_ != 0 && genuine_ > 0) {
    const double keep = std::exp(-1 / kWindowHours);
    for (double* sum : {&genuine_, &touched_, &lost_, &challenges_}) *sum *= keep;
  }
  next_ = (control.time / kEvery + 1) * kEvery;
  for (; !denials_.empty() && denials_.front() <= control.time; denials_.pop_front()) ++denied_;
}

BudgetController::Usage BudgetController::usage() const {
  if (genuine_ <= 0) return {};
  return {touched_ / genuine_, lost_ / genuine_, challenges_};
}

void BudgetController::append_snapshot(std::string& bytes) const {
  put_bytes(bytes, next_);
  for (const double value :
       {multiplier_, genuine_, touched_, lost_, challenges_, asked_, answered_, denied_, passed_}) {
    put_bytes(bytes, value);
  }
  put_bytes(bytes, static_cast<std::uint64_t>(denials_.size()));
  for (const Seconds time : denials_) put_bytes(bytes, time);
}

void BudgetController::restore_snapshot(ByteReader& reader) {
  next_ = reader.get<Seconds>();
  for (double* value : {&multiplier_, &genuine_, &touched_, &lost_, &challenges_, &asked_,
                        &answered_, &denied_, &passed_}) {
    *value = reader.get<double>();
  }
  denials_.clear();
  const auto count = reader.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < count; ++i) denials_.push_back(reader.get<Seconds>());
}

}  // namespace weir
