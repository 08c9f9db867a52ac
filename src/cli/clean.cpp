#include "cli/clean.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include <memory>

#include "cli/command.h"
#include "cli/terminals_option.h"
#include "core/transaction/error.h"
#include "core/transaction/nearest_name.h"
#include "edge/files/clean_files.h"
#include "edge/files/staged.h"

namespace weir::cli {
namespace {

Rule read_rule(const std::string& id) {
  if (const auto rule = find_rule(id)) return *rule;
  std::vector<std::string> ids;
  for (const RuleText& text : rule_texts()) ids.emplace_back(text.id);
  throw UsageError(fmt::format("--accept-rule \"{}\": no such rule; nearest is {}; there are {}",
                               id, nearest_name(id, ids), fmt::join(ids, ", ")));
}

}  // namespace

CleanReport run_clean(const CleanOptions& options, Progress& progress) {
  files::CleanSettings settings;
  settings.inputs = options.inputs;
  settings.lake = options.out;
  settings.columns = parse_column_names(options.columns);
  settings.terminals = read_terminals(options.terminals);
  for (const std::string& id : options.accept_rules) settings.accepted.insert(read_rule(id));
  settings.threads = options.threads;
  settings.memory_bytes = static_cast<std::uint64_t>(options.memory_mb) << 20;
  return files::clean_files(settings, progress);
}

void add_clean_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command = add_command(
      weir, terminal, "clean",
      "Raw payments to a lake: sorted Parquet by day, rejects with reasons, a balanced report",
      "weir clean data/raw --terminals 0..999 --out data");
  const auto options = std::make_shared<CleanOptions>();
  const auto reference = std::make_shared<bool>(false);
  command
      ->add_option("INPUT", options->inputs,
                   "Course text, CSV, Parquet or JSON lines, also .zst and .gz: files, folders, "
                   "patterns; local or s3://bucket/prefix")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--out", options->out, "The lake: a folder or s3://bucket/prefix");
  command
      ->add_option("--terminals", options->terminals,
                   "Terminals that exist: 0..999, or a file of numbers; others are quarantined")
      ->type_name("RANGE|FILE");
  command
      ->add_option("--column", options->columns,
                   "Your name of a column, e.g. amount=SUM; may be given several times")
      ->type_name("FIELD=NAME")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      ->add_option("--accept-rule", options->accept_rules,
                   "A rule that may quarantine a fraud share far above the data's")
      ->type_name("RULE")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--threads", options->threads, "0: all cores")->check(CLI::NonNegativeNumber);
  command
      ->add_option("--memory-mb", options->memory_mb,
                   "Memory for payments; past it they wait on the lake's disk")
      ->check(CLI::Range(16, 1 << 20));
  // Writes docs/reference/cleaning.md.
  command->add_flag("--reference", *reference)->group("");
  command->callback([options, reference, &terminal] {
    if (*reference) {
      fmt::print("{}", cleaning_reference());
      return;
    }
    if (options->inputs.empty()) {
      throw UsageError("clean needs an INPUT; e.g. weir clean data/raw --out data");
    }
    if (options->out.empty()) throw UsageError("clean needs --out LAKE; e.g. --out data");
    const auto progress = terminal.make_progress();
    const CleanReport report = run_clean(*options, *progress);
    if (terminal.json) {
      fmt::print("{}", report.to_json());
    } else {
      fmt::print("{}lake: {}\n", report.to_table(), options->out);
    }
  });
}

}  // namespace weir::cli
