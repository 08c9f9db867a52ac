#include "cli/stream/event_decider.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "cli/serve/log_entry.h"
#include "core/pipeline/payment_hash.h"
#include "core/transaction/byte_io.h"
#include "core/transaction/hash.h"

namespace weir::cli {
namespace {

constexpr std::string_view kMagic = "WEIRSTRM";
constexpr std::uint32_t kFormatVersion = 2;
constexpr std::uint32_t kFormatWithoutMemories = 1;

std::uint64_t check_of(std::uint32_t format, std::int64_t next, Seconds logged_at) {
  return hash64(format, static_cast<std::uint64_t>(next), static_cast<std::uint64_t>(logged_at));
}

}  // namespace

EventDecider::EventDecider(std::unique_ptr<LoadedModel> model,
                           CleaningConfig cleaning,
                           bool reasons,
                           bool keep_answers)
    : model_(std::move(model)),
      reader_(std::move(cleaning)),
      reasons_(reasons),
      keep_answers_(keep_answers) {
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
  control_.reset();
  // A clock that was set back must not run back in the log.
  logged_at_ = std::max(logged_at_, event.logged_at);
  auto entry = reader_.read(event, logged_at_);
  if (!silent) unknown_fields_ += reader_.unknown_fields();
  if (const auto* payment = std::get_if<Payment>(&entry)) return apply_payment(*payment, silent);
  if (auto* fault = std::get_if<EventFault>(&entry)) return refuse(std::move(*fault), silent);
  return apply_feedback(std::get<Feedback>(entry), silent);
}

EventAnswer EventDecider::apply_feedback(const Feedback& feedback, bool silent) {
  record_.kind = journal::RecordKind::kFeedback;
  record_.payment = feedback.payment;
  record_.outcome = feedback.outcome;
  record_.source = feedback.source;
  record_.known_at = feedback.known_at;
  record_.logged_at = logged_at_;
  record_.position = model_->pipeline.position();
  if (!feedback_.add(feedback, reader_.timed(), logged_at_)) {
    if (!silent) ++tally_.repeated;
    return EventAnswer::kRepeated;
  }
  model_->pipeline.apply(feedback);
  if (!silent) {
    ++tally_.feedback[static_cast<std::size_t>(feedback.source)]
                     [static_cast<std::size_t>(feedback.outcome)];
  }
  return EventAnswer::kApplied;
}

EventAnswer EventDecider::apply_payment(const Payment& payment, bool silent) {
  record_.kind = journal::RecordKind::kPayment;
  record_.payment = payment;
  // The log's writers know no state: what the budgets' controller would append here is a function
  // of the log before it, so it is applied where it falls due.
  control_ = model_->pipeline.control_due(logged_at_);
  if (control_) model_->pipeline.apply(*control_);
  const auto answer = model_->pipeline.apply(record_.payment, logged_at_);
  if (const auto* reject = std::get_if<Reject>(&answer)) {
    return refuse(fault_of(*reject), silent);
  }
  newest_event_time_ = std::max(newest_event_time_, record_.payment.event_time);
  const Decision& decision = std::get<Decision>(answer);
  if (decision.repeated) {
    if (!silent) ++tally_.repeated;
    if (keep_answers_) set_known(decision, record_);
    return EventAnswer::kRepeated;
  }
  if (silent && !keep_answers_) return EventAnswer::kDecided;
  record_.position = decision.position;
  record_.logged_at = logged_at_;
  set_decision(record_, decision);
  record_.reasons.clear();
  if (reasons_ && record_.action != Action::kApprove) {
    record_.reasons = reasons_json(*model_, model_->pipeline.last_features());
  }
  if (keep_answers_) {
    kept_.forget(logged_at_ - PipelineOptions{}.duplicate_window);
    kept_.add(payment.transaction_id, record_.reasons, logged_at_);
  }
  if (!silent) tally_.add_decision(record_);
  return EventAnswer::kDecided;
}

std::uint64_t EventDecider::position_of(Seconds logged_at) const {
  const Pipeline& pipeline = model_->pipeline;
  return pipeline.position() + pipeline.control_due(std::max(logged_at_, logged_at)).has_value();
}

void EventDecider::set_known(const Decision& decision, journal::Record& record) const {
  record.position = decision.position;
  set_decision(record, decision);
  record.reasons = kept_.find(decision.transaction_id);
}

std::optional<journal::Record> EventDecider::known(const Payment& payment) const {
  const auto* entry = model_->pipeline.remembered(payment.transaction_id);
  if (entry == nullptr || entry->payment_hash != payment_hash(payment)) return std::nullopt;
  journal::Record record;
  record.model = record_.model;
  record.arm = record_.arm;
  record.degraded = record_.degraded;
  record.payment = payment;
  record.logged_at = entry->logged_at;
  set_known(entry->decision, record);
  return record;
}

std::string EventDecider::snapshot(std::int64_t next) const {
  std::string memories;
  feedback_.append_snapshot(memories);
  kept_.append_snapshot(memories);
  std::string bytes(kMagic);
  put_bytes(bytes, kFormatVersion);
  put_bytes(bytes, next);
  put_bytes(bytes, logged_at_);
  put_bytes(bytes, check_of(kFormatVersion, next, logged_at_));
  put_bytes(bytes, static_cast<std::uint64_t>(memories.size()));
  put_bytes(bytes, static_cast<std::uint64_t>(XXH3_64bits(memories.data(), memories.size())));
  bytes += memories;
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
  const auto check = reader.get<std::uint64_t>();
  const bool readable = format == kFormatVersion || format == kFormatWithoutMemories;
  if (!readable || check != check_of(format, offset, logged_at) || offset != next) {
    throw Error(fmt::format("snapshot: format {} at offset {}, wanted {} at {}", format, offset,
                            kFormatVersion, next));
  }
  FeedbackMemory feedback;
  KeptReasons kept;
  if (format == kFormatVersion) {
    const auto size = reader.get<std::uint64_t>();
    const auto sum = reader.get<std::uint64_t>();
    const std::string_view memories = reader.take(size);
    if (XXH3_64bits(memories.data(), memories.size()) != sum) {
      throw Error("snapshot: damaged (its checksum differs); an older one is tried");
    }
    ByteReader memory(memories);
    feedback.restore_snapshot(memory);
    kept.restore_snapshot(memory);
  }
  model_->pipeline = Pipeline::restore(model_->bundle, reader.rest());
  feedback_ = std::move(feedback);
  kept_ = std::move(kept);
  logged_at_ = logged_at;
}

}  // namespace weir::cli
