#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/serve/loaded_model.h"
#include "cli/serve/service_tally.h"
#include "core/cleaning/json_row.h"
#include "edge/journal/record.h"

namespace weir::cli {

/// One entry of the log as it came: a payment or feedback, as JSON.
struct Event {
  std::optional<std::string_view> value;   ///< Nothing for a null.
  std::optional<std::string_view> schema;  ///< Header `schema_version`; `1` when absent.
  Seconds logged_at = 0;                   ///< When it was appended.
};

/// Why an event is no entry that can be decided.
struct EventFault {
  std::string rule;
  std::string field;
  std::string detail;
};

enum class EventAnswer {
  kDecided,  ///< `record()` holds the decision.
  kRefused,  ///< `fault()` says why.
  kApplied,  ///< Feedback, or a payment sent again, which has its decision already.
};

/// The deterministic part of a stream: events of one partition in order → decisions and rejects.
/// The same events give the same bytes, whenever and how often they are applied.
class EventDecider {
 public:
  EventDecider(std::unique_ptr<LoadedModel> model, CleaningConfig cleaning, bool reasons);

  /// `silent`: only the state is wanted, as while restoring.
  EventAnswer apply(const Event& event, bool silent);

  const journal::Record& record() const { return record_; }
  const EventFault& fault() const { return fault_; }

  /// State with `next`, the log's offset that it stands at.
  std::string snapshot(std::int64_t next) const;
  /// Takes over a snapshot. Throws Error for damage, another bundle or another offset.
  void restore(std::string_view bytes, std::int64_t next);

  LoadedModel& model() { return *model_; }
  const ServiceTally& tally() const { return tally_; }
  std::uint64_t unknown_fields() const { return unknown_fields_; }
  std::uint64_t replayed() const { return replayed_; }
  Seconds newest_event_time() const { return newest_event_time_; }

 private:
  EventAnswer apply_payment(std::string_view text, bool silent);
  EventAnswer apply_feedback(std::string_view text, bool silent);
  EventAnswer refuse(std::string rule, std::string field, std::string detail, bool silent);

  std::unique_ptr<LoadedModel> model_;
  CleaningConfig cleaning_;
  bool reasons_;
  JsonRowParser parser_;
  journal::Record record_;
  EventFault fault_;
  ServiceTally tally_;
  Seconds logged_at_ = 0;
  Seconds newest_event_time_ = 0;
  std::uint64_t unknown_fields_ = 0;
  std::uint64_t replayed_ = 0;
};

}  // namespace weir::cli
