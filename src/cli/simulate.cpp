#include "cli/simulate.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/simulation/simulator.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"

namespace weir::cli {
namespace {

/// The flags: each one given replaces the preset's parameter.
struct Flags {
  std::string preset = "course-small";
  std::string out;
  int threads = 0;
  std::optional<std::int64_t> customers;
  std::optional<std::int64_t> terminals;
  std::optional<double> radius;
  std::optional<double> mean_payments;
  std::optional<std::int64_t> days;
  std::optional<std::string> start;
  std::optional<double> terminal_starts;
  std::optional<double> terminal_fraud_share;
  std::optional<std::string> terminal_episode;
  std::optional<double> customer_starts;
  std::optional<std::string> customer_episode;
  std::optional<bool> midnight_starts;
  std::optional<bool> warm_start;
  std::optional<std::string> format;
  std::optional<std::string> order;
  std::optional<std::string> out_of_reach;
  std::optional<std::int64_t> days_per_file;
  std::optional<double> defects;
  std::optional<std::uint64_t> seed;
};

Seconds duration_of(std::string_view flag, const std::string& text) {
  const auto duration = parse_duration(text);
  if (!duration) {
    throw UsageError(
        fmt::format("--{} is \"{}\", wanted a duration like 28d, 36h or 90m", flag, text));
  }
  return *duration;
}

/// The second of two words is chosen; anything else is wrong use.
bool second_of(std::string_view flag,
               const std::string& word,
               std::string_view first,
               std::string_view second) {
  if (word != first && word != second) {
    throw UsageError(fmt::format("--{} is \"{}\", wanted {} or {}", flag, word, first, second));
  }
  return word == second;
}

template <typename Value>
void replace(Value& parameter, const std::optional<Value>& flag) {
  if (flag) parameter = *flag;
}

SimulateOptions options_of(const Flags& flags) {
  SimulateOptions options;
  options.out = flags.out;
  options.threads = flags.threads;
  SimulationSpec& spec = options.spec = SimulationSpec::preset(flags.preset);
  replace(spec.customers, flags.customers);
  replace(spec.terminals, flags.terminals);
  replace(spec.radius, flags.radius);
  replace(spec.mean_payments_per_day, flags.mean_payments);
  replace(spec.days, flags.days);
  replace(spec.terminal_starts_per_day, flags.terminal_starts);
  replace(spec.terminal_fraud_share, flags.terminal_fraud_share);
  replace(spec.customer_starts_per_day, flags.customer_starts);
  replace(spec.midnight_starts, flags.midnight_starts);
  replace(spec.warm_start, flags.warm_start);
  replace(spec.days_per_file, flags.days_per_file);
  replace(spec.defects, flags.defects);
  replace(spec.seed, flags.seed);
  if (flags.start) {
    const auto start = parse_date(*flags.start);
    if (!start) {
      throw UsageError(
          fmt::format("--start is \"{}\", wanted a date like 2019-08-22", *flags.start));
    }
    spec.start = *start;
  }
  if (flags.terminal_episode) {
    spec.terminal_episode = duration_of("terminal-episode", *flags.terminal_episode);
  }
  if (flags.customer_episode) {
    spec.customer_episode = duration_of("customer-episode", *flags.customer_episode);
  }
  if (flags.format) {
    spec.format = second_of("format", *flags.format, "course", "handbook") ? RawFormat::kHandbook
                                                                           : RawFormat::kCourse;
  }
  if (flags.order) {
    spec.order = second_of("order", *flags.order, "customer", "time") ? RowOrder::kTime
                                                                      : RowOrder::kCustomer;
  }
  if (flags.out_of_reach) {
    spec.out_of_reach = second_of("out-of-reach", *flags.out_of_reach, "terminal-0", "nothing")
                            ? OutOfReach::kNoPayments
                            : OutOfReach::kTerminalZero;
  }
  return options;
}

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

void print_line(std::string_view name, const PlantedTally& tally, std::int64_t all_rows) {
  fmt::print("{:<28}{:>14}{:>9.4f} %{:>18}\n", name, tally.rows, percent(tally.rows, all_rows),
             format_roubles(tally.amount_minor));
}

void print_table(const SimulateResult& result, const SimulationSpec& spec) {
  const PlantedCounts& counts = result.files.counts;
  const std::int64_t rows = counts.written.rows;
  fmt::print("{:<28}{:>14}{:>11}{:>18}\n", "", "rows", "share", "roubles");
  print_line("written", counts.written, rows);
  constexpr std::array<std::string_view, 4> kScenarios = {"genuine payments", "fraud 1, over 220",
                                                          "fraud 2, terminal", "fraud 3, customer"};
  for (std::size_t i = 0; i < kScenarios.size(); ++i) {
    print_line(kScenarios[i], counts.by_scenario[i], rows);
  }
  for (const DefectRule& rule : defect_rules()) {
    const PlantedTally& tally = counts.defects[static_cast<std::size_t>(rule.defect)];
    if (tally.rows != 0) print_line(rule.id, tally, rows);
  }
  print_line("to come out clean", counts.clean, rows);
  print_line("to be dropped as copies", counts.duplicates, rows);
  print_line("to be quarantined", counts.quarantined, rows);
  fmt::print("\n{} to {}, seed {}: {} {} ({:.1f} MB) in {}\ntruth, for evaluation only: {}\n",
             format_date(spec.start), format_date(spec.end() - 1), spec.seed,
             result.files.raw.size(), result.files.raw.size() == 1 ? "file" : "files",
             static_cast<double>(result.files.bytes) / 1e6, result.raw, result.windows);
}

void print_json(const SimulateResult& result, const SimulationSpec& spec) {
  auto document = nlohmann::ordered_json::parse(format_planted(spec, result.files.counts));
  document["bytes"] = result.files.bytes;
  for (const auto& file : result.files.raw) document["files"].push_back(file.string());
  document["truth"] = result.windows;
  fmt::print("{}\n", document.dump(2));
}

}  // namespace

SimulateResult run_simulate(const SimulateOptions& options, Progress& progress) {
  const std::filesystem::path out(options.out);
  const Simulator simulator(options.spec);
  const int threads = options.threads > 0
                          ? options.threads
                          : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  SimulateResult result;
  result.files = files::write_simulation(simulator, out, threads, progress);
  result.raw = (out / "raw").string();
  result.windows = (out / "truth" / "windows.csv").string();
  return result;
}

void add_simulate_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command = add_command(weir, terminal, "simulate",
                                  "Write raw payment files like the course's or the Fraud "
                                  "Detection Handbook's, defects included",
                                  "weir simulate --preset course-small --out data");
  auto flags = std::make_shared<Flags>();
  command->add_option("--out", flags->out, "Folder for raw/ and truth/")->required();
  command->add_option(
      "--preset", flags->preset,
      "course (1,000,000 customers, 1,000 terminals, 1,200 days), course-small (a "
      "fortieth of it, 60 days) or handbook (5,000 customers, 10,000 terminals, 183 "
      "days); the flags below replace its parameters");
  command->add_option("--seed", flags->seed,
                      "Same seed, same bytes; the preset's own when not given");
  command->add_option("--defects", flags->defects,
                      "Times the real data's defect rates; 0 for clean rows");
  command->add_option("--customers", flags->customers, "Number of customers");
  command->add_option("--terminals", flags->terminals, "Number of terminals");
  command->add_option("--radius", flags->radius,
                      "How far a customer goes to pay, in a square of 100 x 100");
  command->add_option("--mean-payments", flags->mean_payments, "Mean payments a customer and day");
  command->add_option("--days", flags->days, "Length of the data set");
  command->add_option("--start", flags->start, "First day, YYYY-MM-DD");
  command->add_option("--terminal-starts", flags->terminal_starts,
                      "Terminals compromised a day (scenario 2)");
  command->add_option("--terminal-fraud-share", flags->terminal_fraud_share,
                      "Share of a compromised terminal's payments that are fraud; 1 if not given");
  command->add_option("--terminal-episode", flags->terminal_episode, "For how long, e.g. 28d");
  command->add_option("--customer-starts", flags->customer_starts,
                      "Customers compromised a day (scenario 3)");
  command->add_option("--customer-episode", flags->customer_episode, "For how long, e.g. 14d");
  // Functions: CLI11 would fill an optional bool with false where the flag is not given.
  command->add_flag_function(
      "--midnight-starts,!--random-starts",
      [flags](std::int64_t count) { flags->midnight_starts = count > 0; },
      "Exactly so many starts a day, at midnight, as in the handbook; else a Poisson number at "
      "random seconds");
  command->add_flag_function(
      "--warm-start,!--cold-start", [flags](std::int64_t count) { flags->warm_start = count > 0; },
      "Episodes also begin before the first day, so that fraud does not ramp up");
  command->add_option("--format", flags->format, "course (text) or handbook (CSV)");
  command->add_option("--order", flags->order, "Rows of a day by customer or by time");
  command->add_option("--out-of-reach", flags->out_of_reach,
                      "Where customers pay who have no terminal in reach: terminal-0 or nothing");
  command->add_option("--days-per-file", flags->days_per_file, "0: all in one file");
  command->add_option("--threads", flags->threads, "Worker threads; 0 for all cores")
      ->check(CLI::Range(0, 1024));
  command->callback([flags, &terminal] {
    const SimulateOptions options = options_of(*flags);
    const auto progress = terminal.make_progress();
    const SimulateResult result = run_simulate(options, *progress);
    if (terminal.json) {
      print_json(result, options.spec);
    } else {
      print_table(result, options.spec);
    }
  });
}

}  // namespace weir::cli
