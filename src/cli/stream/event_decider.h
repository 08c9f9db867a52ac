#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/serve/loaded_model.h"
#include "cli/serve/service_tally.h"
#include "cli/stream/kept_reasons.h"
#include "core/streaming/event.h"
#include "core/streaming/feedback_memory.h"
#include "edge/journal/record.h"

namespace weir::cli {

enum class EventAnswer {
  kDecided,  ///< `record()` holds the decision.
  kRefused,  ///< `fault()` says why.
  kApplied,  ///< Feedback; `record()` holds it.
  /// What is known already: nothing is written. Of a payment `record()` holds the first decision,
  /// its reasons only where answers are kept.
  kRepeated,
};

/// The deterministic part of a stream: events of one partition in order → decisions and rejects.
/// The same events give the same bytes, whenever and how often they are applied.
class EventDecider {
 public:
  /// `keep_answers`: a payment sent again is answered as the first time, reasons included, and
  /// `record()` is filled for silent events too. Costs memory for what is not approved.
  EventDecider(std::unique_ptr<LoadedModel> model,
               CleaningConfig cleaning,
               bool reasons,
               bool keep_answers = false);

  /// `silent`: only the state is wanted, as while restoring.
  EventAnswer apply(const Event& event, bool silent);

  /// The position that a payment gets which is logged at this time.
  std::uint64_t position_of(Seconds logged_at) const;

  const journal::Record& record() const { return record_; }
  const EventFault& fault() const { return fault_; }
  /// What the budgets' controller said before the last event, if anything.
  const std::optional<Control>& control() const { return control_; }
  /// The answer to a payment that is known already, as `apply` would give it; nothing where it has
  /// to go through the log.
  std::optional<journal::Record> known(const Payment& payment) const;

  /// State with `next`, the log's offset that it stands at.
  std::string snapshot(std::int64_t next) const;
  /// Takes over a snapshot. Throws Error for damage, another bundle or another offset.
  void restore(std::string_view bytes, std::int64_t next);

  LoadedModel& model() { return *model_; }
  const LoadedModel& model() const { return *model_; }
  const ServiceTally& tally() const { return tally_; }
  std::uint64_t unknown_fields() const { return unknown_fields_; }
  std::uint64_t replayed() const { return replayed_; }
  Seconds newest_event_time() const { return newest_event_time_; }

 private:
  EventAnswer apply_payment(const Payment& payment, bool silent);
  EventAnswer apply_feedback(const Feedback& feedback, bool silent);
  void set_known(const Decision& decision, journal::Record& record) const;
  EventAnswer refuse(EventFault fault, bool silent);

  std::unique_ptr<LoadedModel> model_;
  EventReader reader_;
  bool reasons_;
  bool keep_answers_;
  KeptReasons kept_;
  FeedbackMemory feedback_;
  journal::Record record_;
  std::optional<Control> control_;
  EventFault fault_;
  ServiceTally tally_;
  Seconds logged_at_ = 0;
  Seconds newest_event_time_ = 0;
  std::uint64_t unknown_fields_ = 0;
  std::uint64_t replayed_ = 0;
};

}  // namespace weir::cli
