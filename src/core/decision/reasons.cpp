#include "core/decision/reasons.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "core/model/contributions.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"

namespace weir {
namespace {

struct Unit {
  Seconds length;
  std::string_view name;
};
constexpr Unit kUnits[] = {{kSecondsPerDay, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};

std::string counted(std::int64_t count, std::string_view name) {
  return fmt::format("{} {}{}", count, name, count == 1 ? "" : "s");
}

/// Exact: "7 days", "36 hours".
std::string length_in_words(Seconds length) {
  for (const Unit& unit : kUnits) {
    if (length % unit.length == 0) return counted(length / unit.length, unit.name);
  }
  WEIR_CHECK(false);
}

/// For people: "3 days 4 hours", the two largest units.
std::string age_in_words(Seconds age) {
  for (std::size_t i = 0; i + 1 < std::size(kUnits); ++i) {
    if (age < kUnits[i].length) continue;
    const Seconds rest = age % kUnits[i].length / kUnits[i + 1].length;
    std::string words = counted(age / kUnits[i].length, kUnits[i].name);
    if (rest != 0) words += " " + counted(rest, kUnits[i + 1].name);
    return words;
  }
  return counted(age, "second");
}

/// "in the last 7 days", "in the 30 days up to 7 days before".
std::string period_in_words(const FeatureInput& input) {
  std::string length = length_in_words(input.window);
  if (length.starts_with("1 ")) length.erase(0, 2);  // "in the last day"
  if (input.delay == 0) return fmt::format("in the last {}", length);
  return fmt::format("in the {} up to {} before", length, length_in_words(input.delay));
}

std::string roubles(float value) {
  return format_amount(std::llround(static_cast<double>(value) * 100)) + " RUB";
}

/// Two digits after the point up to 10, then one, then none.
std::string ratio(float value) {
  const double number = static_cast<double>(value);
  return fmt::format("{:.{}f}", number, number < 10 ? 2 : number < 100 ? 1 : 0);
}

/// Who the history is of, and where, in the grammar of the sentences below.
struct Subject {
  std::string_view name;   ///< "this terminal"
  std::string_view place;  ///< " at this terminal" for the pair, else nothing.
};
Subject subject_of(FeatureKey key) {
  switch (key) {
    case FeatureKey::kTerminal:
      return {"this terminal", ""};
    case FeatureKey::kPair:
      return {"this customer", " at this terminal"};
    case FeatureKey::kPayment:
    case FeatureKey::kCustomer:
      break;
  }
  return {"this customer", ""};
}

std::string history_sentence(const FeatureInput& input, float value) {
  const auto [name, place] = subject_of(input.key);
  const std::string period = period_in_words(input);
  const std::int64_t whole = std::llround(static_cast<double>(value));
  const bool none_in_window = whole >= input.window;  // Of the times since something.
  const char* made = input.key == FeatureKey::kTerminal ? "took" : "made";
  const auto had = [&, name = name, place = place](std::string_view what) {
    return fmt::format("{} had {}{} {}", name, what, place, period);
  };
  switch (input.aggregate) {
    case Aggregate::kCount:
      return fmt::format("{} {} {}{} {}{}", name, made, counted(whole, "payment"), place, period,
                         input.delay == 0 ? ", this one included" : "");
    case Aggregate::kSum:
      return fmt::format("{} {} payments of {} in all{} {}", name, made, roubles(value), place,
                         period);
    case Aggregate::kMean:
      if (value == 0) return had("no payment above 0.00 RUB");
      return fmt::format("{}'s mean payment{} {} was {}", name, place, period, roubles(value));
    case Aggregate::kStd:
      return fmt::format("{}'s payments{} {} differ from their mean by {} (standard deviation)",
                         name, place, period, roubles(value));
    case Aggregate::kMax:
      if (value == 0) return had("no payment above 0.00 RUB");
      return fmt::format("{}'s largest payment{} {} was {}", name, place, period, roubles(value));
    case Aggregate::kAmountToMean:
      return fmt::format("the amount is {} times {}'s mean payment{} {}", ratio(value), name, place,
                         period);
    case Aggregate::kAmountToMax:
      return fmt::format("the amount is {} times {}'s largest payment{} {}", ratio(value), name,
                         place, period);
    case Aggregate::kAmountToGenuineMean:
      return fmt::format("the amount is {} times the mean of {}'s confirmed genuine payments{} {}",
                         ratio(value), name, place, period);
    case Aggregate::kTimeSinceLast:
      if (none_in_window) return had("no other payment");
      return fmt::format("{}'s payment before this one{} was {} ago", name, place,
                         age_in_words(whole));
    case Aggregate::kKnownFraudCount:
      return had(whole == 0 ? "no confirmed fraud" : counted(whole, "confirmed fraud"));
    case Aggregate::kKnownGenuineCount:
      return had(whole == 0 ? "no confirmed genuine payment"
                            : counted(whole, "confirmed genuine payment"));
    case Aggregate::kRisk:
      if (value == 0) return had("no confirmed fraud");
      return fmt::format("{:.1f}% of {}'s payments with a known outcome{} {} were fraud",
                         100 * static_cast<double>(value), name, place, period);
    case Aggregate::kTimeSinceFirstKnownFraud:
      if (none_in_window) return had("no confirmed fraud");
      return fmt::format("{}'s first confirmed fraud{} {} was {} ago", name, place, period,
                         age_in_words(whole));
    case Aggregate::kTimeSinceLastKnownFraud:
      if (none_in_window) return had("no confirmed fraud");
      return fmt::format("{}'s latest confirmed fraud{} was {} ago", name, place,
                         age_in_words(whole));
    case Aggregate::kKnownGenuineSinceLastKnownFraud:
      return had(fmt::format("{} after any confirmed fraud",
                             whole == 0 ? "no confirmed genuine payment"
                                        : counted(whole, "confirmed genuine payment")));
    case Aggregate::kAmount:
    case Aggregate::kIsWeekend:
    case Aggregate::kIsNight:
    case Aggregate::kHour:
      break;  // Of the payment itself.
  }
  WEIR_CHECK(false);
}

}  // namespace

std::string reason_code(const FeatureInput& input) {
  const std::string_view word = word_of(input.aggregate).word;
  return input.key == FeatureKey::kPayment ? std::string(word)
                                           : fmt::format("{}_{}", key_word(input.key), word);
}

std::string feature_sentence(const FeatureInput& input, float value) {
  // Past this no amount, count or age is real, and rounding to an integer would overflow.
  if (!(std::abs(value) < 1e15F)) return fmt::format("{} is not known", input.name());
  switch (input.aggregate) {
    case Aggregate::kAmount:
      return fmt::format("the amount is {}", roubles(value));
    case Aggregate::kIsWeekend:
      return value != 0 ? "the payment was made on a weekend (UTC)"
                        : "the payment was made on a weekday (UTC)";
    case Aggregate::kIsNight:
      return value != 0 ? "the payment was made at night, from 00:00 to 06:59 UTC"
                        : "the payment was made by day, from 07:00 to 23:59 UTC";
    case Aggregate::kHour: {
      const std::int64_t hour = std::llround(static_cast<double>(value));
      return fmt::format("the payment was made between {:02}:00 and {:02}:59 UTC", hour, hour);
    }
    default:
      return history_sentence(input, value);
  }
}

namespace {

/// The inputs of one code: those of one key and aggregate, whatever their windows.
struct Group {
  const FeatureInput* first;
  double weight = 0;
  std::size_t most;   // The input that speaks most for fraud,
  std::size_t least;  // and the one that speaks most against it.
};

/// By weight, the strongest for fraud first; without a text, which costs more than the weights.
std::vector<Group> groups_of(const FeatureSpec& spec, std::span<const double> contributions) {
  std::vector<Group> groups;
  groups.reserve(spec.size());
  for (std::size_t i = 0; i < spec.size(); ++i) {
    const FeatureInput& input = spec.inputs()[i];
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& known) {
      return known.first->key == input.key && known.first->aggregate == input.aggregate;
    });
    if (group == groups.end()) {
      groups.push_back({&input, 0, i, i});
      group = groups.end() - 1;
    }
    group->weight += contributions[i];
    if (contributions[i] > contributions[group->most]) group->most = i;
    if (contributions[i] < contributions[group->least]) group->least = i;
  }
  std::erase_if(groups, [](const Group& group) { return group.weight == 0; });
  std::sort(groups.begin(), groups.end(), [](const Group& left, const Group& right) {
    return left.weight != right.weight ? left.weight > right.weight
                                       : reason_code(*left.first) < reason_code(*right.first);
  });
  return groups;
}

Reason reason_of(const Group& group, const FeatureSpec& spec, std::span<const float> row) {
  const std::size_t strongest = group.weight > 0 ? group.most : group.least;
  return {reason_code(*group.first), feature_sentence(spec.inputs()[strongest], row[strongest]),
          group.weight, spec.names()[strongest], row[strongest]};
}

}  // namespace

std::vector<Reason> all_reasons(const FeatureSpec& spec,
                                std::span<const float> row,
                                std::span<const double> contributions) {
  WEIR_CHECK(row.size() == spec.size());
  WEIR_CHECK(contributions.size() == spec.size() || contributions.size() == spec.size() + 1);
  std::vector<Reason> reasons;
  for (const Group& group : groups_of(spec, contributions)) {
    reasons.push_back(reason_of(group, spec, row));
  }
  return reasons;
}

std::vector<Reason> top_reasons(const TreeShap& shap,
                                const FeatureSpec& spec,
                                std::span<const float> row,
                                std::size_t count) {
  WEIR_CHECK(row.size() == spec.size());
  std::vector<double> weights(spec.size() + 1);
  shap.contributions(row, weights);
  std::vector<Reason> reasons;
  for (const Group& group : groups_of(spec, weights)) {
    if (group.weight <= 0 || reasons.size() == count) break;
    reasons.push_back(reason_of(group, spec, row));
  }
  return reasons;
}

}  // namespace weir
