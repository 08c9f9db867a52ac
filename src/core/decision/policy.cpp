#include "core/decision/policy.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr std::string_view kKeys[] = {"challenge_margin", "decline_margin",
                                      "expected_false_positive_rate"};

double number(const toml::table& table, std::string_view key, const std::string& source) {
  const auto value = table[key].value<double>();
  if (!value || !std::isfinite(*value)) {
    throw Error(fmt::format("policy \"{}\": {} must be a finite number; train the bundle again",
                            source, key));
  }
  return *value;
}

}  // namespace

std::string_view action_name(Action action) {
  switch (action) {
    case Action::kApprove:
      return "approve";
    case Action::kChallenge:
      return "challenge";
    case Action::kDecline:
      return "decline";
  }
  return "";
}

std::string Policy::to_toml() const {
  return fmt::format(
      "# Thresholds on the model's margin (log-odds). A margin at or above one takes its action.\n"
      "challenge_margin = {}\n"
      "decline_margin = {}\n"
      "expected_false_positive_rate = {}\n",
      challenge_margin, decline_margin, expected_false_positive_rate);
}

Policy Policy::parse(std::string_view text, const std::string& source) {
  toml::table table;
  try {
    table = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("policy \"{}\": line {}: {}", source, error.source().begin.line,
                            std::string(error.description())));
  }
  for (const auto& [key, value] : table) {
    if (std::find(std::begin(kKeys), std::end(kKeys), key.str()) == std::end(kKeys)) {
      throw Error(fmt::format("policy \"{}\": line {}: unknown key {}; known: {}", source,
                              value.source().begin.line, std::string(key.str()),
                              fmt::join(kKeys, ", ")));
    }
  }
  const Policy policy{static_cast<float>(number(table, kKeys[0], source)),
                      static_cast<float>(number(table, kKeys[1], source)),
                      number(table, kKeys[2], source)};
  if (policy.challenge_margin > policy.decline_margin) {
    throw Error(
        fmt::format("policy \"{}\": challenge_margin {} is above decline_margin {}; swap them",
                    source, policy.challenge_margin, policy.decline_margin));
  }
  return policy;
}

}  // namespace weir
