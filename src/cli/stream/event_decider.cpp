#include "cli/stream/event_decider.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/serve/event_json.h"
#include "cli/serve/log_entry.h"
#include "core/cleaning/rules.h"
#include "core/transaction/byte_io.h"
#include "core/transaction/calendar.h"
#include "core/transaction/hash.h"

namespace weir::cli {
namespace {

constexpr std::string_view kMagic = "WEIRSTRM";
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::string_view kSchemaVersion = "1";

std::uint64_t check_of(std::int64_t next, Seconds logged_at) {
  return hash64(kFormatVersion, static_cast<std::uint64_t>(next),
                static_cast<std::uint64_t>(logged_at));
}

/// Whether the object has a member `outcome`, as feedback must: a payment has none.
bool may_be_feedback(std::string_view text) {
  return text.find("\"outcome\"") != std::string_view::npos;
}

}  // namespace

EventDecider::EventDecider(std::unique_ptr<LoadedModel> model,
                           CleaningConfig cleaning,
                           bool reasons)
    : model_(std::move(model)), cleaning_(std::move(cleaning)), reasons_(reasons) {
  record_.model = model_->version();
  record_.arm = "champion";
  if (!reasons_) record_.degraded = journal::kDegradedNoReasons;
}

EventAnswer EventDecider::refuse(std::string rule,
                                 std::string field,
                                 std::string detail,
                                 bool silent) {
  if (!silent) tally_.add_reject(rule);
  fault_ = {std::move(rule), std::move(field), std::move(detail)};
  return EventAnswer::kRefused;
}

EventAnswer EventDecider::apply(const Event& event, bool silent) {
  replayed_ += silent;
  // A clock that was set back must not run back in the log.
  logged_at_ = std::max(logged_at_, event.logged_at);
  if (!event.value) return refuse("null_event", "row", "the event has no value", silent);
  if (event.schema.value_or(kSchemaVersion) != kSchemaVersion) {
    return refuse(
        "schema_unknown", "schema_version",
        fmt::format("schema_version is \"{}\": this build reads {}", *event.schema, kSchemaVersion),
        silent);
  }
  if (event.value->starts_with('\0')) {
    return refuse("schema_unknown", "row",
                  "the event is in a schema registry's binary format; this build reads JSON",
                  silent);
  }
  return may_be_feedback(*event.value) ? apply_feedback(*event.value, silent)
                                       : apply_payment(*event.value, silent);
}

EventAnswer EventDecider::apply_payment(std::string_view text, bool silent) {
  const auto cleaned = parser_.clean(text, cleaning_);
  if (!silent) unknown_fields_ += parser_.unknown_fields();
  if (const auto* reject = std::get_if<Reject>(&cleaned)) {
    return refuse(std::string(rule_id(reject->rule)), std::string(field_name(reject->field)),
                  silent ? std::string() : problem_of(*reject).detail, silent);
  }
  record_.payment = std::get<CleanedPayment>(cleaned).payment;
  // The log's writers know no state: what the budgets' controller would append here is a function
  // of the log before it, so it is applied where it falls due.
  if (const auto control = model_->pipeline.control_due(logged_at_)) {
    model_->pipeline.apply(*control);
  }
  const auto answer = model_->pipeline.apply(record_.payment, logged_at_);
  if (const auto* reject = std::get_if<Reject>(&answer)) {
    return refuse(std::string(rule_id(reject->rule)), std::string(field_name(reject->field)),
                  fmt::format("{} is \"{}\": {}", field_name(reject->field), reject->value,
                              text_of(reject->rule).finds),
                  silent);
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

EventAnswer EventDecider::apply_feedback(std::string_view text, bool silent) {
  FeedbackRequest request;
  if (auto problem = read_feedback(text, parser_, cleaning_, request)) {
    return refuse(std::move(problem->type), problem->field.value_or("row"),
                  std::move(problem->detail), silent);
  }
  if (!request.payment) {
    return refuse("feedback_invalid", "customer_id",
                  "feedback in the log carries its payment's customer_id, terminal_id, event_time "
                  "and amount",
                  silent);
  }
  Feedback feedback;
  feedback.payment = *request.payment;
  feedback.outcome = request.outcome;
  feedback.source = request.source;
  feedback.known_at = request.known_at.value_or(logged_at_);
  const bool in_future = feedback.known_at > logged_at_ + PipelineOptions{}.max_future_skew;
  if (in_future || feedback.known_at < feedback.payment.event_time) {
    return refuse("feedback_invalid", "known_at",
                  in_future ? "known_at lies in the future" : "known_at is before the payment",
                  silent);
  }
  model_->pipeline.apply(feedback);
  if (!silent) {
    ++tally_.feedback[static_cast<std::size_t>(request.source)]
                     [static_cast<std::size_t>(request.outcome)];
  }
  return EventAnswer::kApplied;
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
