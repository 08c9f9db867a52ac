#include "edge/metrics/catalogue.h"

#include <fmt/format.h>

#include "core/transaction/error.h"

namespace weir::metrics {
namespace {

constexpr Family kFamilies[] = {
    {Metric::kBuildInfo, "weir_build_info", Type::kInfo, "version,compiler",
     "The build that runs; always 1"},
    {Metric::kReady, "weir_ready", Type::kGauge, "",
     "1 when payments are answered: the journal is read and can be written"},
    {Metric::kPosition, "weir_log_position", Type::kGauge, "", "Position of the next log entry"},
    {Metric::kResidentBytes, "weir_resident_bytes", Type::kGauge, "",
     "Memory of the process, state included"},
    {Metric::kHttpRequests, "weir_http_requests_total", Type::kCounter, "endpoint,status",
     "Requests answered"},
    {Metric::kHttpRequestSeconds, "weir_http_request_seconds", Type::kHistogram, "endpoint",
     "From a whole request to its answer, without the wait for its commit"},
    {Metric::kHttpRequestBytes, "weir_http_request_bytes_total", Type::kCounter, "endpoint",
     "Bodies received"},
    {Metric::kHttpResponseBytes, "weir_http_response_bytes_total", Type::kCounter, "endpoint",
     "Bodies answered"},
    {Metric::kHttpConnections, "weir_http_connections", Type::kGauge, "", "Clients now"},
    {Metric::kHttpConnectionsAccepted, "weir_http_connections_accepted_total", Type::kCounter, "",
     "Clients that came"},
    {Metric::kHttpConnectionsRefused, "weir_http_connections_refused_total", Type::kCounter,
     "reason", "Clients turned away: over the limit, or no file descriptor was left"},
    {Metric::kHttpTimeouts, "weir_http_timeouts_total", Type::kCounter, "",
     "Clients cut for being slow or idle"},
    {Metric::kDecisions, "weir_decisions_total", Type::kCounter, "action,arm,model",
     "Payments decided; model is the bundle's version"},
    {Metric::kDecisionProbability, "weir_decision_probability", Type::kHistogram, "",
     "Calibrated probability of fraud of the payments decided"},
    {Metric::kPaymentsRejected, "weir_payments_rejected_total", Type::kCounter, "rule",
     "Payments that broke a rule and were not decided"},
    {Metric::kPaymentsRepeated, "weir_payments_repeated_total", Type::kCounter, "",
     "Payments sent again: they got their stored decision"},
    {Metric::kPaymentsLate, "weir_payments_late_total", Type::kCounter, "",
     "Payments older than the newest of their customer or terminal"},
    {Metric::kUnknownFields, "weir_unknown_fields_total", Type::kCounter, "",
     "Fields of payments that weir does not know; ignored"},
    {Metric::kFeedback, "weir_feedback_total", Type::kCounter, "source,outcome",
     "Outcomes learned"},
    {Metric::kEventTimeLagSeconds, "weir_event_time_lag_seconds", Type::kGauge, "",
     "Now minus the newest event time"},
    {Metric::kDegraded, "weir_degraded_total", Type::kCounter, "rung",
     "Decisions given with less than they should have: no_reasons, no_challenger, rules"},
    {Metric::kDamageExpected, "weir_damage_expected_minor_total", Type::kCounter, "",
     "Kopecks: probability of fraud times amount of the payments approved"},
    {Metric::kDamageConfirmed, "weir_damage_confirmed_minor_total", Type::kCounter, "",
     "Kopecks of approved payments that became known as fraud"},
    {Metric::kArmPayments, "weir_arm_payments_total", Type::kCounter, "arm",
     "Payments decided by champion or challenger"},
    {Metric::kArmTouched, "weir_arm_touched_total", Type::kCounter, "arm",
     "Of those, challenged or declined"},
    {Metric::kArmDamageExpected, "weir_arm_damage_expected_minor_total", Type::kCounter, "arm",
     "Kopecks: probability of fraud times amount of what the arm approved"},
    {Metric::kArmDamageConfirmed, "weir_arm_damage_confirmed_minor", Type::kGauge, "arm",
     "Kopecks of fraud that went through in the arm and became known since the start"},
    {Metric::kDamageMonth, "weir_damage_month_minor", Type::kGauge, "kind",
     "Kopecks of the last 30 days, by event time: expected or confirmed"},
    {Metric::kDamageBudget, "weir_damage_budget_minor", Type::kGauge, "",
     "Kopecks that 30 days may cost"},
    {Metric::kBudgetUsed, "weir_budget_used", Type::kGauge, "budget",
     "Of about the last day, with beliefs: touched and lost as shares of the genuine payments, "
     "challenges a day"},
    {Metric::kBudgetLimit, "weir_budget_limit", Type::kGauge, "budget",
     "What the policy allows of the same"},
    {Metric::kBudgetMultiplier, "weir_budget_multiplier", Type::kGauge, "",
     "On the friction costs, by which the budgets are kept; above 1 touches fewer payments"},
    {Metric::kModelInfo, "weir_model_info", Type::kInfo, "role,version",
     "The bundles in use; always 1"},
    {Metric::kModelLabelsKnown, "weir_model_labels_known_timestamp_seconds", Type::kGauge, "role",
     "Unix time until which labels went into the bundle: its age is now minus this"},
    {Metric::kModelReloads, "weir_model_reloads_total", Type::kCounter, "role,result",
     "Bundles that were taken or refused while running"},
    {Metric::kShadowDisagreements, "weir_challenger_disagreements_total", Type::kCounter, "",
     "Payments for which champion and challenger chose different actions"},
    {Metric::kScoreDrift, "weir_score_drift_psi", Type::kGauge, "",
     "Population stability index of the margin: the last 10,000 payments against the bundle's "
     "validation period, or against its first 10,000 where the bundle has no reference"},
    {Metric::kInputDrift, "weir_input_drift_psi", Type::kGauge, "input",
     "The same of each input of the champion"},
    {Metric::kJournalCommitSeconds, "weir_journal_commit_seconds", Type::kHistogram, "",
     "Time of a commit"},
    {Metric::kJournalRecords, "weir_journal_records_total", Type::kCounter, "",
     "Entries committed"},
    {Metric::kJournalCommitFailures, "weir_journal_commit_failures_total", Type::kCounter, "",
     "Commits that failed; each is tried again"},
    {Metric::kJournalStuck, "weir_journal_stuck", Type::kGauge, "",
     "1 while the journal cannot be written: payments get 503 or an action by rules"},
    {Metric::kJournalQueue, "weir_journal_queue_records", Type::kGauge, "",
     "Entries applied and not yet committed"},
    {Metric::kJournalUnrecorded, "weir_journal_unrecorded_payments", Type::kGauge, "",
     "Payments answered by rules that wait to be recorded"},
    {Metric::kJournalFreeBytes, "weir_journal_free_bytes", Type::kGauge, "",
     "Free on the disk of the journal"},
    {Metric::kSnapshots, "weir_snapshots_total", Type::kCounter, "result",
     "Snapshots: written, failed, or found damaged at the start"},
    {Metric::kSnapshotAgeSeconds, "weir_snapshot_age_seconds", Type::kGauge, "",
     "Since the last snapshot was begun; since the start when there was none"},
    {Metric::kReplayed, "weir_replayed_entries_total", Type::kCounter, "",
     "Log entries applied again at the start"},
    {Metric::kReplayMismatches, "weir_replay_mismatches_total", Type::kCounter, "",
     "Of those, decisions that came out differently; anything above 0 is a fault"},
    {Metric::kStreamPartitions, "weir_stream_partitions", Type::kGauge, "",
     "Partitions of the events' topic that this process has; 0 for a standby"},
    {Metric::kStreamLagMessages, "weir_stream_lag_messages", Type::kGauge, "",
     "Events in the topic that are not decided yet"},
    {Metric::kStreamLagSeconds, "weir_stream_lag_seconds", Type::kGauge, "",
     "Now minus the time of the last event read, while there are more; else 0"},
    {Metric::kStreamTransactions, "weir_stream_transactions_total", Type::kCounter, "result",
     "Transactions committed; aborted, which are sent again; or repaired, which a broker had left "
     "half over"},
    {Metric::kStreamCommitSeconds, "weir_stream_commit_seconds", Type::kHistogram, "",
     "Time from a batch's last event to its commit"},
    {Metric::kStreamBatchMessages, "weir_stream_batch_messages", Type::kHistogram, "",
     "Events of a transaction"},
    {Metric::kStreamRebalances, "weir_stream_rebalances_total", Type::kCounter, "kind",
     "Partitions were assigned, revoked or lost"},
    {Metric::kStreamRestoreSeconds, "weir_stream_restore_seconds", Type::kGauge, "",
     "Time that the last restore took, from the assignment to the first event to decide"},
};
static_assert(std::size(kFamilies) == kMetricCount);

}  // namespace

std::span<const Family> catalogue() { return kFamilies; }

const Family& family_of(Metric metric) {
  const Family& family = kFamilies[static_cast<std::size_t>(metric)];
  WEIR_CHECK(family.metric == metric);
  return family;
}

std::string_view type_name(Type type) {
  switch (type) {
    case Type::kCounter:
      return "counter";
    case Type::kHistogram:
      return "histogram";
    case Type::kInfo:
    case Type::kGauge:
      return "gauge";
  }
  return "untyped";
}

std::string metrics_reference() {
  std::string text =
      "# Metrics\n\nGenerated from `src/edge/metrics/catalogue.cpp`. `GET /metrics` on the port of "
      "`--metrics-listen` gives them as Prometheus text, or\nas OpenMetrics where the client asks "
      "for `application/openmetrics-text`.\n\n| name | type | labels | what |\n|---|---|---|---|\n";
  for (const Family& family : kFamilies) {
    text +=
        fmt::format("| `{}` | {} | {} | {} |\n", family.name, type_name(family.type),
                    family.labels.empty() ? "" : fmt::format("`{}`", family.labels), family.help);
  }
  return text;
}

}  // namespace weir::metrics
