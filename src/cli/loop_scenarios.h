#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/loop_replay.h"

namespace weir::cli {

/// Reads `[[scenario]]` tables: each starts from `base` and changes what it names. Throws Error
/// with file, line and key for unknown keys and values out of range.
std::vector<LoopScenario> load_scenarios(const std::string& file, const LoopScenario& base);

/// The same of a text; `source` names it in errors.
std::vector<LoopScenario> parse_scenarios(std::string_view text,
                                          const std::string& source,
                                          const LoopScenario& base);
/// A `[[scenario]]` table from which parse_scenarios makes `scenario` again, given the same base.
std::string scenario_toml(const LoopScenario& scenario);

/// The law's word: `fixed`, `exponential`. Throws UsageError for another.
AnswerLaw answer_law(const std::string& word);

/// Flags of the world outside the policy.
struct FeedbackFlags {
  std::optional<Seconds> answer_delay;
  std::optional<std::string> answer_law;
  std::optional<double> answered;
  std::optional<double> fraud_passes;
  std::optional<double> wrong_denial;
  std::optional<Seconds> label_delay;
  std::optional<std::uint64_t> seed;

  void add_to(CLI::App& command);
  /// Sets what was given. The policy finds out by itself.
  void apply_to(LoopScenario& scenario) const;
};

/// One scenario's results by the definitions of the money page.
nlohmann::ordered_json loop_json(const LoopResult& result);
void print_loops(const std::vector<LoopResult>& results);

}  // namespace weir::cli
