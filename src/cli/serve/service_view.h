#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "cli/serve/drift_watch.h"
#include "cli/serve/loaded_model.h"
#include "cli/serve/recent_records.h"
#include "cli/serve/service_models.h"
#include "cli/serve/service_tally.h"
#include "edge/http/problem.h"
#include "edge/journal/record.h"
#include "edge/metrics/exposition.h"

namespace weir::cli {

/// What endpoints that only look and the page of metrics ask of a service, whatever its log is.
class ServiceView {
 public:
  virtual ~ServiceView() = default;

  /// Why payments are not answered now; nothing when they are.
  virtual std::optional<http::Problem> not_ready() const = 0;

  /// The recorded decision on a payment, as far back as this service remembers.
  virtual std::optional<journal::Record> find(std::int64_t transaction_id) = 0;
  virtual std::vector<journal::Record> find_feedback(std::int64_t transaction_id) = 0;
  /// The last decisions and feedback, oldest first.
  virtual const RecentRecords& recent() const = 0;
  /// The control event in force at `position`.
  virtual std::optional<Control> control_before(std::uint64_t position) = 0;

  virtual std::uint64_t position() const = 0;
  /// The time of the log.
  virtual Seconds now() = 0;
  virtual Seconds started_at() const = 0;
  virtual Seconds newest_event_time() const = 0;

  virtual const ServiceTally& tally() const = 0;
  /// The same for metrics: of a log that several processes follow each counts its part.
  virtual const ServiceTally& own_tally() const { return tally(); }
  virtual void count_reject(std::string_view rule) = 0;
  virtual const DriftWatch& drift() const = 0;

  virtual const LoadedModel& champion() const = 0;
  virtual const LoadedModel* challenger() const { return nullptr; }
  virtual double challenger_share() const { return 0; }
  virtual ServiceModels::State model_state(ModelRole) const { return {}; }

  /// What metrics say of the log.
  virtual void add_log(metrics::Exposition& page) const = 0;

  /// The loaded model of this version, or null.
  const LoadedModel* model_of(std::string_view version) const {
    if (champion().version() == version) return &champion();
    const LoadedModel* other = challenger();
    return other != nullptr && other->version() == version ? other : nullptr;
  }
  /// What the policy's budgets were used to, and the multiplier in force; null without budgets.
  const BudgetController* budgets() const { return champion().pipeline.controller(); }
};

}  // namespace weir::cli
