#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "core/decision/policy.h"
#include "core/transaction/error.h"
#include "core/transaction/payment.h"

namespace weir {

/// One decided payment whose truth is known.
struct LoopPayment {
  Seconds event_time = 0;
  std::int64_t customer_id = 0;
  std::int64_t amount_minor = 0;
  bool is_fraud = false;
  std::int8_t scenario = 0;  ///< The simulator's 1..3; 0 genuine or not known.
  Action action = Action::kApprove;
  /// The money moved: approved, or challenged and confirmed. Unanswered, denied and declined
  /// payments are not executed.
  bool executed = true;
  bool review = false;  ///< An analyst looks at it.
};

/// What a closed loop did to some payments. Counts are payments, money is kopecks.
///
/// Positive = challenged or declined (touched). FP = genuine payments touched, even if then
/// confirmed. Lost = genuine payments not executed: declined, unanswered, or denied by mistake. FN
/// = frauds executed: approved, or passed through a challenge. Damage = their amounts. Shares are 0
/// where their whole is 0.
struct LoopCounts {
  std::uint64_t payments = 0;
  std::uint64_t challenged = 0;
  std::uint64_t declined = 0;
  std::uint64_t frauds = 0;
  std::uint64_t frauds_challenged = 0;
  std::uint64_t frauds_through = 0;  ///< FN: executed.
  std::uint64_t frauds_passed = 0;   ///< Those of FN that a challenge let through.
  std::uint64_t frauds_touched = 0;
  std::uint64_t genuine_lost = 0;
  std::uint64_t reviewed = 0;
  std::int64_t amount_minor = 0;        ///< Of all payments.
  std::int64_t exposure_minor = 0;      ///< Of all frauds.
  std::int64_t damage_minor = 0;        ///< Of the frauds executed.
  std::int64_t genuine_lost_minor = 0;  ///< Turnover of the genuine payments not executed.

  std::uint64_t approved() const { return payments - challenged - declined; }
  std::uint64_t genuine() const { return payments - frauds; }
  /// FP: genuine payments challenged or declined.
  std::uint64_t genuine_touched() const { return challenged + declined - frauds_touched; }
  std::uint64_t genuine_challenged() const { return challenged - frauds_challenged; }

  double false_positive_rate() const;     ///< FP / genuine.
  double false_negative_rate() const;     ///< FN / frauds.
  double false_positives_of_all() const;  ///< FP / all payments.
  double false_negatives_of_all() const;  ///< FN / all payments.
  double genuine_lost_rate() const;       ///< Lost / genuine.
  double precision() const;               ///< Frauds among the touched.
  double damage_of_exposure() const;      ///< Damage / exposure.

  void add(const LoopPayment& payment) {
    const bool fraud = payment.is_fraud;
    const bool challenge = payment.action == Action::kChallenge;
    const bool decline = payment.action == Action::kDecline;
    const bool through = fraud && payment.executed;
    const bool lost = !fraud && !payment.executed;
    const auto money_if = [&](bool counts) { return counts ? payment.amount_minor : 0; };
    ++payments;
    challenged += challenge;
    declined += decline;
    frauds += fraud;
    frauds_challenged += fraud && challenge;
    frauds_through += through;
    frauds_passed += through && challenge;
    frauds_touched += fraud && (challenge || decline);
    genuine_lost += lost;
    reviewed += payment.review;
    amount_minor += payment.amount_minor;
    exposure_minor += money_if(fraud);
    damage_minor += money_if(through);
    genuine_lost_minor += money_if(lost);
  }
  LoopCounts& operator+=(const LoopCounts& other);

  friend bool operator==(const LoopCounts&, const LoopCounts&) = default;
};

/// The outcome of a closed loop over a period: by day, by scenario and in all, scaled to 30 days.
///
/// `add` costs a few nanoseconds. Not thread-safe: one a thread, then `merge`; sums of integers, so
/// the result is the same for any split.
class LoopOutcome {
 public:
  static constexpr std::size_t kScenarios = 4;

  /// The measured period [from, to), from < to (WEIR_CHECK). Days are UTC days.
  LoopOutcome(Seconds from, Seconds to);

  /// `event_time` is inside the period; an approved payment is executed, a declined one is not
  /// (WEIR_CHECK). A scenario other than 1..3 counts as 0.
  void add(const LoopPayment& payment) {
    WEIR_CHECK(payment.event_time >= from_ && payment.event_time < to_);
    WEIR_CHECK(payment.action == Action::kChallenge ||
               payment.executed == (payment.action != Action::kDecline));
    const auto day = static_cast<std::size_t>((payment.event_time - first_day_) / kSecondsPerDay);
    const bool known = payment.scenario > 0 && payment.scenario < static_cast<int>(kScenarios);
    cells_[day][known ? static_cast<std::size_t>(payment.scenario) : 0].add(payment);
    see_customer(payment.customer_id);
  }

  /// Adds what another thread saw of the same period (WEIR_CHECK).
  void merge(const LoopOutcome& other);

  Seconds from() const { return from_; }
  Seconds to() const { return to_; }
  double days() const;  ///< Length of the period; need not be whole.

  LoopCounts total() const;
  LoopCounts scenario(std::size_t number) const;  ///< 0 holds the genuine payments too.
  std::size_t day_count() const { return cells_.size(); }
  Seconds day_start_of(std::size_t day) const;  ///< Midnight UTC.
  LoopCounts day(std::size_t day) const;
  LoopCounts day(std::size_t day, std::size_t scenario) const { return cells_[day][scenario]; }

  /// Customers with a payment in the period.
  std::uint64_t customers() const;

  /// Roubles of the frauds executed, scaled to 30 days.
  double damage_roubles_per_month() const;
  double exposure_roubles_per_month() const;
  /// Turnover in roubles of genuine payments not executed, scaled to 30 days.
  double genuine_lost_roubles_per_month() const;
  /// All challenges, of genuine payments and of frauds, a day.
  double challenges_per_day() const;
  /// Challenges of genuine payments in 30 days per customer who paid in the period: what an honest
  /// cardholder notices.
  double challenges_per_customer_month() const;

 private:
  void see_customer(std::int64_t customer_id) {
    const auto id = static_cast<std::uint64_t>(customer_id);
    if (id < kDenseCustomers && id / 64 < seen_.size()) {
      seen_[id / 64] |= std::uint64_t{1} << (id % 64);
    } else {
      see_new_range(id);
    }
  }
  void see_new_range(std::uint64_t customer_id);
  double per_month(std::int64_t amount_minor) const;

  // Ids below are a bit each (at most 16 MB), others go into the set.
  static constexpr std::uint64_t kDenseCustomers = std::uint64_t{1} << 27;

  Seconds from_;
  Seconds to_;
  Seconds first_day_;
  std::vector<std::array<LoopCounts, kScenarios>> cells_;  // By UTC day.
  std::vector<std::uint64_t> seen_;
  std::unordered_set<std::uint64_t> seen_elsewhere_;
};

}  // namespace weir
