#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "core/decision/reasons.h"
#include "core/pipeline/decision_memory.h"
#include "core/transaction/payment.h"

namespace weir::cli {

struct ExplainOptions {
  std::string bundle;
  std::string lake;
  std::int64_t transaction_id = 0;
  std::optional<Seconds> label_delay;  ///< The bundle's own when absent.
  int threads = 0;
};

struct ExplainResult {
  Payment payment;
  Decision decision;
  std::vector<std::string> names;  ///< Of the inputs.
  std::vector<float> features;
  std::vector<Reason> reasons;  ///< All of them; their weights and `bias` add up to the margin.
  double bias = 0;              ///< The forest's mean margin.
  std::string policy;           ///< Of the bundle: policy.toml as it stands there.
  std::string model_version;
};

/// One payment of a lake, what was decided on it and why.
///
/// Decides it again: a pipeline gets the earlier payments of its customer and of its terminal, and
/// each label when it became known. State is by key, so this is the decision of a replay of the
/// whole lake in which every payment was executed. With beliefs the whole lake is applied, and
/// nobody was asked before. Throws Error when the lake has no such payment.
ExplainResult run_explain(const ExplainOptions& options, Progress& progress);

void add_explain_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli
