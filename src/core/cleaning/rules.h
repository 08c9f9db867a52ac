#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

/// Everything cleaning can find. The ids stand in reports, quarantine, cases and configuration.
enum class Rule : std::uint8_t {
  kDuplicateRow,
  kDuplicateId,
  kFieldCount,
  kLineTooLong,
  kNotANumber,
  kTimeInvalid,
  kTime24Repaired,
  kCustomerInvalid,
  kTerminalNotANumber,
  kTerminalUnknown,
  kAmountInvalid,
  kAmountZeroKept,
  kLabelConflict,
  kTimeInFuture,
};
inline constexpr std::size_t kRuleCount = 14;

/// What becomes of a row that a rule finds.
enum class RuleAction : std::uint8_t {
  kDrop,        ///< Counted; nothing is lost, since an equal row is kept.
  kQuarantine,  ///< Out of the lake, kept with the reason.
  kRepair,      ///< Kept with the one value that is certain.
  kKeep,        ///< Kept as it is, counted only.
};

struct RuleText {
  Rule rule;
  std::string_view id;
  RuleAction action;
  std::string_view finds;
  std::string_view why;
};

/// In the order of `Rule`, which is the order of reports.
std::span<const RuleText> rule_texts();
const RuleText& text_of(Rule rule);
inline std::string_view rule_id(Rule rule) { return text_of(rule).id; }
std::string_view action_name(RuleAction action);
/// Nothing for a word that is no rule.
std::optional<Rule> find_rule(std::string_view id);

/// docs/reference/cleaning.md.
std::string cleaning_reference();

}  // namespace weir
