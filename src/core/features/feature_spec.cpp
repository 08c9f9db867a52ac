#include "core/features/feature_spec.h"

#include <fmt/format.h>
#include <toml++/toml.h>
#include <xxhash.h>

#include <algorithm>
#include <optional>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/nearest_name.h"

namespace weir {
namespace {

// Part of every fingerprint: raise it when a word comes to mean something else.
constexpr std::string_view kMeaningVersion = "weir features 1";

constexpr std::string_view kHandbook = R"(
name = "handbook"
input = [
  { key = "payment", aggregate = "amount" },
  { key = "payment", aggregate = "is_weekend" },
  { key = "payment", aggregate = "is_night" },
  { key = "customer", aggregate = "count", window = "1d" },
  { key = "customer", aggregate = "mean", window = "1d" },
  { key = "customer", aggregate = "count", window = "7d" },
  { key = "customer", aggregate = "mean", window = "7d" },
  { key = "customer", aggregate = "count", window = "30d" },
  { key = "customer", aggregate = "mean", window = "30d" },
  { key = "terminal", aggregate = "count", window = "1d", delay = "7d" },
  { key = "terminal", aggregate = "risk", window = "1d", delay = "7d" },
  { key = "terminal", aggregate = "count", window = "7d", delay = "7d" },
  { key = "terminal", aggregate = "risk", window = "7d", delay = "7d" },
  { key = "terminal", aggregate = "count", window = "30d", delay = "7d" },
  { key = "terminal", aggregate = "risk", window = "30d", delay = "7d" },
])";

constexpr std::string_view kWeir = R"(
name = "weir"
input = [
  { key = "payment", aggregate = "amount" },
  { key = "payment", aggregate = "is_weekend" },
  { key = "payment", aggregate = "hour" },
  { key = "customer", aggregate = "count", window = ["1d", "7d", "30d"] },
  { key = "customer", aggregate = "mean", window = ["1d", "7d", "30d"] },
  { key = "customer", aggregate = "std", window = "30d" },
  { key = "customer", aggregate = "max", window = "30d" },
  { key = "customer", aggregate = "amount_to_mean", window = ["7d", "30d"] },
  { key = "customer", aggregate = "amount_to_genuine_mean", window = "30d" },
  { key = "customer", aggregate = "known_fraud_count", window = "30d" },
  { key = "customer", aggregate = "time_since_last_known_fraud", window = "30d" },
  { key = "terminal", aggregate = "count", window = ["1d", "7d"] },
  { key = "terminal", aggregate = "known_fraud_count", window = ["8d", "14d", "30d"] },
  { key = "terminal", aggregate = "risk", window = ["8d", "14d", "30d"] },
  { key = "terminal", aggregate = "time_since_first_known_fraud", window = "35d" },
  { key = "terminal", aggregate = "time_since_last_known_fraud", window = "35d" },
  { key = "terminal", aggregate = "known_genuine_since_last_known_fraud", window = "35d" },
])";

// No outcome among its inputs: what outcomes say, the beliefs add (core/beliefs/composition.h).
constexpr std::string_view kCard = R"(
name = "card"
input = [
  { key = "payment", aggregate = "amount" },
  { key = "customer", aggregate = "count", window = ["1d", "7d", "28d"] },
  { key = "customer", aggregate = "mean", window = ["1d", "7d", "28d"] },
  { key = "customer", aggregate = "mean", window = "14d", delay = "14d" },
  { key = "customer", aggregate = "std", window = "28d" },
  { key = "customer", aggregate = "max", window = ["7d", "28d"] },
  { key = "customer", aggregate = "amount_to_mean", window = ["7d", "28d"] },
  { key = "customer", aggregate = "amount_to_mean", window = "14d", delay = "14d" },
  { key = "customer", aggregate = "amount_to_max", window = "28d" },
  { key = "customer", aggregate = "amount_to_max", window = "14d", delay = "14d" },
])";

struct BuiltinSpec {
  std::string_view name;
  std::string_view text;
};
constexpr BuiltinSpec kBuiltins[] = {{"handbook", kHandbook}, {"weir", kWeir}, {"card", kCard}};

/// Reads one spec; knows where it is for the error texts.
class SpecReader {
 public:
  explicit SpecReader(std::string_view source) : source_(source) {}

