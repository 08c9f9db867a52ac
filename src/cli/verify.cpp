#include "cli/verify.h"

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/serve/history.h"
#include "cli/serve/log_entry.h"
#include "cli/verify_replay.h"
#include "core/pipeline/pipeline.h"
#include "core/transaction/error.h"
#include "edge/journal/journal.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

constexpr std::size_t kShownDifferences = 10;

bool same_bits(const std::vector<float>& left, const std::vector<float>& right) {
  return left.size() == right.size() &&
         (left.empty() || std::memcmp(left.data(), right.data(), left.size() * sizeof(float)) == 0);
}

/// What differs, in words; empty when nothing does.
std::string difference(const journal::Record& record,
                       const std::variant<Decision, Reject>& answer,
                       const std::vector<float>& features) {
  const auto* decision = std::get_if<Decision>(&answer);
  if (decision == nullptr) return "is rejected when it is decided again";
  if (decision->action != record.action && !journal::told_by_rules(record)) {
    return fmt::format("recorded {}, decided again {}", action_name(record.action),
                       action_name(decision->action));
  }
  if (std::memcmp(&decision->margin, &record.margin, sizeof(float)) != 0) {
    return fmt::format("recorded score {}, again {}", record.margin, decision->margin);
  }
  if (std::memcmp(&decision->probability, &record.probability, sizeof(double)) != 0) {
    return fmt::format("recorded probability {}, again {}", record.probability,
                       decision->probability);
  }
  Decision again = *decision;
  again.position = record.position;  // A payment that the history had already keeps its first one.
  again.repeated = false;
  if (journal::told_by_rules(record)) again.action = record.action;
  if (again != decision_of(record)) {
    return "its cause, beliefs, score or audit probability differ";
  }
  if (!same_bits(record.features, features)) return "its inputs differ";
  return {};
}

}  // namespace

VerifyResult run_verify(const VerifyOptions& options, Progress& progress) {
  if (std::filesystem::is_regular_file(options.journal)) {
    return verify_replay({options.journal, options.bundle, options.history, options.threads},
                         progress);
  }
  const Bundle bundle = registry::load_bundle(options.bundle);
  Pipeline pipeline(bundle);
  journal::JournalReader reader(options.journal);
  const std::uint64_t end = reader.end_position();
  const std::uint64_t first = reader.first_position().value_or(0);
  if (!options.history.empty()) {
    apply_history(pipeline, options.history, options.history_to, bundle.manifest.label_delay,
                  options.threads, progress);
  }
  if (pipeline.position() != first) {
    throw Error(fmt::format(
        "journal \"{}\": its first entry is at {}, the log before it given here ends at {}; give "
        "the --history (and --history-to) that weir serve was started with",
        options.journal, first, pipeline.position()));
  }
  VerifyResult result;
  progress.begin("verifying", end - first, "entries");
  reader.read(first, end, [&](const journal::Record& record) {
    ++result.entries;
    if (result.entries % 4096 == 0) progress.update(result.entries);
    const auto differs = [&](std::string what) {
      ++result.different;
      if (result.differences.size() < kShownDifferences) {
        result.differences.push_back(std::move(what));
      }
      return true;
    };
    if (record.kind == journal::RecordKind::kFeedback) {
      pipeline.apply(feedback_of(record));
      return true;
    }
    if (record.kind == journal::RecordKind::kControl) {
      const auto due = pipeline.control_due(record.logged_at);
      pipeline.apply(record.control);
      if (record.model != bundle.manifest.version) return true;
      ++result.controls;
      if (due == record.control) return true;
      return differs(fmt::format("control event at position {}: recorded multiplier {}, again {}",
                                 record.position, record.control.multiplier,
                                 due ? fmt::format("{}", due->multiplier) : "none due"));
    }
    const auto answer = pipeline.apply(record.payment, record.logged_at);
    if (!record.rejected.empty()) return true;
    if (record.model != bundle.manifest.version) {
      ++result.other_models;
      return true;
    }
    ++result.decisions;
    const std::string text = difference(record, answer, pipeline.last_features());
    if (text.empty()) return true;
    return differs(fmt::format("payment {} at position {}: {}", record.payment.transaction_id,
                               record.position, text));
  });
  progress.update(result.entries);
  progress.end();
  return result;
}

void add_verify_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command = add_command(
      weir, terminal, "verify",
      "Decide a journal or a replayed period again and compare with the record, to the bit",
      "weir verify out/journal out/run/bundle --history out/run/lake\n"
      "  weir verify out/run/loop-decisions.parquet out/run/loop-bundle --history out/run/lake");
  auto options = std::make_shared<VerifyOptions>();
  command
      ->add_option("journal", options->journal,
                   "Folder of weir serve's journal, or Parquet file of weir replay's decisions")
      ->required();
  command->add_option("bundle", options->bundle, "The bundle that decided (folder)")->required();
  command->add_option("--history", options->history,
                      "As it was given to weir serve; of a replay, its lake");
  add_time_option(*command, "--history-to", options->history_to, "As it was given to weir serve");
  command->add_option("--threads", options->threads, "For reading the history; 0 = all cores");
  command->callback([options, &terminal] {
    const auto progress = terminal.make_progress();
    const VerifyResult result = run_verify(*options, *progress);
    if (terminal.json) {
      const nlohmann::ordered_json json = {
          {"entries", result.entries},     {"decisions", result.decisions},
          {"controls", result.controls},   {"other_models", result.other_models},
          {"different", result.different}, {"differences", result.differences}};
      fmt::print("{}\n", json.dump(2));
    } else {
      fmt::print("entries              {:>12}\ndecided again        {:>12}\n", result.entries,
                 result.decisions);
      fmt::print("control events again {:>12}\n", result.controls);
      fmt::print("by other bundles     {:>12}\ndifferent            {:>12}\n", result.other_models,
                 result.different);
      for (const std::string& line : result.differences) fmt::print("  {}\n", line);
    }
    if (result.different != 0) {
      throw Error(
          fmt::format("record \"{}\": {} of {} decisions differ from what bundle {} "
                      "decides; the record, the bundle or the history was changed",
                      options->journal, result.different, result.decisions, options->bundle));
    }
  });
}

}  // namespace weir::cli
