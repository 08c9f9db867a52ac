#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "cli/serve/loaded_model.h"
#include "cli/serve/service_tally.h"
#include "core/streaming/event.h"
#include "edge/journal/record.h"

namespace weir::cli {

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
  EventAnswer apply_payment(const Payment& payment, bool silent);
  EventAnswer refuse(EventFault fault, bool silent);

  std::unique_ptr<LoadedModel> model_;
  EventReader reader_;
  bool reasons_;
  journal::Record record_;
  EventFault fault_;
  ServiceTally tally_;
  Seconds logged_at_ = 0;
  Seconds newest_event_time_ = 0;
  std::uint64_t unknown_fields_ = 0;
  std::uint64_t replayed_ = 0;
};

}  // namespace weir::cli