  [[noreturn]] void fail(const toml::node* node, const std::string& text) const {
    const auto line = node == nullptr ? 0 : node->source().begin.line;
    throw Error(line == 0 ? fmt::format("feature spec {}: {}", source_, text)
                          : fmt::format("feature spec {}: line {}: {}", source_, line, text));
  }

  /// `node` as text, out of `known` words.
  std::size_t word(const toml::node& node,
                   std::string_view what,
                   const std::vector<std::string>& known) const {
    const auto* text = node.as_string();
    if (text == nullptr) fail(&node, fmt::format("{} must be a word in quotes", what));
    const auto found = std::find(known.begin(), known.end(), text->get());
    if (found == known.end()) {
      fail(&node, fmt::format("unknown {} \"{}\"; did you mean \"{}\"? docs/reference/features.md "
                              "lists them all",
                              what, text->get(), nearest_name(text->get(), known)));
    }
    return static_cast<std::size_t>(found - known.begin());
  }

  std::vector<Seconds> durations(const toml::node& node, std::string_view what) const {
    std::vector<Seconds> result;
    const auto add = [&](const toml::node& item) {
      const auto* text = item.as_string();
      const auto duration = text == nullptr ? std::nullopt : parse_duration(text->get());
      if (!duration) {
        fail(&item, fmt::format("{} must be a duration such as \"90s\", \"12h\" or \"7d\"", what));
      }
      result.push_back(*duration);
    };
    if (const auto* array = node.as_array()) {
      for (const auto& item : *array) add(item);
      if (array->empty()) fail(&node, fmt::format("{} is an empty array; name a duration", what));
    } else {
      add(node);
    }
    return result;
  }

  void input(const toml::node& node, std::vector<FeatureInput>& inputs) const {
    static const std::vector<std::string> kFields = {"key", "aggregate", "window", "delay"};
    const auto* table = node.as_table();
    if (table == nullptr) {
      fail(&node, "an input must be a table such as { key = \"payment\", aggregate = \"amount\" }");
    }
    for (const auto& [name, value] : *table) {
      const std::string field(name.str());
      if (std::find(kFields.begin(), kFields.end(), field) == kFields.end()) {
        fail(&value, fmt::format("unknown field \"{}\" of an input; did you mean \"{}\"?", field,
                                 nearest_name(field, kFields)));
      }
    }
    const toml::node* key_node = table->get("key");
    const toml::node* aggregate_node = table->get("aggregate");
    if (key_node == nullptr)
      fail(&node, "this input has no key; add key = \"customer\" or another");
    if (aggregate_node == nullptr) {
      fail(&node, "this input has no aggregate; add aggregate = \"count\" or another");
    }
    const auto add = [&](const FeatureInput& one) {
      if (std::find(inputs.begin(), inputs.end(), one) != inputs.end()) {
        fail(&node, fmt::format("the input {} is there twice; remove one", one.name()));
      }
      inputs.push_back(one);
    };
    FeatureInput input;
    input.key = static_cast<FeatureKey>(
        word(*key_node, "key", {"payment", "customer", "terminal", "pair"}));
    std::vector<std::string> words;
    for (const AggregateWord& known : aggregate_words()) words.emplace_back(known.word);
    const AggregateWord& aggregate = aggregate_words()[word(*aggregate_node, "aggregate", words)];
    input.aggregate = aggregate.aggregate;
    const toml::node* window = table->get("window");
    const toml::node* delay = table->get("delay");
    if (aggregate.of_payment != (input.key == FeatureKey::kPayment)) {
      fail(aggregate_node,
           aggregate.of_payment
               ? fmt::format("\"{}\" belongs to the payment itself; write key = \"payment\"",
                             aggregate.word)
               : fmt::format("\"{}\" needs a history; write key = \"customer\", \"terminal\" or "
                             "\"pair\"",
                             aggregate.word));
    }
    if (aggregate.of_payment) {
      if (window != nullptr || delay != nullptr) {
        fail(window != nullptr ? window : delay,
             fmt::format("\"{}\" is of the payment itself: leave window and delay out",
                         aggregate.word));
      }
      add(input);
      return;
    }
    if (window == nullptr) {
      fail(&node,
           fmt::format("\"{}\" has no window; add window = \"7d\" or another", aggregate.word));
    }
    if (delay != nullptr && !aggregate.takes_delay) {
      fail(delay, fmt::format("\"{}\" takes no delay; leave it out", aggregate.word));
    }
    for (const Seconds length : durations(*window, "window")) {
      for (const Seconds wait :
           delay == nullptr ? std::vector<Seconds>{0} : durations(*delay, "delay")) {
        if (length == 0) fail(window, "a window must be longer than 0 s");
        if (length + wait > FeatureSpec::kMaxReach) {
          fail(window, fmt::format("window + delay is {}, more than the {} that weir remembers",
                                   format_duration(length + wait),
                                   format_duration(FeatureSpec::kMaxReach)));
        }
        input.window = length;
        input.delay = wait;
        add(input);
      }
    }
  }

