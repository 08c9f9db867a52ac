#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/evaluation/bootstrap.h"
#include "core/evaluation/mixture_bound.h"
#include "core/evaluation/paired_comparison.h"

namespace weir {

enum class Arm : std::uint8_t { kChampion = 0, kChallenger = 1 };

/// One payment of a trial, by the arm that decided it.
struct TrialPayment {
  std::int64_t customer_id = 0;
  Arm arm = Arm::kChampion;
  /// Kopecks of fraud that went through, as known one label delay after the payment's day.
  std::int64_t damage_minor = 0;
  bool touched = false;        ///< Challenged or declined.
  bool other_touches = false;  ///< The other arm's model would have.
};

/// value / payments in two arms, customers being what was drawn.
///
/// The variance is that of the sums by customer over the whole trial, pooled over both arms, so an
/// arm that has seen little damage by luck does not look sure of it.
class ArmDifference {
 public:
  void add(std::int64_t customer, Arm arm, double payments, double value);

  double rate(Arm arm) const;
  double difference() const { return rate(Arm::kChallenger) - rate(Arm::kChampion); }
  double payments() const { return payments_[0] + payments_[1]; }
  /// Payments · difference: grows with time like a sum. And the variance of that.
  double sum() const { return payments() * difference(); }
  double variance() const;
  /// Customers with a value in all, and as many as the smaller arm would hold of them by chance.
  std::size_t carriers() const { return carriers_; }
  double carriers_of_smaller_arm() const;
  bool both_arms() const { return payments_[0] > 0 && payments_[1] > 0; }

 private:
  struct Customer {
    double payments = 0;
    double value = 0;
  };
  std::unordered_map<std::int64_t, Customer> customers_;
  std::array<double, 2> payments_ = {};
  std::array<double, 2> values_ = {};
  double payments_squared_ = 0;
  double values_squared_ = 0;
  double product_ = 0;
  std::size_t carriers_ = 0;
};

struct TrialOptions {
  /// The gain worth a change, as a share of the champion's damage.
  double relevant_gain = 0.10;
  /// How many more of the payments may be genuine ones that are touched.
  double genuine_margin = 0.0025;
  /// How many more may be touched, fraud or not: beyond it nobody waits for labels.
  double touched_limit = 0.05;
  /// Of promoting a challenger that is no better, over the whole trial; of each end of an interval.
  double error = 0.05;
  int label_delay_days = 7;
  int planned_days = 28;  ///< Where the intervals are narrowest.
  int longest_days = 84;  ///< With known labels; then the champion is kept.
};

struct TrialMeasure {
  double champion = 0;
  double challenger = 0;
  /// Of challenger less champion, right at all times together; without bounds before the first
  /// look.
  Interval difference = {-std::numeric_limits<double>::infinity(),
                         std::numeric_limits<double>::infinity()};
};

struct TrialResult {
  Verdict verdict = Verdict::kInconclusive;
  std::string reason;
  int days = 0;  ///< Whose labels are known.
  /// Such days in all until a verdict if the difference of now stays; infinite when none is near.
  double days_needed = std::numeric_limits<double>::infinity();
  TrialMeasure damage;  ///< Roubles in 30 days, had all payments been in the arm.
  /// Share of the payments that are genuine and that this model touches and the other does not.
  TrialMeasure genuine_touched;
  TrialMeasure touched;  ///< Share of the payments, as soon as a day is over.
  std::array<std::uint64_t, 2> payments = {};
  std::array<std::size_t, 2> customers = {};
  std::uint64_t failed = 0;  ///< Payments of the challenger's arm that it could not decide.
};

/// A trial of two models on live payments, the customers split between them by chance.
///
/// Days whose labels are known are compared. A declined payment has no label; but a genuine one
/// that only the challenger would touch is approved, and so labelled, in the champion's arm, and
/// the other way round: from these the difference of genuine payments touched is told without a
/// guess.
///
/// One may look after each day and stop when one likes: the bounds hold for all looks
/// together. They are for sums with independent steps; the steps of one customer go together (a
/// taken-over card is defrauded for days), which makes successive looks more alike than that and a
/// crossing less likely (Slepian's inequality). What falls on many customers at once, such as a
/// compromised terminal, falls on both arms.
///
/// Days are added in order, each followed by `end_day`. After a verdict nothing changes any more,
/// so a trial that is computed again ends on the same day with the same verdict.
class OnlineTrial {
 public:
  explicit OnlineTrial(const TrialOptions& options) : options_(options) {}

  /// Throws Error for a customer who was in the other arm before.
  void add(const TrialPayment& payment);
  /// A payment of the challenger's arm that the champion had to decide.
  void add_failed() { ++failed_; }
  void end_day();

  bool decided() const { return result_.verdict != Verdict::kInconclusive; }
  const TrialResult& result() const { return result_; }

 private:
  struct CustomerDay {
    Arm arm = Arm::kChampion;
    double payments = 0;
    double damage_minor = 0;
    double spared = 0;  // Genuine, approved, and the other model would have touched them.
    double touched = 0;
  };
  using Day = std::unordered_map<std::int64_t, CustomerDay>;

  void judge();
  std::string failing() const;
  double days_needed(double gain_sum) const;

  TrialOptions options_;
  Day today_;
  std::deque<Day> unlabelled_;  // Days whose labels are not known yet, the oldest first.
  std::unordered_map<std::int64_t, Arm> arms_;
  ArmDifference damage_;
  ArmDifference genuine_touched_;
  ArmDifference touched_;
  std::optional<MixtureBound> damage_bound_;
  std::optional<MixtureBound> genuine_bound_;
  std::optional<MixtureBound> touched_bound_;
  std::uint64_t failed_ = 0;
  int touched_days_ = 0;
  TrialResult result_;
};

}  // namespace weir
