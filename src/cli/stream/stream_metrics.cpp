// What StreamWorker shows on its metrics port.
#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "cli/serve/admin_handler.h"
#include "cli/serve/answer_json.h"
#include "cli/stream/stream_worker.h"

namespace weir::cli {
namespace {

using metrics::Exposition;
using metrics::Metric;

double number(std::uint64_t value) { return static_cast<double>(value); }

}  // namespace

std::int64_t StreamWorker::lag_messages() const {
  std::int64_t lag = 0;
  for (const auto& [number, partition] : partitions_) {
    if (partition->ended()) continue;
    lag += std::max<std::int64_t>(0, consumer_->high_watermark(number) - partition->next());
  }
  return lag;
}

double StreamWorker::lag_seconds() const {
  double lag = 0;
  for (const auto& [number, partition] : partitions_) {
    if (partition->ended() || partition->last_timestamp() == 0) continue;
    lag = std::max(lag, static_cast<double>(std::time(nullptr)) -
                            static_cast<double>(partition->last_timestamp()) / 1e3);
  }
  return lag;
}

std::string StreamWorker::not_ready() const {
  if (!assigned_at_) return "the group has not given out partitions yet";
  for (const auto& [number, partition] : partitions_) {
    if (partition->restoring()) {
      return fmt::format("partition {} is being restored: offset {}", number, partition->next());
    }
  }
  return fault_;
}

void StreamWorker::publish() {
  admin_.publish(page(metrics::Format::kPrometheus), page(metrics::Format::kOpenMetrics),
                 not_ready());
}

std::string StreamWorker::page(metrics::Format format) {
  Exposition page(format);
  page.sample(Metric::kBuildInfo, {WEIR_VERSION, __VERSION__}, 1);
  page.sample(Metric::kReady, not_ready().empty() ? 1 : 0);
  std::uint64_t position = 0;
  for (const auto& [number, partition] : partitions_) {
    position += partition->decider().model().pipeline.position();
  }
  page.sample(Metric::kPosition, number(position));
  page.sample(Metric::kResidentBytes, resident_bytes());
  add_decisions(page);
  add_stream(page);
  return page.finish();
}

void StreamWorker::add_decisions(Exposition& page) {
  ServiceTally sum;
  std::uint64_t unknown_fields = 0;
  Seconds newest = 0;
  std::string version;
  for (const auto& [number, partition] : partitions_) {
    EventDecider& decider = partition->decider();
    sum.add(decider.tally());
    unknown_fields += decider.unknown_fields();
    newest = std::max(newest, decider.newest_event_time());
    version = decider.model().version();
  }
  for (const auto& [by, counts] : sum.decisions) {
    for (const Action action : {Action::kApprove, Action::kChallenge, Action::kDecline}) {
      page.sample(Metric::kDecisions, {action_name(action), by.first, by.second},
                  number(counts[static_cast<std::size_t>(action)]));
    }
  }
  for (const auto& [rule, count] : sum.rejected) {
    page.sample(Metric::kPaymentsRejected, {rule}, number(count));
  }
  page.sample(Metric::kPaymentsRepeated, number(sum.repeated));
  page.sample(Metric::kPaymentsLate, number(sum.late));
  page.sample(Metric::kUnknownFields, number(unknown_fields));
  for (std::size_t source = 0; source < sum.feedback.size(); ++source) {
    for (std::size_t outcome = 0; outcome < sum.feedback[source].size(); ++outcome) {
      page.sample(Metric::kFeedback,
                  {source_name(static_cast<OutcomeSource>(source)),
                   outcome_name(static_cast<Outcome>(outcome))},
                  number(sum.feedback[source][outcome]));
    }
  }
  if (newest != 0) {
    page.sample(Metric::kEventTimeLagSeconds, static_cast<double>(std::time(nullptr) - newest));
  }
  page.sample(Metric::kDegraded, {"no_reasons"}, number(sum.no_reasons));
  page.sample(Metric::kDamageExpected, sum.damage_expected_minor);
  if (!version.empty()) page.sample(Metric::kModelInfo, {"champion", version}, 1);
}

void StreamWorker::add_stream(Exposition& page) {
  std::uint64_t replayed = 0;
  std::uint64_t aborts = 0;
  double restore_seconds = 0;
  for (const auto& [number, partition] : partitions_) {
    replayed += partition->decider().replayed();
    aborts += partition->aborts();
    restore_seconds = std::max(restore_seconds, partition->restore_seconds());
  }
  page.sample(Metric::kSnapshots, {"written"}, number(counts_.snapshots_written));
  page.sample(Metric::kSnapshots, {"failed"}, number(counts_.snapshots_failed));
  page.sample(Metric::kSnapshots, {"damaged"}, number(counts_.snapshots_damaged));
  page.sample(Metric::kReplayed, number(replayed));
  page.sample(Metric::kStreamPartitions, number(partitions_.size()));
  page.sample(Metric::kStreamLagMessages, static_cast<double>(lag_messages()));
  page.sample(Metric::kStreamLagSeconds, lag_seconds());
  page.sample(Metric::kStreamTransactions, {"committed"}, number(counts_.commits));
  page.sample(Metric::kStreamTransactions, {"aborted"}, number(aborts));
  page.sample(Metric::kStreamTransactions, {"repaired"}, number(counts_.repaired));
  page.histogram(Metric::kStreamCommitSeconds, {}, counts_.commit_seconds);
  page.histogram(Metric::kStreamBatchMessages, {}, counts_.batch_messages);
  page.sample(Metric::kStreamRebalances, {"assigned"}, number(assigned_));
  page.sample(Metric::kStreamRebalances, {"revoked"}, number(revoked_));
  page.sample(Metric::kStreamRebalances, {"lost"}, number(lost_));
  page.sample(Metric::kStreamRestoreSeconds, restore_seconds);
}

}  // namespace weir::cli
