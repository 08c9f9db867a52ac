#include "core/cleaning/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/cleaning/clean_row.h"
#include "core/cleaning/row_layout.h"
#include "core/transaction/calendar.h"
#include "core/transaction/money.h"

namespace weir {
namespace {

constexpr std::array<RuleText, kRuleCount> kRules = {{
    {Rule::kDuplicateRow, "duplicate_row", RuleAction::kDrop,
     "a row equal to an earlier one of the input in every field",
     "It is one payment delivered twice; counting it twice would falsify every sum."},
    {Rule::kDuplicateId, "duplicate_id", RuleAction::kQuarantine,
     "a `transaction_id` that an earlier row has with other content",
     "An id names one payment. The first in log order is kept, as a service would have done."},
    {Rule::kFieldCount, "field_count", RuleAction::kQuarantine,
     "a line with more or fewer fields than the header names, or a JSON line that is no object of "
     "the request's fields",
     "There is no telling which field is which."},
    {Rule::kLineTooLong, "line_too_long", RuleAction::kQuarantine,
     "a line above 65,536 bytes; its first 1,024 are kept",
     "No payment is so long; reading on would take unbounded memory."},
    {Rule::kNotANumber, "not_a_number", RuleAction::kQuarantine,
     "a `transaction_id`, amount or label that is not a number",
     "Guessing a number would invent a payment."},
    {Rule::kTimeInvalid, "time_invalid", RuleAction::kQuarantine,
     "a time that is not on the calendar or outside 1970 to 2099; also `24:00:00` where "
     "`tx_time_seconds` is absent or disagrees",
     "Windows, order and label delays all hang on the time."},
    {Rule::kTime24Repaired, "time_24_repaired", RuleAction::kRepair, "the time `24:00:00` of a day",
     "The next day's 00:00:00 is meant: the time minus `tx_time_seconds` is one constant per data "
     "set, and the repaired time must have it too."},
    {Rule::kCustomerInvalid, "customer_invalid", RuleAction::kQuarantine,
     "a `customer_id` that is not a whole number of 0 or more",
     "−999999 stands for an unknown card; turning its sign round would give a stranger's history. "
     "Customer 0 is a real one."},
    {Rule::kTerminalNotANumber, "terminal_not_a_number", RuleAction::kQuarantine,
     "a `terminal_id` that is not a whole number of 0 or more: `Err`, `None`, empty",
     "Most fraud shows in the terminal's history, and there is none. Terminal 0 is a real one."},
    {Rule::kTerminalUnknown, "terminal_unknown", RuleAction::kQuarantine,
     "a number that is not among the known terminals; only where `terminals` is configured",
     "Bogus numbers (up to 89,518,096 where real ones are 0 to 999) make terminals without "
     "history. Without a list nobody can tell a bogus one from a new one."},
    {Rule::kAmountInvalid, "amount_invalid", RuleAction::kQuarantine,
     "an amount below 0, above 100,000,000,000 roubles or with a fraction of a kopeck",
     "It is not money that a card can pay. High amounts are never outliers: filtering them "
     "deletes frauds first."},
    {Rule::kAmountZeroKept, "amount_zero_kept", RuleAction::kKeep, "an amount of 0.00",
     "The cardholder really paid 0.00; the payment counts in every window."},
    {Rule::kLabelConflict, "label_conflict", RuleAction::kQuarantine,
     "`is_fraud` and `fraud_scenario` that disagree, or a label outside 0..1 and 0..6",
     "Neither of two labels can be trusted, and a wrong one teaches the model."},
    {Rule::kTimeInFuture, "time_in_future", RuleAction::kQuarantine,
     "live only: a payment dated more than five minutes after it was logged",
     "It would push every earlier payment of its keys out of the windows."},
}};

static_assert(std::is_sorted(kRules.begin(), kRules.end(), [](const auto& left, const auto& right) {
  return left.rule < right.rule;
}));

}  // namespace

std::span<const RuleText> rule_texts() { return kRules; }

const RuleText& text_of(Rule rule) { return kRules[static_cast<std::size_t>(rule)]; }

std::string_view action_name(RuleAction action) {
  constexpr std::array<std::string_view, 4> kNames = {"drop", "quarantine", "repair", "keep"};
  return kNames[static_cast<std::size_t>(action)];
}

std::optional<Rule> find_rule(std::string_view id) {
  const auto found = std::find_if(kRules.begin(), kRules.end(),
                                  [&](const RuleText& text) { return text.id == id; });
  if (found == kRules.end()) return std::nullopt;
  return found->rule;
}

std::string cleaning_reference() {
  std::string text =
      "# Cleaning rules\n\n"
      "<!-- Made by cleaning_reference() in src/core/cleaning/rules.cpp; a test compares. -->\n\n"
      "`weir clean`, the service and Spark apply the same rules to each row. A row breaks at most "
      "one rule: fields are\nread in the order id, time, customer, terminal, amount, label, and "
      "the "
      "first fault is the reason.\n\n"
      "| rule | finds | then | why |\n|---|---|---|---|\n";
  for (const RuleText& rule : kRules) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", rule.id, rule.finds, action_name(rule.action),
                        rule.why);
  }
  text +=
      "\nThe report balances to zero in rows, money and frauds: in = clean + dropped + "
      "quarantined. "
      "A row whose amount or\nlabel cannot be read counts as a row of unknown money or label.\n\n"
      "A rule whose rejects hold a fraud share far above the data's fails the run, unless it is "
      "accepted by name: it would\ndelete what the model must learn. Far above: at least 10 "
      "frauds, "
      "more than twice the data's share, and a chance below\ne⁻²⁰ under the Chernoff bound "
      "exp(−n · KL(share of the rejects ‖ share of the data)).\n\n"
      "## Column names\n\nNames are compared without regard to case. Others are mapped with "
      "`--column FIELD=NAME`.\n\n| field | names known |\n|---|---|\n";
  for (const FieldNames& field : known_field_names()) {
    std::string names;
    for (const std::string_view name : field.names) {
      if (name.empty()) continue;
      names += fmt::format("{}`{}`", names.empty() ? "" : ", ", name);
    }
    text += fmt::format("| `{}` | {} |\n", field_name(field.field), names);
  }
  return text;
}

}  // namespace weir
