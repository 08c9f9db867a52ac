// Course text: the fast reader may only take what the plain one takes, with the same values.
#include <cstring>
#include <memory>

#include "core/cleaning/row_parser.h"
#include "core/transaction/error.h"

namespace {

const weir::RowLayout& course_layout() {
  static const weir::RowLayout layout = weir::RowLayout::from_header(
      "# tranaction_id | tx_datetime | customer_id | terminal_id | tx_amount | tx_time_seconds | "
      "tx_time_days | tx_fraud | tx_fraud_scenario",
      {}, "fuzz");
  return layout;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Of the exact size, so that the sanitizer sees a read past the end.
  const auto text = std::make_unique<char[]>(size + 1);
  if (size != 0) std::memcpy(text.get(), data, size);
  text[size] = '\n';
  const char* const end = text.get() + size + 1;
  weir::CleaningConfig config;
  config.time_origin = 1'566'432'000;
  weir::DateMemory date;
  for (const char* at = text.get(); at != end;) {
    const auto* line_end =
        static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    const auto plain =
        weir::clean_line({at, static_cast<std::size_t>(line_end - at)}, course_layout(), config);
    weir::CleanedPayment fast;
    if (const char* next = weir::parse_ordinary_row(at, end, date, fast)) {
      WEIR_CHECK(next == line_end + 1);
      WEIR_CHECK(std::holds_alternative<weir::CleanedPayment>(plain));
      WEIR_CHECK(std::get<weir::CleanedPayment>(plain) == fast);
    }
    at = line_end + 1;
  }
  return 0;
}
