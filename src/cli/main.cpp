// weir: fraud decisions on card payments. Wires the commands together; each lives in a file of its
// name.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <exception>
#include <new>

#include "cli/clean.h"
#include "cli/command.h"
#include "cli/compare.h"
#include "cli/evaluate.h"
#include "cli/explain.h"
#include "cli/export.h"
#include "cli/features.h"
#include "cli/produce.h"
#include "cli/profile.h"
#include "cli/replay.h"
#include "cli/run.h"
#include "cli/serve.h"
#include "cli/settings.h"
#include "cli/simulate.h"
#include "cli/stream.h"
#include "cli/train.h"
#include "cli/tune.h"
#include "cli/verify.h"
#include "core/transaction/error.h"

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitInterrupted = 130;

int run(int argc, char** argv) {
  using namespace weir::cli;
  CLI::App weir("weir: fraud decisions on card payments", "weir");
  weir.require_subcommand(1);
  weir.set_version_flag("--version", WEIR_VERSION);
  Terminal terminal;
  add_simulate_command(weir, terminal);
  add_clean_command(weir, terminal);
  add_profile_command(weir, terminal);
  add_features_command(weir, terminal);
  add_train_command(weir, terminal);
  add_evaluate_command(weir, terminal);
  add_replay_command(weir, terminal);
  add_tune_command(weir, terminal);
  add_compare_command(weir, terminal);
  add_explain_command(weir, terminal);
  add_run_command(weir, terminal);
  add_serve_command(weir, terminal);
  add_stream_command(weir, terminal);
  add_produce_command(weir, terminal);
  add_verify_command(weir, terminal);
  add_export_command(weir, terminal);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments == std::vector<std::string>{"--settings-reference"}) {
    fmt::print("{}", settings_reference(weir));
    return 0;
  }
  try {
    std::vector<std::string> merged = merge_settings(weir, arguments);
    std::reverse(merged.begin(), merged.end());  // What CLI11 wants of a vector.
    weir.parse(std::move(merged));
  } catch (const CLI::ParseError& error) {
    const int code = weir.exit(error);
    return code == 0 ? 0 : kExitUsage;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    weir::cli::catch_signals();
    return run(argc, argv);
  } catch (const weir::Interrupted& error) {
    fmt::print(stderr, "weir: {}\n", error.what());
    return kExitInterrupted;
  } catch (const weir::UsageError& error) {
    fmt::print(stderr, "weir: {}\n", error.what());
    return kExitUsage;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "weir: out of memory; use a machine with more, or a shorter period\n");
    return kExitFailed;
  } catch (const std::exception& error) {
    fmt::print(stderr, "weir: {}\n", error.what());
    return kExitFailed;
  }
}
