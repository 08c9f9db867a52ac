#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "core/transaction/payment.h"

namespace weir::cli {

struct VerifyOptions {
  std::string journal;  ///< Or a file of replayed decisions.
  std::string bundle;
  std::string history;  ///< As it was given to weir serve.
  std::optional<Seconds> history_to;
  int threads = 0;
};

struct VerifyResult {
  std::uint64_t entries = 0;       ///< Of the journal.
  std::uint64_t decisions = 0;     ///< Of this bundle: decided again and compared.
  std::uint64_t controls = 0;      ///< Control events of this bundle, proposed again and compared.
  std::uint64_t other_models = 0;  ///< Decisions of other bundles: applied, not compared.
  std::uint64_t different = 0;
  std::vector<std::string> differences;  ///< The first ten, in words.
};

/// Executes a journal again and compares every decision and control event of the bundle with the
/// recorded one: action, cause, beliefs, score, probability and every input, to the bit. A file is
/// taken for the decisions of a replay of the closed loop: see verify_replay. Throws Error when the
/// log before the journal's first entry is not given.
VerifyResult run_verify(const VerifyOptions& options, Progress& progress);

void add_verify_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli
