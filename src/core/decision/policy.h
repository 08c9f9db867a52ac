#pragma once

#include <string>
#include <string_view>

namespace weir {

/// What happens to a payment.
enum class Action : unsigned char {
  kApprove,    ///< Goes through.
  kChallenge,  ///< The cardholder is asked to confirm.
  kDecline,    ///< Does not go through.
};

/// `approve`, `challenge`, `decline`.
std::string_view action_name(Action action);

/// The policy of a bundle: two thresholds on the model's margin (log-odds before calibration).
///
/// A margin at or above `decline_margin` declines, at or above `challenge_margin` challenges.
/// Margins and not probabilities: the calibrated probability has plateaus on which a threshold
/// would flip thousands of payments at once.
struct Policy {
  float challenge_margin = 0;
  float decline_margin = 0;
  /// Of the calibration period, for people: the share of genuine payments that the thresholds
  /// touch.
  double expected_false_positive_rate = 0;

  Action decide(float margin) const {
    if (margin >= decline_margin) return Action::kDecline;
    return margin >= challenge_margin ? Action::kChallenge : Action::kApprove;
  }

  /// The bytes of `policy.toml`; `parse` reads exactly this policy back.
  std::string to_toml() const;

  /// Throws Error naming `source` for missing or unknown keys, numbers that are not finite, and a
  /// challenge threshold above the decline threshold.
  static Policy parse(std::string_view toml, const std::string& source);

  friend bool operator==(const Policy&, const Policy&) = default;
};

}  // namespace weir
