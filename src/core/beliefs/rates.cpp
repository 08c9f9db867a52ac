#include "core/beliefs/rates.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <array>
#include <cmath>
#include <limits>

#include "core/transaction/error.h"
#include "core/transaction/nearest_name.h"

namespace weir {
namespace {

struct Place {
  std::string_view table;
  std::string_view key;
  std::string_view comment;
  Estimate* estimate;
  double largest;
};

std::array<Place, 11> places(BeliefRates& rates) {
  constexpr double kAnyRate = 1e6;
  return {
      {{"terminal", "starts_per_day", "hazard of a sound terminal", &rates.terminal.starts_per_day,
        kAnyRate},
       {"terminal", "ends_per_day", "of a compromised terminal", &rates.terminal.ends_per_day,
        kAnyRate},
       {"terminal", "compromised_fraud", "share of its payments while compromised",
        &rates.terminal.compromised_fraud, 1},
       {"terminal", "sound_fraud", "the same while sound", &rates.terminal.sound_fraud, 1},
       {"customer", "starts_per_day", "hazard of a sound card", &rates.customer.starts_per_day,
        kAnyRate},
       {"customer", "ends_per_day", "of a taken-over card", &rates.customer.ends_per_day, kAnyRate},
       {"customer", "compromised_fraud", "share of its payments while taken over",
        &rates.customer.compromised_fraud, 1},
       {"customer", "sound_fraud", "the same while sound", &rates.customer.sound_fraud, 1},
       {"answers", "answered", "share of the cardholders asked", &rates.answers.answered, 1},
       {"answers", "fraud_passes", "share of the frauds asked", &rates.answers.fraud_passes, 1},
       {"answers", "wrong_denial", "share of the genuine payments asked",
        &rates.answers.wrong_denial, 1}}};
}

[[noreturn]] void fail(const std::string& source, const toml::node* node, const std::string& text) {
  const auto line = node == nullptr ? 0 : node->source().begin.line;
  throw Error(line == 0 ? fmt::format("beliefs \"{}\": {}; train the bundle again", source, text)
                        : fmt::format("beliefs \"{}\": line {}: {}; train the bundle again", source,
                                      line, text));
}

/// `[value, low, high]`.
Estimate estimate_of(const toml::node* node,
                     std::string_view name,
                     double largest,
                     const std::string& source) {
  const auto* numbers = node == nullptr ? nullptr : node->as_array();
  std::array<double, 3> read{};
  bool good = numbers != nullptr && numbers->size() == 3;
  for (std::size_t i = 0; good && i < 3; ++i) {
    const auto number = numbers->get(i)->value<double>();
    good = number && std::isfinite(*number) && *number >= 0 && *number <= largest;
    read[i] = number.value_or(0);
  }
  if (!good) {
    fail(source, node, fmt::format("{} must be [value, low, high], each 0 to {}", name, largest));
  }
  return {read[0], read[1], read[2]};
}

std::vector<double> numbers_of(const toml::node* node,
                               std::string_view name,
                               const std::string& source) {
  const auto* array = node == nullptr ? nullptr : node->as_array();
  if (array == nullptr) fail(source, node, fmt::format("{} must be an array of numbers", name));
  std::vector<double> numbers;
  for (const toml::node& item : *array) {
    const auto number = item.value<double>();
    if (!number || !std::isfinite(*number)) {
      fail(source, &item, fmt::format("{} holds something else than finite numbers", name));
    }
    numbers.push_back(*number);
  }
  return numbers;
}

TakeoverShares takeover_of(const toml::node& node, const std::string& source) {
  const auto* table = node.as_table();
  if (table == nullptr || table->size() != 2) {
    fail(source, &node, "takeover needs the arrays margins and shares and nothing else");
  }
  TakeoverShares takeover{numbers_of(table->get("margins"), "takeover.margins", source),
                          numbers_of(table->get("shares"), "takeover.shares", source)};
  const bool shares = std::all_of(takeover.shares.begin(), takeover.shares.end(),
                                  [](double share) { return share > 0 && share < 1; });
  if (!shares || takeover.shares.size() != takeover.margins.size() + 1 ||
      !std::is_sorted(takeover.margins.begin(), takeover.margins.end())) {
    fail(source, &node,
         "takeover wants ascending margins and one share more, each between 0 and 1");
  }
  return takeover;
}

DurationLaw durations_of(const toml::node& node, const std::string& source) {
  const auto* table = node.as_table();
  if (table == nullptr || table->size() != 1) {
    fail(source, &node, "ends_by_age needs the array terminal and nothing else");
  }
  std::vector<double> hazards = numbers_of(table->get("terminal"), "ends_by_age.terminal", source);
  const bool good = !hazards.empty() && std::all_of(hazards.begin(), hazards.end(),
                                                    [](double hazard) { return hazard > 0; });
  if (!good) fail(source, &node, "ends_by_age.terminal wants hazards above 0");
  return DurationLaw(std::move(hazards));
}

}  // namespace

std::string BeliefRates::to_toml() const {
  BeliefRates copy = *this;
  std::string text = "# Estimated from history: [value, and its 95 % interval].\n";
  std::string_view table;
  for (const Place& place : places(copy)) {
    if (place.table != table) text += fmt::format("\n[{}]\n", table = place.table);
    text += fmt::format("{} = [{}, {}, {}]  # {}\n", place.key, place.estimate->value,
                        place.estimate->low, place.estimate->high, place.comment);
  }
  if (!takeover.shares.empty()) {
    text += fmt::format(
        "\n# Of a card's frauds, the share from taken-over cards, by steps of the model's margin.\n"
        "[takeover]\nmargins = [{}]\nshares = [{}]\n",
        fmt::join(takeover.margins, ", "), fmt::join(takeover.shares, ", "));
  }
  if (!terminal.durations.empty()) {
    text += fmt::format(
        "\n# Hazard of a compromise's end a day, by age in steps of a quarter of a day; the last "
        "goes on.\n[ends_by_age]\nterminal = [{}]\n",
        fmt::join(terminal.durations.hazards(), ", "));
  }
  return text;
}

BeliefRates BeliefRates::parse(std::string_view text, const std::string& source) {
  toml::table document;
  try {
    document = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("beliefs \"{}\": line {}: {}", source, error.source().begin.line,
                            std::string(error.description())));
  }
  BeliefRates rates;
  const auto all = places(rates);
  for (const auto& [table_name, node] : document) {
    if (table_name.str() == "takeover") {
      rates.takeover = takeover_of(node, source);
      continue;
    }
    if (table_name.str() == "ends_by_age") {
      rates.terminal.durations = durations_of(node, source);
      continue;
    }
    const auto* table = node.as_table();
    bool known = false;
    for (const Place& place : all) known |= place.table == table_name.str();
    if (!known || table == nullptr) {
      fail(source, &node, fmt::format("unknown key {}", std::string(table_name.str())));
    }
    for (const auto& [key, value] : *table) {
      bool known_key = false;
      for (const Place& place : all) {
        known_key |= place.table == table_name.str() && place.key == key.str();
      }
      if (!known_key) {
        fail(source, &value,
             fmt::format("unknown key {}.{}", std::string(table_name.str()),
                         std::string(key.str())));
      }
    }
  }
  for (const Place& place : all) {
    const auto* table = document[place.table].as_table();
    *place.estimate =
        estimate_of(table == nullptr ? nullptr : table->get(place.key),
                    fmt::format("{}.{}", place.table, place.key), place.largest, source);
  }
  for (const ChainRates* chain : {&rates.terminal, &rates.customer}) {
    if (chain->starts_per_day.value <= 0 || chain->ends_per_day.value <= 0) {
      fail(source, nullptr, "starts_per_day and ends_per_day must be above 0");
    }
  }
  return rates;
}

}  // namespace weir
