#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/cleaning/clean_row.h"
#include "core/decision/budget_controller.h"
#include "core/decision/decision_loop.h"
#include "core/features/feature_engine.h"
#include "core/features/load_step.h"
#include "core/model/bundle.h"
#include "core/model/calibration.h"
#include "core/model/forest.h"
#include "core/model/scorer.h"
#include "core/pipeline/decision_memory.h"
#include "core/transaction/payment.h"

namespace weir {

struct PipelineOptions {
  /// A payment further in the future of its logging is rejected: it would wipe its keys' history.
  Seconds max_future_skew = 300;
  /// How long, by logging time, a repeated transaction id gets its first decision again.
  Seconds duplicate_window = kSecondsPerDay;
  /// For raw payments: which terminals there are.
  CleaningConfig cleaning = {};
};

/// The deterministic state machine of DESIGN: applies log entries in order, gives out decisions.
///
/// The same bundle and the same entries give the same decisions and the same snapshot bytes, in a
/// batch over files, in a service and in a replay. Not thread-safe: one log, one pipeline.
class Pipeline {
 public:
  /// Throws Error naming the bundle when its parts do not fit together.
  explicit Pipeline(const Bundle& bundle, PipelineOptions options = {});

  /// Cleans a raw payment that was appended to the log at `logged_at` and decides on it.
  ///
  /// Beside the cleaning rules rejects `duplicate_id` (the id again with other content) and
  /// `time_in_future`. A reject takes its position in the log and changes no state.
  std::variant<Decision, Reject> apply(const RawPayment& payment, Seconds logged_at);

  /// The same for a payment that is clean already.
  std::variant<Decision, Reject> apply(const Payment& payment, Seconds logged_at);

  /// Starts loading what `apply` of a payment that comes soon will need, a step at a time: for
  /// look_ahead, which numbers the payments.
  void prefetch(std::size_t number, const Payment& payment, LoadStep step);

  /// A payment of before weir decided: it was executed, and nobody was asked. Fills windows and
  /// says what the score would have been.
  std::variant<Decision, Reject> apply_executed(const Payment& payment, Seconds logged_at);

  /// Learns the outcome of an earlier payment; takes a position too. Feedback without the beliefs
  /// of its decision gets them while the decision is remembered.
  void apply(const Feedback& feedback);

  /// Changes what all keys share; takes a position too. Means nothing without beliefs.
  void apply(const Control& control);

  /// The control event that whoever writes the log appends, and applies, before a payment that is
  /// logged at `logged_at`. Keeps the policy's budgets; none without beliefs, or within the hour.
  std::optional<Control> control_due(Seconds logged_at) const;

  /// Position of the next entry.
  std::uint64_t position() const { return position_; }

  /// Beliefs and policy of a bundle that has them, else null.
  const DecisionLoop* loop() const { return loop_ ? &*loop_ : nullptr; }
  /// Likewise, what keeps the budgets.
  const BudgetController* controller() const { return controller_ ? &*controller_ : nullptr; }

  /// The decision on a payment while it is remembered, else null. Valid until the next entry.
  const DecisionMemory::Entry* remembered(std::int64_t transaction_id) const {
    return memory_.find(transaction_id);
  }

  /// Model inputs of the last decided payment, one a feature; for explanation and tests.
  const std::vector<float>& last_features() const { return row_; }

  /// All state as bytes, with a version, the bundle's version and a checksum.
  std::string snapshot() const;

  /// The pipeline as it was when `bytes` were taken. Throws Error for damage, another format
  /// version or another bundle.
  static Pipeline restore(const Bundle& bundle,
                          std::string_view bytes,
                          PipelineOptions options = {});

 private:
  /// A payment that is being loaded.
  struct Coming {
    std::int64_t transaction_id = 0;
    bool loaded = false;
    FeatureEngine::Coming histories;
  };
  void prefetch_unless_loaded(const Payment& payment);
  std::variant<Decision, Reject> run(const Payment& payment, Seconds logged_at, bool decides);

  PipelineOptions options_;
  std::string version_;  // Of the bundle.
  Policy policy_;
  Calibration calibration_;
  FeatureEngine features_;
  Scorer scorer_;
  std::optional<DecisionLoop> loop_;
  std::optional<BudgetController> controller_;  // Where there is a loop.
  DecisionMemory memory_;
  std::uint64_t position_ = 0;
  std::vector<float> row_;
  std::array<Coming, kLoadedAhead> coming_;  // By number.
};

}  // namespace weir
