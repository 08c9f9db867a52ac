#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/features/feature_spec.h"
#include "core/model/contributions.h"

namespace weir {

/// One reason of a decision, for the analyst and the cardholder's bank.
struct Reason {
  /// Key and aggregate, whatever the window: `amount`, `terminal_known_fraud_count`. Stable: a
  /// function of the vocabulary of features, so it may be counted over months and models.
  std::string code;
  /// Plain words with the numbers: "this terminal had 14 confirmed frauds in the last 7 days".
  std::string sentence;
  /// Log-odds that all inputs of this code together add to the margin; above 0 speaks for fraud.
  /// exp(weight) is the factor on the odds.
  double weight = 0;
  std::string input;  ///< The column the sentence speaks of: the code's strongest.
  float value = 0;    ///< Its value.

  friend bool operator==(const Reason&, const Reason&) = default;
};

/// The code of an input: its name without window and delay.
std::string reason_code(const FeatureInput& input);

/// What `value` of `input` means, in words; no full stop. Holds for every word of the vocabulary.
std::string feature_sentence(const FeatureInput& input, float value);

/// Every reason with a weight other than 0, the strongest for fraud first, the strongest against
/// it last; equal weights by code. Windows of one aggregate count as one reason: their
/// contributions add up exactly, and the sentence is of the one that weighs most its way.
///
/// `row` are the inputs of `spec`, `contributions` what core/model/contributions.h wrote for them
/// (the bias at the end is not looked at), so the weights add up to margin - bias.
std::vector<Reason> all_reasons(const FeatureSpec& spec,
                                std::span<const float> row,
                                std::span<const double> contributions);

/// The at most `count` strongest reasons for fraud; computes the contributions, which costs as much
/// as some ten scorings: for what is not approved.
std::vector<Reason> top_reasons(const TreeShap& shap,
                                const FeatureSpec& spec,
                                std::span<const float> row,
                                std::size_t count = 3);

}  // namespace weir
