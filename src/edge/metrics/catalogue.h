#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::metrics {

/// Every metric that weir shows. Names, labels and help have their one home here.
enum class Metric : std::uint8_t {
  kBuildInfo,
  kReady,
  kPosition,
  kResidentBytes,
  kHttpRequests,
  kHttpRequestSeconds,
  kHttpRequestBytes,
  kHttpResponseBytes,
  kHttpConnections,
  kHttpConnectionsAccepted,
  kHttpConnectionsRefused,
  kHttpTimeouts,
  kDecisions,
  kDecisionProbability,
  kPaymentsRejected,
  kPaymentsRepeated,
  kPaymentsLate,
  kUnknownFields,
  kFeedback,
  kEventTimeLagSeconds,
  kDegraded,
  kDamageExpected,
  kDamageConfirmed,
  kArmPayments,
  kArmTouched,
  kArmDamageExpected,
  kArmDamageConfirmed,
  kDamageMonth,
  kDamageBudget,
  kBudgetUsed,
  kBudgetLimit,
  kBudgetMultiplier,
  kModelInfo,
  kModelLabelsKnown,
  kModelReloads,
  kShadowDisagreements,
  kScoreDrift,
  kInputDrift,
  kJournalCommitSeconds,
  kJournalRecords,
  kJournalCommitFailures,
  kJournalStuck,
  kJournalQueue,
  kJournalUnrecorded,
  kJournalFreeBytes,
  kSnapshots,
  kSnapshotAgeSeconds,
  kReplayed,
  kReplayMismatches,
  kStreamPartitions,
  kStreamLagMessages,
  kStreamLagSeconds,
  kStreamTransactions,
  kStreamCommitSeconds,
  kStreamBatchMessages,
  kStreamRebalances,
  kStreamRestoreSeconds,
};
inline constexpr std::size_t kMetricCount =
    static_cast<std::size_t>(Metric::kStreamRestoreSeconds) + 1;

enum class Type : std::uint8_t { kCounter, kGauge, kHistogram, kInfo };

struct Family {
  Metric metric;
  std::string_view name;  ///< Counters end in `_total`, infos in `_info`.
  Type type;
  std::string_view labels;  ///< Names between commas; empty for none.
  std::string_view help;
};

/// In the order of `Metric`, which is the order of the page.
std::span<const Family> catalogue();
const Family& family_of(Metric metric);
std::string_view type_name(Type type);

/// docs/reference/metrics.md.
std::string metrics_reference();

}  // namespace weir::metrics
