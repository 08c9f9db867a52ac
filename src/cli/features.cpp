#include "cli/features.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/features/feature_batch.h"
#include "core/features/feature_reference.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/feature_table.h"
#include "edge/files/lake.h"
#include "edge/files/staged.h"
#include "edge/files/workers.h"

namespace weir::cli {
namespace {

constexpr std::size_t kChunkRows = files::kRowGroupRows;

/// How far back a row's features can look: earlier payments need not be read.
Seconds reach_of(const FeatureSpec& spec) {
  Seconds reach = 0;
  for (const FeatureInput& input : spec.inputs()) {
    reach = std::max(reach, input.window + input.delay);
  }
  return reach;
}

/// One chunk of rows on its way: computed while the one before it is written.
struct Chunk {
  std::size_t begin = 0;
  std::size_t end = 0;
  FeatureMatrix features;
};

/// Computes the rows from `first` on and writes them, chunk by chunk: memory is bounded by the
/// payments, not by their features.
void write_features(const PaymentView& payments,
                    std::size_t first,
                    FeatureBatch& batch,
                    const FeatureSpec& spec,
                    files::FeatureTableWriter& writer,
                    int threads,
                    Progress& progress) {
  std::array<Chunk, 2> chunks;
  for (Chunk& chunk : chunks) {
    chunk.features = FeatureMatrix(std::min(kChunkRows, payments.size() - first), spec.size());
  }
  std::size_t next = 0;
  for (std::size_t turn = 0;; ++turn) {
    Chunk& computed = chunks[turn % 2];
    const Chunk& written = chunks[(turn + 1) % 2];
    const bool is_history = next < first;
    computed.begin = next;
    computed.end = std::min(is_history ? first : payments.size(), next + kChunkRows);
    if (computed.begin == computed.end && written.begin == written.end) break;
    std::vector<float*> columns;
    for (std::size_t i = 0; i < spec.size() && !is_history; ++i) {
      columns.push_back(computed.features.column(i).data());
    }
    files::WorkerState state;
    state.done = next;
    files::for_each_index(batch.part_count() + 1, threads, progress, state, [&](std::size_t job) {
      if (job > 0) {
        batch.compute(job - 1, computed.begin, computed.end, columns);
      } else if (written.begin < written.end) {
        writer.write(payments.slice(written.begin, written.end), written.features);
      }
    });
    next = computed.end;
    progress.update(next);
    if (is_history) computed.end = computed.begin;  // Nothing to write.
  }
}

void print_table(const FeaturesResult& result, const FeaturesOptions& options) {
  fmt::print("{:<16}{} (spec {}, {} inputs, fingerprint {})\n", "features", options.out,
             result.spec.name(), result.spec.size(), result.spec.fingerprint());
  fmt::print("{:<16}{} from {} to {}\n", "rows", result.rows, format_datetime(result.first),
             format_datetime(result.last));
  fmt::print("{:<16}{} payments before them, in their windows only\n", "history",
             result.history_rows);
  fmt::print("{:<16}{} after the payment\n", "labels known", format_duration(options.label_delay));
}

void print_json(const FeaturesResult& result, const FeaturesOptions& options) {
  nlohmann::ordered_json document;
  document["out"] = options.out;
  document["spec"] = result.spec.name();
  document["fingerprint"] = result.spec.fingerprint();
  document["inputs"] = result.spec.names();
  document["rows"] = result.rows;
  document["history_rows"] = result.history_rows;
  document["first"] = format_datetime(result.first);
  document["last"] = format_datetime(result.last);
  document["label_delay_seconds"] = options.label_delay;
  fmt::print("{}\n", document.dump(2));
}

}  // namespace

FeatureSpec load_feature_spec(const std::string& name_or_file) {
  if (FeatureSpec::is_builtin(name_or_file)) return FeatureSpec::builtin(name_or_file);
  if (!name_or_file.ends_with(".toml") && !std::filesystem::exists(name_or_file)) {
    return FeatureSpec::builtin(name_or_file);  // Throws, naming those there are.
  }
  return FeatureSpec::parse(files::read_text(name_or_file), name_or_file);
}

FeaturesResult run_features(const FeaturesOptions& options, Progress& progress) {
  if (options.from && options.to && *options.from >= *options.to) {
    throw UsageError(fmt::format("--from {} is not before --to {}; the period is [from, to)",
                                 format_datetime(*options.from), format_datetime(*options.to)));
  }
  FeaturesResult result{load_feature_spec(options.spec)};
  std::optional<Seconds> read_from;
  if (options.from) read_from = *options.from - reach_of(result.spec);
  const PaymentColumns payments =
      files::read_lake(options.lake, read_from, options.to, options.threads, progress);
  const PaymentView view = payments.view();
  const auto first =
      options.from
          ? static_cast<std::size_t>(std::lower_bound(payments.event_time.begin(),
                                                      payments.event_time.end(), *options.from) -
                                     payments.event_time.begin())
          : 0;
  if (first == payments.size()) {
    throw Error(fmt::format("lake \"{}\" holds no payment from {} on; its last one is at {}",
                            options.lake, format_datetime(*options.from),
                            format_datetime(payments.event_time.back())));
  }
  FeatureBatch batch(view, result.spec, options.label_delay);
  files::FeatureTableWriter writer(options.out, result.spec, options.label_delay,
                                   view.has_labels());
  progress.begin("features", payments.size(), "payments");
  write_features(view, first, batch, result.spec, writer, options.threads, progress);
  progress.end();
  writer.commit();
  result.rows = payments.size() - first;
  result.history_rows = first;
  result.first = payments.event_time[first];
  result.last = payments.event_time.back();
  return result;
}

void add_features_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command =
      add_command(weir, terminal, "features",
                  "Compute the model's inputs of clean payments, each as of its own time",
                  "weir features lake --spec weir --out features.parquet --from 2018-07-25");
  auto options = std::make_shared<FeaturesOptions>();
  auto reference = std::make_shared<bool>(false);
  auto label_delay = std::make_shared<std::optional<Seconds>>(options->label_delay);
  command->add_option("LAKE", options->lake, "Lake with clean payments, as weir clean writes it");
  command->add_option("--out", options->out, "Feature table to write, Parquet");
  command->add_option("--spec", options->spec, "weir, handbook, or a TOML file of inputs");
  add_period_options(*command, options->from, options->to);
  add_duration_option(*command, "--label-delay", *label_delay,
                      "How long after its payment a label becomes known (7d)");
  command->add_option("--threads", options->threads, "Worker threads; 0 for all cores")
      ->check(CLI::Range(0, 1024));
  // Writes docs/reference/features.md.
  command->add_flag("--reference", *reference)->group("");
  command->callback([options, label_delay, reference, &terminal] {
    if (*reference) {
      fmt::print("{}", features_reference());
      return;
    }
    if (options->lake.empty()) {
      throw UsageError("features needs a LAKE; e.g. weir features lake --out features.parquet");
    }
    if (options->out.empty()) {
      throw UsageError("features needs --out FILE; e.g. --out features.parquet");
    }
    options->label_delay = label_delay->value_or(options->label_delay);
    const auto progress = terminal.make_progress();
    const FeaturesResult result = run_features(*options, *progress);
    if (terminal.json) {
      print_json(result, *options);
    } else {
      print_table(result, *options);
    }
  });
}

}  // namespace weir::cli
