#include "cli/stream/event_decider.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/serve/log_entry.h"
#include "core/transaction/byte_io.h"
#include "core/transaction/hash.h"

namespace weir::cli {
namespace {

constexpr std::string_view kMagic = "WEIRSTRM";
constexpr std::uint32_t kFormatVersion = 1;

std::uint64_t check_of(std::int64_t next, Seconds logged_at) {
  return hash64(kFormatVersion, static_cast<std::uint64_t>(next),
                static_cast<std::uint64_t>(logged_at));
}

}  // namespace

EventDecider::EventDecider(std::unique_ptr<LoadedModel> model,
                           CleaningConfig cleaning,
                           bool reasons)
    : model_(std::move(model)), reader_(std::move(cleaning)), reasons_(reasons) {
  record_.model = model_->version();
  record_.arm = "champion";
  if (!reasons_) record_.degraded = journal::kDegradedNoReasons;
}

EventAnswer EventDecider::refuse(EventFault fault, bool silent) {
  if (!silent) tally_.add_reject(fault.rule);
  fault_ = std::move(fault);
  return EventAnswer::kRefused;
}

EventAnswer EventDecider::apply(const Event& event, bool silent) {
  replayed_ += silent;
  // A clock that was set back must not run back in the log.
  logged_at_ = std::max(logged_at_, event.logged_at);
  auto entry = reader_.read(event, logged_at_);
  if (!silent) unknown_fields_ += reader_.unknown_fields();
  if (const auto* payment = std::get_if<Payment>(&entry)) return apply_payment(*payment, silent);
  if (auto* fault = std::get_if<EventFault>(&entry)) return refuse(std::move(*fault), silent);
  const auto& feedback = std::get<Feedback>(entry);
  model_->pipeline.apply(feedback);
  if (!silent) {
    ++tally_.feedback[static_cast<std::size_t>(feedback.source)]
                     [static_cast<std::size_t>(feedback.outcome)];
  }
  return EventAnswer::kApplied;
}

EventAnswer EventDecider::apply_payment(const Payment& payment, bool silent) {
  record_.payment = payment;
  // The log's writers know no state: what the budgets' controller would append here is a function
  // of the log before it, so it is applied where it falls due.
  if (const auto control = model_->pipeline.control_due(logged_at_)) {
    model_->pipeline.apply(*control);
  }
  const auto answer = model_->pipeline.apply(record_.payment, logged_at_);
  if (const auto* reject = std::get_if<Reject>(&answer)) {
    return refuse(fault_of(*reject), silent);
  }
  newest_event_time_ = std::max(newest_event_time_, record_.payment.event_time);
  if (silent) return EventAnswer::kDecided;
  const Decision& decision = std::get<Decision>(answer);
  if (decision.repeated) {
    ++tally_.repeated;
    return EventAnswer::kApplied;
  }
  record_.position = decision.position;
  record_.logged_at = logged_at_;
  set_decision(record_, decision);
  record_.reasons.clear();
  if (reasons_ && record_.action != Action::kApprove) {
    record_.reasons = reasons_json(*model_, model_->pipeline.last_features());
  }
  tally_.add_decision(record_);
  return EventAnswer::kDecided;
}

std::string EventDecider::snapshot(std::int64_t next) const {
  std::string bytes(kMagic);
  put_bytes(bytes, kFormatVersion);
  put_bytes(bytes, next);
  put_bytes(bytes, logged_at_);
  put_bytes(bytes, check_of(next, logged_at_));
  bytes += model_->pipeline.snapshot();
  return bytes;
}

void EventDecider::restore(std::string_view bytes, std::int64_t next) {
  if (!bytes.starts_with(kMagic)) {
    throw Error("these bytes are no snapshot of weir stream; an older one is tried");
  }
  ByteReader reader(bytes.substr(kMagic.size()));
  const auto format = reader.get<std::uint32_t>();
  const auto offset = reader.get<std::int64_t>();
  const auto logged_at = reader.get<Seconds>();
  if (format != kFormatVersion || reader.get<std::uint64_t>() != check_of(offset, logged_at) ||
      offset != next) {
    throw Error(fmt::format("snapshot: format {} at offset {}, wanted {} at {}", format, offset,
                            kFormatVersion, next));
  }
  constexpr std::size_t kHeadBytes = 8 + 4 + 8 + 8 + 8;
  model_->pipeline = Pipeline::restore(model_->bundle, bytes.substr(kHeadBytes));
  logged_at_ = logged_at;
}

}  // namespace weir::cli
