#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "core/decision/budget_controller.h"
#include "core/decision/decision_loop.h"
#include "core/replay/cardholders.h"
#include "core/transaction/payment.h"

namespace weir {

/// What happened to one payment of a replay.
struct ReplayedPayment {
  Decision decision;
  bool executed = true;
};

/// A decision loop with the world around it: cardholders who answer, chargebacks that come days
/// later, and the controller of the budgets.
///
/// The policy sees three streams, in the order of their release: payments, answers, and labels of
/// executed payments. A payment that was not executed never gets a label. Until `loop_from` the
/// loop is open: every payment is executed and labelled, and nobody is asked.
class ClosedLoop {
 public:
  ClosedLoop(const BeliefRates& rates,
             const MoneyPolicy& policy,
             const FeedbackSettings& feedback,
             Seconds loop_from);

  /// The next payment in batch order: row `row` of `payments`, whose first row has the number
  /// `base` in the whole stream. All labelled rows of the last label delay must still be in
  /// `payments`. Releases first what became known by then.
  ReplayedPayment step(const PaymentView& payments,
                       std::size_t row,
                       std::uint64_t base,
                       const ModelScore& model);

  const DecisionLoop& loop() const { return loop_; }

  /// From now on every answer and chargeback that the policy is told is added to `heard` too.
  void keep_heard(std::vector<Feedback>* heard) { heard_ = heard; }

 private:
  struct Answer {
    Feedback feedback;
    std::uint64_t number = 0;
    /// The earlier known, then the earlier asked, comes first.
    bool operator<(const Answer& other) const {
      return feedback.known_at != other.feedback.known_at
                 ? feedback.known_at > other.feedback.known_at
                 : number > other.number;
    }
  };
  struct Awaited {
    DecisionBeliefs beliefs;
    bool executed = true;
    bool challenged = false;
  };

  void release(const PaymentView& payments, std::uint64_t base, Seconds now);

  FeedbackSettings feedback_;
  Seconds loop_from_;
  DecisionLoop loop_;
  BudgetController controller_;
  std::priority_queue<Answer> answers_;
  std::deque<Awaited> awaited_;      // Payments whose label time has not come, oldest first.
  std::uint64_t first_awaited_ = 0;  // Number of awaited_.front() in the stream.
  std::vector<Feedback>* heard_ = nullptr;
};

}  // namespace weir
