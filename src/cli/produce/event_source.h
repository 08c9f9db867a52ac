#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "core/cleaning/json_row.h"
#include "core/transaction/payment.h"
#include "core/transaction/progress.h"

namespace weir::cli {

/// One event as it is to be sent.
struct OutgoingEvent {
  std::string_view text;  ///< JSON, as REST and the log take it. Valid until the next event.
  std::string_view key;   ///< The customer, or empty where there is none to be read.
  Seconds time = 0;       ///< When it happened, or became known; 0 where it cannot be read.
  bool is_feedback = false;
};

/// Events in the order of their times.
class EventSource {
 public:
  virtual ~EventSource() = default;
  /// Nothing at the end.
  virtual std::optional<OutgoingEvent> next() = 0;
  /// How many there are; 0 for unknown.
  virtual std::uint64_t size() const { return 0; }
};

/// The payments of a lake from `from` on, and with `label_delay` each outcome as feedback so long
/// after its payment: the order in which `weir replay` applies both. Outcomes of earlier payments
/// in `columns` that became known before the last of them are left out: a history has them.
class LakeEvents : public EventSource {
 public:
  LakeEvents(PaymentColumns columns,
             std::optional<Seconds> from,
             std::optional<Seconds> label_delay);

  std::optional<OutgoingEvent> next() override;
  std::uint64_t size() const override;

 private:
  PaymentColumns columns_;
  std::optional<Seconds> label_delay_;
  std::size_t first_ = 0;  // The first payment to send.
  std::size_t row_ = 0;
  std::size_t labelled_until_ = 0;
  std::string text_;
  std::string key_;
};

/// The lines of a file as they are, faults included.
class LineEvents : public EventSource {
 public:
  /// Throws Error when the file cannot be read.
  explicit LineEvents(const std::string& path);

  std::optional<OutgoingEvent> next() override;

 private:
  std::ifstream file_;
  std::string line_;
  std::string key_;
  JsonRowParser parser_;
};

}  // namespace weir::cli
