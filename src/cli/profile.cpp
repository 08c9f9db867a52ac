#include "cli/profile.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <filesystem>
#include <memory>

#include "cli/clean.h"
#include "cli/profile_page.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"
#include "edge/files/lake.h"
#include "edge/files/lake_reports.h"
#include "edge/files/staged.h"
#include "edge/files/storage.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

Seconds date_of(const std::string& flag, const std::string& text) {
  const auto date = parse_date(text);
  if (!date) {
    throw UsageError(fmt::format("--{} is \"{}\", wanted a date like 2019-08-22", flag, text));
  }
  return *date;
}

Json read_clean_report(const std::string& lake) {
  const auto text = files::read_report(lake, "clean");
  if (!text) return nullptr;
  try {
    return Json::parse(*text);
  } catch (const Json::parse_error& error) {
    throw Error(fmt::format(
        "\"{}/reports/clean.json\" is no JSON: {}; clean the data again or remove the file", lake,
        error.what()));
  }
}

/// Anything else is taken for raw files.
bool is_lake(const std::string& input) {
  return files::describe(files::open_place(input) / "clean").IsDirectory();
}

std::string percent(double share, int decimals) {
  return fmt::format("{:.{}f} %", 100 * share, decimals);
}

void print_table(const ProfileResult& result) {
  const DataProfile& profile = result.profile;
  const auto line = [](std::string_view name, const std::string& value) {
    fmt::print("{:<26}{}\n", name, value);
  };
  const auto share = [&](std::int64_t part) {
    return static_cast<double>(part) / static_cast<double>(profile.count.rows);
  };
  line("payments", fmt::format("{}, {} roubles", profile.count.rows,
                               format_roubles(profile.count.amount_minor)));
  line("time", fmt::format("{} to {}, {} days", format_datetime(profile.first_time),
                           format_datetime(profile.last_time), profile.days.size()));
  line("customers", fmt::format("{}", profile.customers.keys));
  line("terminals", fmt::format("{}, the busiest 1 % have {} of payments", profile.terminals.keys,
                                percent(profile.terminals.busiest_percent_share, 1)));
  std::string amounts;
  for (const Quantile& quantile : profile.amounts.quantiles) {
    if (quantile.share != 0 && quantile.share != 0.5 && quantile.share != 0.99 &&
        quantile.share != 1) {
      continue;
    }
    amounts += fmt::format("{}{} {}", amounts.empty() ? "" : ", ", percent(quantile.share, 0),
                           format_amount(quantile.value));
  }
  line("amounts at most, roubles", amounts);
  if (profile.labelled) {
    line("frauds", fmt::format("{} ({}), {} roubles", profile.count.frauds,
                               percent(share(profile.count.frauds), 3),
                               format_roubles(profile.count.fraud_amount_minor)));
    for (std::size_t i = 1; i < kProfiledScenarios; ++i) {
      const ProfileCount& count = profile.scenarios[i];
      if (count.rows == 0) continue;
      line(fmt::format("  scenario {}", i),
           fmt::format("{} ({}), {} roubles", count.rows, percent(share(count.rows), 3),
                       format_roubles(count.amount_minor)));
    }
  }
  if (!profile.drift.empty()) {
    line("drift, stability index",
         fmt::format("before and after {}", format_datetime(profile.drift_split)));
    for (const ColumnDrift& drift : profile.drift) {
      line("  " + drift.column, fmt::format("{:.4f}", drift.stability_index));
    }
  }
  fmt::print("\nreport: {}\n", result.html_path);
}

}  // namespace

ProfileResult run_profile(const ProfileOptions& options, Progress& progress) {
  const std::filesystem::path out(options.out);
  std::optional<files::StagedFolder> own_lake;  // Never committed: gone in the end.
  std::string lake = options.input;
  if (!is_lake(options.input)) {
    // Beside the output: the same disk, and no folder is left when cleaning fails.
    own_lake.emplace((out / "").parent_path() += ".lake");
    lake = own_lake->path().string();
    CleanOptions clean;
    clean.inputs = {options.input};
    clean.out = lake;
    clean.terminals = options.terminals;
    clean.threads = options.threads;
    run_clean(clean, progress);
  }
  ProfileResult result;
  result.profile = profile_payments(
      files::read_lake(lake, options.from, options.to, options.threads, progress).view(),
      options.split);
  const Json cleaning = read_clean_report(lake);
  Json document = Json::parse(format_profile(result.profile));
  document["cleaning"] = cleaning;
  result.json = document.dump(2) + "\n";
  result.html_path = (out / "profile.html").string();
  result.json_path = (out / "profile.json").string();
  files::write_text(result.html_path, format_profile_page(result.profile, options.input, cleaning));
  files::write_text(result.json_path, result.json);
  return result;
}

void add_profile_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command =
      add_command(weir, terminal, "profile", "What is in a data set: a page with plots, and JSON",
                  "weir profile data --out data/profile");
  struct Flags {
    ProfileOptions options;
    std::string from;
    std::string to;
    std::string split;
  };
  const auto flags = std::make_shared<Flags>();
  command->add_option(
      "INPUT", flags->options.input,
      "A lake, or raw files, which are cleaned first: a folder, a file or s3://bucket/prefix");
  command->add_option("--out", flags->options.out, "Folder for profile.html and profile.json");
  command->add_option("--from", flags->from, "First day, YYYY-MM-DD");
  command->add_option("--to", flags->to, "The day after the last");
  command->add_option("--split", flags->split,
                      "Drift is measured between the days before and from this one on; the middle "
                      "when not given");
  command
      ->add_option("--terminals", flags->options.terminals,
                   "For raw files: the terminals that exist, 0..999 or a file of numbers")
      ->type_name("RANGE|FILE");
  command->add_option("--threads", flags->options.threads, "0: all cores")
      ->check(CLI::NonNegativeNumber);
  command->callback([flags, &terminal] {
    ProfileOptions options = flags->options;
    if (options.input.empty()) throw UsageError("INPUT is missing: name a lake or raw files");
    if (options.out.empty()) throw UsageError("--out is missing: name a folder for the report");
    if (!flags->from.empty()) options.from = date_of("from", flags->from);
    if (!flags->to.empty()) options.to = date_of("to", flags->to);
    if (!flags->split.empty()) options.split = date_of("split", flags->split);
    const auto progress = terminal.make_progress();
    const ProfileResult result = run_profile(options, *progress);
    if (terminal.json) {
      fmt::print("{}", result.json);
    } else {
      print_table(result);
    }
  });
}

}  // namespace weir::cli