 private:
  std::string_view source_;
};

}  // namespace

FeatureSpec::FeatureSpec(std::string name, std::vector<FeatureInput> inputs)
    : name_(std::move(name)), inputs_(std::move(inputs)) {
  std::string meaning(kMeaningVersion);
  for (const FeatureInput& input : inputs_) {
    names_.push_back(input.name());
    meaning += "\n" + names_.back();
  }
  const XXH128_hash_t hash = XXH3_128bits(meaning.data(), meaning.size());
  fingerprint_ = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

FeatureSpec FeatureSpec::parse(std::string_view toml_text, std::string_view source) {
  const SpecReader reader(source);
  toml::table document;
  try {
    document = toml::parse(toml_text, source);
  } catch (const toml::parse_error& error) {
    throw Error(fmt::format("feature spec {}: line {}: {}", source, error.source().begin.line,
                            std::string(error.description())));
  }
  static const std::vector<std::string> kFields = {"name", "input"};
  for (const auto& [name, value] : document) {
    const std::string field(name.str());
    if (std::find(kFields.begin(), kFields.end(), field) == kFields.end()) {
      reader.fail(&value, fmt::format("unknown field \"{}\"; did you mean \"{}\"?", field,
                                      nearest_name(field, kFields)));
    }
  }
  std::string name = "custom";
  if (const toml::node* node = document.get("name")) {
    const auto* text = node->as_string();
    const auto is_plain = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '_' || c == '.';
    };
    if (text == nullptr || text->get().empty() || text->get().size() > 64 ||
        !std::all_of(text->get().begin(), text->get().end(), is_plain)) {
      reader.fail(node, "name must be 1 to 64 letters, digits, '-', '_' or '.' in quotes");
    }
    name = text->get();
  }
  const toml::node* list = document.get("input");
  const auto* array = list == nullptr ? nullptr : list->as_array();
  if (array == nullptr || array->empty()) {
    reader.fail(list,
                "there are no inputs; add input = [ { key = \"payment\", aggregate = "
                "\"amount\" } ] or use the spec \"weir\"");
  }
  std::vector<FeatureInput> inputs;
  for (const auto& node : *array) {
    reader.input(node, inputs);
    if (inputs.size() > kMaxInputs) {
      reader.fail(&node, fmt::format("more than {} inputs; leave some out", kMaxInputs));
    }
  }
  return FeatureSpec(std::move(name), std::move(inputs));
}

bool FeatureSpec::is_builtin(std::string_view name) {
  return std::any_of(std::begin(kBuiltins), std::end(kBuiltins),
                     [&](const BuiltinSpec& spec) { return spec.name == name; });
}

FeatureSpec FeatureSpec::builtin(std::string_view name) {
  for (const BuiltinSpec& spec : kBuiltins) {
    if (spec.name == name) return parse(spec.text, spec.name);
  }
  throw UsageError(
      fmt::format("unknown feature spec \"{}\"; built in are \"handbook\", \"weir\" and \"card\", "
                  "or give a .toml file",
                  name));
}

bool FeatureSpec::needs_outcomes() const {
  return std::any_of(inputs_.begin(), inputs_.end(), [](const FeatureInput& input) {
    return word_of(input.aggregate).needs_outcomes;
  });
}

std::string FeatureSpec::to_toml() const {
  std::string text = fmt::format("name = \"{}\"\ninput = [\n", name_);
  for (const FeatureInput& input : inputs_) {
    text += fmt::format("  {{ key = \"{}\", aggregate = \"{}\"", key_word(input.key),
                        word_of(input.aggregate).word);
    if (input.window != 0) text += fmt::format(", window = \"{}\"", format_duration(input.window));
    if (input.delay != 0) text += fmt::format(", delay = \"{}\"", format_duration(input.delay));
    text += " },\n";
  }
  return text + "]\n";
}

}  // namespace weir
