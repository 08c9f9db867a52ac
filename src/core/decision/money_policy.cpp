#include "core/decision/money_policy.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/transaction/error.h"
#include "core/transaction/nearest_name.h"

namespace weir {
namespace {

struct Number {
  std::string_view key;
  double* value;
  double largest;
  std::string_view comment;
};

constexpr double kAnyCost = 1e9;

std::array<Number, 7> numbers(MoneyPolicy& policy) {
  return {{{"challenge_cost", &policy.challenge_cost, kAnyCost, "roubles for asking a cardholder"},
           {"lost_genuine_cost", &policy.lost_genuine_cost, kAnyCost,
            "roubles for a genuine payment that was not executed"},
           {"review_cost", &policy.review_cost, kAnyCost, "roubles for an analyst's look"},
           {"takeover_worth", &policy.takeover_worth, kAnyCost,
            "roubles that knowing of a taken-over card saves later"},
           {"false_positive_rate", &policy.false_positive_rate, 1,
            "budget: genuine payments challenged or declined / genuine"},
           {"lost_genuine_rate", &policy.lost_genuine_rate, 1,
            "budget: genuine payments not executed / genuine"},
           {"challenges_per_day", &policy.challenges_per_day, 1e15, "budget"}}};
}

constexpr std::string_view kLimit = "customer_challenges_per_day";
constexpr std::string_view kAudits = "audits";
constexpr std::string_view kAuditKey = "audit_key";

}  // namespace

std::string MoneyPolicy::to_toml() const {
  MoneyPolicy copy = *this;
  std::string text =
      "# Expected roubles decide; a controller keeps the budgets.\nkind = \"money\"\n";
  for (const Number& number : numbers(copy)) {
    text += fmt::format("{} = {}  # {}\n", number.key, *number.value, number.comment);
  }
  text += fmt::format("{} = {}  # more are not asked of one cardholder\n", kLimit,
                      customer_challenges_per_day);
  text += fmt::format("{} = {}  # challenge some payments only to learn\n", kAudits, audits);
  text += fmt::format("{} = {}  # secret: the phase of the audits\n", kAuditKey, audit_key);
  return text;
}

MoneyPolicy MoneyPolicy::parse(std::string_view text, const std::string& source) {
  toml::table table;
  try {
    table = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("policy \"{}\": line {}: {}", source, error.source().begin.line,
                            std::string(error.description())));
  }
  MoneyPolicy policy;
  const auto all = numbers(policy);
  std::vector<std::string> known = {"kind", std::string(kLimit), std::string(kAudits),
                                    std::string(kAuditKey)};
  for (const Number& number : all) known.emplace_back(number.key);
  for (const auto& [key, value] : table) {
    const std::string name(key.str());
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw Error(fmt::format("policy \"{}\": line {}: unknown key {}; did you mean {}?", source,
                              value.source().begin.line, name, nearest_name(name, known)));
    }
  }
  if (table["kind"].value_or(std::string()) != "money") {
    throw Error(fmt::format("policy \"{}\": kind must be \"money\"", source));
  }
  for (const Number& number : all) {
    const auto read = table[number.key].value<double>();
    if (!read || !std::isfinite(*read) || *read < 0 || *read > number.largest) {
      throw Error(fmt::format("policy \"{}\": {} is {}, wanted a number from 0 to {} ({})", source,
                              number.key, read ? fmt::format("{}", *read) : "missing",
                              number.largest, number.comment));
    }
    *number.value = *read;
  }
  const auto limit = table[kLimit].value<std::int64_t>();
  const auto audits = table[kAudits].value<bool>();
  const auto key = table[kAuditKey].value<std::int64_t>();
  if (!limit || *limit < 0 || !audits || !key || *key < 0) {
    throw Error(
        fmt::format("policy \"{}\": wanted {} (a whole number from 0), {} (true or false) and {} "
                    "(a whole number from 0)",
                    source, kLimit, kAudits, kAuditKey));
  }
  policy.customer_challenges_per_day = *limit;
  policy.audits = *audits;
  policy.audit_key = static_cast<std::uint64_t>(*key);
  return policy;
}

ActionCosts expected_costs(const MoneyPolicy& policy,
                           const AnswerRates& answers,
                           double multiplier,
                           double genuine,
                           double amount_roubles,
                           double knowledge) {
  const double at_risk = (1 - genuine) * amount_roubles;
  const double lost = policy.lost_genuine_cost * genuine;
  const double executed = answers.answered.value * (1 - answers.wrong_denial.value);
  return {at_risk,
          (policy.challenge_cost + lost * (1 - executed)) * multiplier +
              at_risk * answers.fraud_passes.value - knowledge,
          lost * std::max(1.0, multiplier)};
}

}  // namespace weir
