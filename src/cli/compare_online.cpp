#include "cli/compare_online.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/journal/journal.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

using journal::Record;
using journal::RecordKind;
using Json = nlohmann::ordered_json;

/// Kopecks of fraud that went through, by payment.
using Damage = std::unordered_map<std::int64_t, std::int64_t>;

Seconds day_end(Seconds time) { return day_start(time) + kSecondsPerDay; }

/// Labels that come after the delay are left out, so that a day once compared stays as it is.
Damage read_labels(journal::JournalReader& reader,
                   std::uint64_t first,
                   std::uint64_t end,
                   Seconds delay,
                   Progress& progress) {
  Damage damage;
  std::uint64_t seen = 0;
  reader.read(first, end, [&](const Record& record) {
    if (++seen % 4096 == 0) progress.update(seen);
    if (record.kind == RecordKind::kFeedback && record.damage_minor != 0 &&
        record.known_at <= day_end(record.payment.event_time) + delay) {
      damage[record.payment.transaction_id] += record.damage_minor;
    }
    return true;
  });
  return damage;
}

Json finite(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json measure_json(const TrialMeasure& measure) {
  return {{"champion", measure.champion},
          {"challenger", measure.challenger},
          {"difference", measure.challenger - measure.champion},
          {"interval", {finite(measure.difference.low), finite(measure.difference.high)}}};
}

}  // namespace

TrialResult run_online_compare(const OnlineCompareOptions& options, Progress& progress) {
  const Bundle champion = registry::load_bundle(options.champion);
  const Bundle challenger = registry::load_bundle(options.challenger);
  const std::string& ours = champion.manifest.version;
  const std::string& theirs = challenger.manifest.version;
  if (ours == theirs) {
    throw Error(fmt::format("\"{}\" and \"{}\" are the same bundle, {}; a trial needs two",
                            options.champion, options.challenger, ours));
  }
  const Seconds delay = std::max(champion.manifest.label_delay, challenger.manifest.label_delay);
  TrialOptions settings = options.trial;
  settings.label_delay_days = static_cast<int>((delay + kSecondsPerDay - 1) / kSecondsPerDay);
  journal::JournalReader reader(options.journal);
  const std::uint64_t first = reader.first_position().value_or(0);
  const std::uint64_t end = reader.end_position();
  progress.begin("reading the journal", 2 * (end - first), "entries");
  const Damage damage = read_labels(reader, first, end, delay, progress);
  OnlineTrial trial(settings);
  std::optional<Seconds> today;  // Nothing before both models were first asked.
  std::uint64_t seen = end - first;
  reader.read(first, end, [&](const Record& record) {
    if (++seen % 4096 == 0) progress.update(seen);
    if (today && record.logged_at >= day_end(*today)) {
      for (; day_end(*today) <= record.logged_at; *today += kSecondsPerDay) trial.end_day();
    }
    if (trial.decided()) return false;
    // What was answered by rules was decided by neither.
    if (record.kind != RecordKind::kPayment || !record.rejected.empty() || told_by_rules(record)) {
      return true;
    }
    const Arm arm = record.arm == "challenger" ? Arm::kChallenger : Arm::kChampion;
    const bool by_challenger = arm == Arm::kChallenger;
    if (record.model != (by_challenger ? theirs : ours) ||
        record.shadow_model != (by_challenger ? ours : theirs)) {
      if (today && record.model == ours &&
          (record.degraded & journal::kDegradedNoChallenger) != 0) {
        trial.add_failed();
      }
      return true;
    }
    if (!today) today = day_start(record.logged_at);
    const auto found = damage.find(record.payment.transaction_id);
    trial.add({record.payment.customer_id, arm, found == damage.end() ? 0 : found->second,
               record.action != Action::kApprove, record.shadow_action != Action::kApprove});
    return true;
  });
  progress.update(2 * (end - first));
  progress.end();
  TrialResult result = trial.result();
  if (!today) {
    result.reason = fmt::format("no payment was asked of both {} and {} yet", ours, theirs);
  }
  return result;
}

void print_trial(const TrialResult& result, const Terminal& terminal) {
  const auto arm = [&](Arm which) {
    const auto index = static_cast<std::size_t>(which);
    return Json{{"payments", result.payments[index]}, {"customers", result.customers[index]}};
  };
  if (terminal.json) {
    const Json json = {{"verdict", verdict_name(result.verdict)},
                       {"reason", result.reason},
                       {"days", result.days},
                       {"days_needed", finite(result.days_needed)},
                       {"damage_roubles_per_30_days", measure_json(result.damage)},
                       {"genuine_touched", measure_json(result.genuine_touched)},
                       {"touched", measure_json(result.touched)},
                       {"champion", arm(Arm::kChampion)},
                       {"challenger", arm(Arm::kChallenger)},
                       {"failed", result.failed}};
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("verdict             {}\n  {}\n", verdict_name(result.verdict), result.reason);
  fmt::print("days with labels    {}, {} needed\n", result.days,
             std::isfinite(result.days_needed) ? fmt::format("{:.0f}", result.days_needed)
                                               : "nobody can say how many");
  const auto row = [](std::string_view name, const TrialMeasure& measure, double unit, int digits) {
    fmt::print("{:<22}{:>14.{}f}{:>14.{}f}   {:+.{}f} to {:+.{}f}\n", name, measure.champion * unit,
               digits, measure.challenger * unit, digits, measure.difference.low * unit, digits,
               measure.difference.high * unit, digits);
  };
  fmt::print("\n{:<22}{:>14}{:>14}   difference, at all looks together\n", "", "champion",
             "challenger");
  row("damage in 30 days", result.damage, 1, 0);
  row("touched, %", result.touched, 100, 2);
  row("  by it alone, genuine", result.genuine_touched, 100, 2);
  fmt::print("{:<22}{:>14}{:>14}\n{:<22}{:>14}{:>14}\n", "payments", result.payments[0],
             result.payments[1], "customers", result.customers[0], result.customers[1]);
}

}  // namespace weir::cli
