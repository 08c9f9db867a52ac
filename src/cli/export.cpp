#include "cli/export.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>
#include <vector>

#include "cli/serve/log_entry.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/decision_table.h"
#include "edge/files/feedback_table.h"
#include "edge/files/lake.h"
#include "edge/journal/journal.h"

namespace weir::cli {
namespace {

struct Known {
  bool fraud = false;
  Seconds known_at = std::numeric_limits<Seconds>::min();
};

/// The period's payments in log order, with what became known of them at any time.
struct Found {
  std::vector<Payment> payments;
  std::vector<Decision> decisions;
  std::set<std::string> models;
  std::vector<Feedback> feedback;
  std::unordered_map<std::int64_t, Known> outcomes;
};

Found read(const ExportOptions& options, Progress& progress) {
  journal::JournalReader reader(options.journal);
  Found found;
  const std::uint64_t first = reader.first_position().value_or(0);
  const std::uint64_t end = reader.end_position();
  progress.begin("reading the journal", end - first, "entries");
  std::uint64_t seen = 0;
  reader.read(first, end, [&](const journal::Record& record) {
    if (++seen % 4096 == 0) progress.update(seen);
    const Seconds time = record.payment.event_time;
    if (record.kind == journal::RecordKind::kControl || !record.rejected.empty()) return true;
    if ((options.from && time < *options.from) || (options.to && time >= *options.to)) return true;
    if (record.kind == journal::RecordKind::kFeedback) {
      if (!options.feedback.empty()) {
        found.feedback.push_back({record.payment, record.outcome, record.source, record.known_at,
                                  record.beliefs, record.challenged});
      }
      // The later one wins; of the same moment, the later entry.
      Known& known = found.outcomes[record.payment.transaction_id];
      if (record.outcome == Outcome::kUnanswered || record.known_at < known.known_at) return true;
      known = {record.outcome == Outcome::kFraud, record.known_at};
      return true;
    }
    found.payments.push_back(record.payment);
    if (options.decisions.empty()) return true;
    found.decisions.push_back(decision_of(record));
    found.models.insert(record.model);
    return true;
  });
  progress.update(end - first);
  progress.end();
  if (found.payments.empty()) {
    throw Error(fmt::format("journal \"{}\": no payment from {} to {} among its entries {} to {}",
                            options.journal,
                            options.from ? format_date(*options.from) : "its start",
                            options.to ? format_date(*options.to) : "its end", first, end));
  }
  return found;
}

}  // namespace

ExportResult run_export(const ExportOptions& options, Progress& progress) {
  const Found found = read(options, progress);
  if (!options.decisions.empty()) {
    PaymentColumns columns;
    for (const Payment& payment : found.payments) columns.push_back(payment);
    files::write_decisions(options.decisions, columns.view(), found.decisions,
                           fmt::format("{}", fmt::join(found.models, " ")));
  }
  if (!options.feedback.empty()) {
    files::FeedbackTableWriter writer(options.feedback);
    writer.append(found.feedback);
    writer.commit();
  }
  ExportResult result;
  std::map<Seconds, std::vector<Payment>> days;
  for (const Payment& payment : found.payments) {
    const auto known = found.outcomes.find(payment.transaction_id);
    const bool told = known != found.outcomes.end() &&
                      known->second.known_at != std::numeric_limits<Seconds>::min();
    if (options.labelled && !told) {
      ++result.unknown;
      continue;
    }
    days[day_start(payment.event_time)].push_back(payment);
  }
  if (days.empty()) {
    throw Error(fmt::format(
        "journal \"{}\": of {} payments no outcome is known; export without --labels, or later",
        options.journal, found.payments.size()));
  }
  files::LakeWriter lake(options.out, options.labelled);
  for (auto& [day, payments] : days) {
    std::sort(payments.begin(), payments.end(), earlier_in_batch);
    PaymentColumns columns;
    columns.reserve(payments.size());
    for (const Payment& payment : payments) {
      if (!options.labelled) {
        columns.push_back(payment);
        continue;
      }
      const bool fraud = found.outcomes.at(payment.transaction_id).fraud;
      result.frauds += fraud;
      columns.push_back(payment, {static_cast<std::int8_t>(fraud), 0});
    }
    result.payments += payments.size();
    ++result.days;
    lake.write_day(columns.view());
  }
  const nlohmann::ordered_json report = {{"source", "journal"},
                                         {"payments", result.payments},
                                         {"frauds", result.frauds},
                                         {"without_outcome", result.unknown}};
  lake.commit(report.dump(2));
  return result;
}

void add_export_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command =
      add_command(weir, terminal, "export",
                  "Write a period of a service's journal as a lake, to profile, train and replay",
                  "weir export out/journal --from 2026-10-01 --to 2026-11-01 --out out/october");
  auto options = std::make_shared<ExportOptions>();
  command->add_option("journal", options->journal, "Folder of weir serve's journal")->required();
  command->add_option("--out", options->out, "Lake (folder or s3://)")->required();
  add_time_option(*command, "--from", options->from, "First day, by event time; all if not given");
  add_time_option(*command, "--to", options->to, "The day after the last");
  command->add_flag("--labels", options->labelled,
                    "Only payments whose outcome is known, with it as their label");
  command->add_option("--decisions", options->decisions,
                      "Also write the decisions, in log order, to this Parquet file");
  command->add_option("--feedback", options->feedback,
                      "Also write the feedback, in log order, to this Parquet file, for weir train "
                      "--feedback");
  command->callback([options, &terminal] {
    const auto progress = terminal.make_progress();
    const ExportResult result = run_export(*options, *progress);
    if (terminal.json) {
      const nlohmann::ordered_json json = {{"payments", result.payments},
                                           {"days", result.days},
                                           {"frauds", result.frauds},
                                           {"without_outcome", result.unknown}};
      fmt::print("{}\n", json.dump(2));
    } else {
      fmt::print("payments             {:>12}\ndays                 {:>12}\n", result.payments,
                 result.days);
      if (options->labelled) {
        fmt::print("frauds               {:>12}\nwithout an outcome   {:>12}\n", result.frauds,
                   result.unknown);
      }
    }
  });
}

}  // namespace weir::cli
