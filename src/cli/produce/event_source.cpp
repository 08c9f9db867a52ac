#include "cli/produce/event_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/serve/answer_json.h"
#include "core/transaction/error.h"

namespace weir::cli {

LakeEvents::LakeEvents(PaymentColumns columns,
                       std::optional<Seconds> from,
                       std::optional<Seconds> label_delay)
    : columns_(std::move(columns)), label_delay_(label_delay) {
  if (label_delay_ && !columns_.view().has_labels()) {
    throw Error("--feedback: the lake has no labels; leave the flag out");
  }
  const auto& times = columns_.event_time;
  if (from) {
    first_ = static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), *from) -
                                      times.begin());
  }
  row_ = first_;
  if (!label_delay_ || first_ == 0) return;
  labelled_until_ = static_cast<std::size_t>(
      std::upper_bound(times.begin(), times.end(), times[first_ - 1] - *label_delay_) -
      times.begin());
}

std::uint64_t LakeEvents::size() const { return columns_.size() - first_; }

std::optional<OutgoingEvent> LakeEvents::next() {
  if (row_ == columns_.size()) return std::nullopt;
  const PaymentView payments = columns_.view();
  OutgoingEvent event;
  event.time = payments.event_time[row_];
  std::size_t row = row_;
  if (label_delay_ && labelled_until_ < row_ &&
      payments.event_time[labelled_until_] + *label_delay_ <= event.time) {
    row = labelled_until_++;
    event.is_feedback = true;
  } else {
    ++row_;
  }
  const Payment payment = payments[row];
  text_ = '{';
  append_payment_fields(text_, payment);
  if (event.is_feedback) {
    const bool fraud = payments.is_fraud[row] != 0;
    text_ += fmt::format(",\"outcome\":\"{}\",\"source\":\"{}\",\"known_at\":\"{}\"",
                         outcome_name(fraud ? Outcome::kFraud : Outcome::kGenuine),
                         source_name(fraud ? OutcomeSource::kChargeback : OutcomeSource::kMaturity),
                         rfc3339(payment.event_time + *label_delay_));
  }
  text_ += '}';
  key_ = std::to_string(payment.customer_id);
  event.text = text_;
  event.key = key_;
  return event;
}

LineEvents::LineEvents(const std::string& path) : file_(path, std::ios::binary) {
  if (!file_) throw Error(fmt::format("\"{}\": {}", path, std::strerror(errno)));
}

std::optional<OutgoingEvent> LineEvents::next() {
  if (!std::getline(file_, line_)) return std::nullopt;
  OutgoingEvent event;
  event.text = line_;
  event.is_feedback = line_.find("\"outcome\"") != std::string::npos;
  const auto cleaned = parser_.clean(line_, {});
  if (const auto* row = std::get_if<CleanedPayment>(&cleaned)) {
    key_ = std::to_string(row->payment.customer_id);
    event.key = key_;
    event.time = row->payment.event_time;
  }
  return event;
}

}  // namespace weir::cli
