#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/decision/decision.h"
#include "core/decision/decision_loop.h"
#include "core/transaction/payment.h"

namespace weir::journal {

enum class RecordKind : std::uint8_t { kPayment = 0, kFeedback = 1, kControl = 2 };

/// Why a decision is less than it should be; bits.
enum Degraded : std::uint8_t {
  kDegradedNone = 0,
  kDegradedNoReasons = 1,     ///< Reasons took too long and were left out.
  kDegradedNoChallenger = 2,  ///< The challenger failed; the champion decided alone.
  kDegradedRules =
      4,  ///< Answered by rules before it could be recorded; `action` is what was told.
};

/// One entry of the log: what came in, and for a payment what was decided, with all that is needed
/// to decide it again.
struct Record {
  std::uint64_t position = 0;
  Seconds logged_at = 0;
  RecordKind kind = RecordKind::kPayment;
  Payment payment;  ///< Of feedback: the payment it is about.

  // Of feedback; the beliefs are those of its decision.
  Outcome outcome = Outcome::kGenuine;
  OutcomeSource source = OutcomeSource::kChargeback;
  Seconds known_at = 0;
  std::string note;         ///< An analyst's.
  bool challenged = false;  ///< Its payment was.
  /// Kopecks of confirmed damage that it adds, or takes back where it corrects.
  std::int64_t damage_minor = 0;

  // Of a payment.
  std::string rejected;  ///< The rule that rejected it; then there is no decision.
  Action action = Action::kApprove;
  bool late = false;
  float margin = 0;
  float score = 0;
  double probability = 0;
  Cause cause = Cause::kScore;
  bool review = false;
  float audit_probability = 0;
  DecisionBeliefs beliefs;
  std::uint8_t degraded = kDegradedNone;
  std::string model;            ///< Bundle version that decided.
  std::string arm;              ///< `champion` or `challenger`.
  std::string reasons;          ///< JSON array; empty for none.
  std::vector<float> features;  ///< Model inputs, in the bundle's order.

  // What the other model said of a payment; an empty version where none was asked.
  std::string shadow_model;
  Action shadow_action = Action::kApprove;
  double shadow_probability = 0;

  // Of a control event.
  Control control;

  friend bool operator==(const Record&, const Record&) = default;
};

/// Then `action` is not the model's.
inline bool told_by_rules(const Record& record) { return (record.degraded & kDegradedRules) != 0; }

}  // namespace weir::journal
