// What DecisionService shows of its journal.
#include <ctime>
#include <filesystem>
#include <system_error>

#include "cli/serve/decision_service.h"

namespace weir::cli {
namespace {

using metrics::Metric;

double number(std::uint64_t value) { return static_cast<double>(value); }

}  // namespace

std::optional<http::Problem> DecisionService::not_ready() const {
  if (!ready_) {
    return http::Problem{503, "not_ready", "the journal is still being read", std::nullopt, 1};
  }
  const bool rules = options_.fallback && unrecorded_.size() < options_.fallback->most_waiting;
  if (commits_->stuck() && !rules) {
    return http::Problem{503, "journal_stuck", commits_->fault(), std::nullopt, 1};
  }
  return std::nullopt;
}

void DecisionService::add_log(metrics::Exposition& page) const {
  const auto& commits = commits_->counters();
  page.histogram(Metric::kJournalCommitSeconds, {}, commits.seconds);
  page.sample(Metric::kJournalRecords, number(commits.records));
  page.sample(Metric::kJournalCommitFailures, number(commits.failures));
  page.sample(Metric::kJournalStuck, commits_->stuck() ? 1 : 0);
  page.sample(Metric::kJournalQueue, number(commits_->open_records()));
  page.sample(Metric::kJournalUnrecorded, number(unrecorded_.size()));
  std::error_code unknown;
  const auto space = std::filesystem::space(options_.journal, unknown);
  if (!unknown) page.sample(Metric::kJournalFreeBytes, number(space.available));
  page.sample(Metric::kSnapshots, {"written"}, number(state_.snapshots));
  page.sample(Metric::kSnapshots, {"failed"}, number(state_.snapshot_failures));
  page.sample(Metric::kSnapshots, {"damaged"}, number(state_.snapshots_damaged));
  const Seconds since = state_.snapshot_at != 0 ? state_.snapshot_at : state_.started_at;
  page.sample(Metric::kSnapshotAgeSeconds, static_cast<double>(std::time(nullptr) - since));
  page.sample(Metric::kReplayed, number(state_.replayed));
  page.sample(Metric::kReplayMismatches, number(state_.replay_mismatches));
}

}  // namespace weir::cli
