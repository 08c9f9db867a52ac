#include "core/cleaning/row_parser.h"

#include <array>
#include <cstring>

#include "core/transaction/calendar.h"

namespace weir {
namespace {

/// Reads digits at `at` into `value`; null when there are none or more than `max_digits`. Text ends
/// with '\n', so the loop does.
inline const char* read_digits(const char* at, int max_digits, std::int64_t& value) {
  std::int64_t sum = 0;
  const char* const begin = at;
  for (unsigned digit = static_cast<unsigned char>(*at) - '0'; digit <= 9;
       digit = static_cast<unsigned char>(*++at) - '0') {
    // May wrap past 19 digits, but then it is refused below.
    sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum) * 10 + digit);
  }
  value = sum;
  return at == begin || at - begin > max_digits ? nullptr : at;
}

inline const char* skip_digits(const char* at) {
  const char* const begin = at;
  while (static_cast<unsigned char>(*at) - unsigned{'0'} <= 9) ++at;
  return at == begin ? nullptr : at;
}

/// Two digits below `limit`, or -1.
inline int two_digits(const char* at, int limit) {
  const unsigned tens = static_cast<unsigned char>(at[0]) - unsigned{'0'};
  const unsigned ones = static_cast<unsigned char>(at[1]) - unsigned{'0'};
  const int value = static_cast<int>(tens * 10 + ones);
  return tens <= 9 && ones <= 9 && value < limit ? value : -1;
}

/// `YYYY-MM-DD hh:mm:ss` in the 19 bytes at `at`.
inline bool read_time(const char* at, DateMemory& date, Seconds& time) {
  // An empty memory equals ten zero bytes, which are no date.
  if (date.text[0] == '\0' || std::memcmp(at, date.text, sizeof date.text) != 0) {
    const auto midnight = parse_date({at, sizeof date.text});
    if (!midnight || *midnight < kFirstTime || *midnight >= kLastTime) return false;
    std::memcpy(date.text, at, sizeof date.text);
    date.midnight = *midnight;
  }
  const int hour = two_digits(at + 11, 24);
  const int minute = two_digits(at + 14, 60);
  const int second = two_digits(at + 17, 60);
  time = date.midnight + hour * 3600 + minute * 60 + second;
  return (hour | minute | second) >= 0 && at[10] == ' ' && at[13] == ':' && at[16] == ':';
}

/// `57`, `57.1` or `57.16`, below 10^11.
inline const char* read_amount(const char* at, std::int64_t& amount_minor) {
  at = read_digits(at, 11, amount_minor);
  if (at == nullptr) return nullptr;
  amount_minor *= 100;
  if (*at != '.') return at;
  const unsigned tenths = static_cast<unsigned char>(at[1]) - unsigned{'0'};
  if (tenths > 9) return nullptr;
  amount_minor += tenths * 10;
  const unsigned hundredths = static_cast<unsigned char>(at[2]) - unsigned{'0'};
  if (hundredths > 9) return at + 2;
  amount_minor += hundredths;
  return at + 3;
}

}  // namespace

std::size_t split_row(std::string_view line, char delimiter, std::span<std::string_view> columns) {
  std::size_t count = 0;
  for (std::size_t begin = 0;;) {
    std::size_t end = std::string_view::npos;
    std::string_view field;
    if (begin < line.size() && line[begin] == '"') {
      // The closing quote is one before a delimiter or the end; doubled ones stay inside.
      std::size_t quote = line.find('"', begin + 1);
      while (quote != std::string_view::npos && quote + 1 < line.size() &&
             line[quote + 1] != delimiter) {
        quote = line.find('"', quote + (line[quote + 1] == '"' ? 2 : 1));
      }
      if (quote != std::string_view::npos) {
        field = line.substr(begin + 1, quote - begin - 1);
        end = quote + 1 < line.size() ? quote + 1 : std::string_view::npos;
      } else {
        end = line.find(delimiter, begin);
        field = line.substr(begin, end - begin);
      }
    } else {
      end = line.find(delimiter, begin);
      field = line.substr(begin, end - begin);
    }
    if (count < columns.size()) columns[count] = field;
    ++count;
    if (end == std::string_view::npos) return count;
    begin = end + 1;
  }
}

std::variant<CleanedPayment, Reject> clean_line(std::string_view line,
                                                const RowLayout& layout,
                                                const CleaningConfig& config) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kMaxLineBytes) {
    return reject_row(Rule::kLineTooLong, std::to_string(line.size()) + " bytes");
  }
  std::array<std::string_view, kMaxColumns> columns;
  const std::size_t count = split_row(line, layout.delimiter(), columns);
  if (count != layout.column_count()) {
    return reject_row(Rule::kFieldCount, std::to_string(count) + " fields of " +
                                             std::to_string(layout.column_count()));
  }
  return clean(layout.fields(std::span(columns).first(count)), config);
}

const char* parse_ordinary_row(const char* begin,
                               const char* end,
                               DateMemory& date,
                               CleanedPayment& row) {
  constexpr int kMaxIdDigits = 18;
  const char* at = read_digits(begin, kMaxIdDigits, row.payment.transaction_id);
  if (at == nullptr || *at != ',' || end - at < 21) return nullptr;
  if (!read_time(at + 1, date, row.payment.event_time) || at[20] != ',') return nullptr;
  at = read_digits(at + 21, kMaxIdDigits, row.payment.customer_id);
  if (at == nullptr || *at != ',') return nullptr;
  at = read_digits(at + 1, kMaxIdDigits, row.payment.terminal_id);
  if (at == nullptr || *at != ',') return nullptr;
  at = read_amount(at + 1, row.payment.amount_minor);
  if (at == nullptr || *at != ',') return nullptr;
  at = skip_digits(at + 1);  // tx_time_seconds: needed for a repair only.
  if (at == nullptr || *at != ',') return nullptr;
  at = skip_digits(at + 1);  // tx_time_days
  if (at == nullptr || *at != ',' || end - at < 5) return nullptr;
  const unsigned fraud = static_cast<unsigned char>(at[1]) - unsigned{'0'};
  const unsigned scenario = static_cast<unsigned char>(at[3]) - unsigned{'0'};
  if (fraud > 1 || at[2] != ',' || scenario > kMaxScenario || (fraud != 0) != (scenario != 0)) {
    return nullptr;
  }
  at += 4;
  if (*at == '\r') ++at;
  if (*at != '\n') return nullptr;
  row.label = {static_cast<std::int8_t>(fraud), static_cast<std::int8_t>(scenario)};
  row.time_repaired = false;
  return at + 1;
}

}  // namespace weir
