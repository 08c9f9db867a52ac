// A payment as JSON, the service's request: any bytes give a payment in range or a reject.
#include "core/cleaning/json_row.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static weir::JsonRowParser parser;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = parser.clean(text, {});
  if (const auto* row = std::get_if<weir::CleanedPayment>(&result)) {
    WEIR_CHECK(row->payment.transaction_id >= 0 && row->payment.customer_id >= 0);
    WEIR_CHECK(row->payment.terminal_id >= 0 && row->payment.amount_minor >= 0);
    WEIR_CHECK(row->payment.amount_minor <= weir::kMaxAmountMinor);
    WEIR_CHECK(row->payment.event_time >= weir::kFirstTime);
    WEIR_CHECK(row->payment.event_time < weir::kLastTime);
  } else {
    WEIR_CHECK(std::get<weir::Reject>(result).value.size() <= weir::kMaxRejectValue);
  }
  return 0;
}
