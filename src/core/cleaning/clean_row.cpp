#include "core/cleaning/clean_row.h"

#include <array>

#include "core/transaction/calendar.h"
#include "core/transaction/money.h"

namespace weir {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// True for `-12.5`, `12.`, `.5`: a number, whatever its size.
bool is_decimal(std::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  bool digits = false;
  bool point = false;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      digits = true;
    } else {
      return false;
    }
  }
  return digits;
}

/// Kopecks of any sign.
std::optional<std::int64_t> parse_minor(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  const auto size = parse_id(negative ? text.substr(1) : text);
  if (!size || *size > kMaxAmountMinor) return std::nullopt;
  return negative ? -*size : *size;
}

std::optional<std::int64_t> read_amount(const RawPayment& row) {
  const std::string_view text = trim(row.amount);
  return row.amount_is_minor ? parse_minor(text) : parse_amount_minor(text);
}

/// 0 or 1 (`false`, `true`); another whole number as it is; -1 for what is no number.
std::int64_t read_label(std::string_view text) {
  text = trim(text);
  if (text == "true" || text == "True" || text == "TRUE") return 1;
  if (text == "false" || text == "False" || text == "FALSE") return 0;
  return parse_id(text).value_or(-1);
}

Reject reject(Rule rule, Field field, std::string_view value, const RawPayment& row) {
  Reject reject;
  reject.rule = rule;
  reject.field = field;
  reject.value = value.substr(0, kMaxRejectValue);
  reject.amount_minor = read_amount(row);
  if (row.is_fraud) {
    const std::int64_t label = read_label(*row.is_fraud);
    if (label == 0 || label == 1) reject.is_fraud = label == 1;
  }
  return reject;
}

/// The time, repaired where that is certain; nothing when the rule time_invalid finds it.
std::optional<Seconds> read_time(const RawPayment& row,
                                 const CleaningConfig& config,
                                 bool& repaired) {
  const std::string_view text = trim(row.event_time);
  std::optional<Seconds> time = parse_datetime(text);
  if (!time && config.time_origin && row.time_seconds) {
    time = parse_time_24(text);
    const auto seconds = parse_id(trim(*row.time_seconds));
    if (!time || !seconds || *seconds > kLastTime || *time - *seconds != *config.time_origin) {
      return std::nullopt;
    }
    repaired = true;
  }
  if (time && (*time < kFirstTime || *time >= kLastTime)) return std::nullopt;
  return time;
}

}  // namespace

std::string_view field_name(Field field) {
  constexpr std::array<std::string_view, kRawFieldCount + 1> kNames = {
      "transaction_id", "event_time",   "customer_id", "terminal_id",    "amount",
      "amount_minor",   "time_seconds", "is_fraud",    "fraud_scenario", "row"};
  return kNames[static_cast<std::size_t>(field)];
}

std::optional<std::int64_t> parse_id(std::string_view text) {
  // Eighteen digits cannot overflow; with leading zeros or a nineteenth digit, count on.
  if (text.empty()) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, std::int64_t{10}, &value) ||
        __builtin_add_overflow(value, std::int64_t{c - '0'}, &value)) {
      return std::nullopt;
    }
  }
  return value;
}

std::optional<Seconds> parse_time_24(std::string_view text) {
  if (text.size() != 19 || (text[10] != ' ' && text[10] != 'T') || text.substr(11) != "24:00:00") {
    return std::nullopt;
  }
  const auto date = parse_date(text.substr(0, 10));
  if (!date) return std::nullopt;
  return *date + kSecondsPerDay;
}

std::variant<CleanedPayment, Reject> clean(const RawPayment& row, const CleaningConfig& config) {
  CleanedPayment cleaned;
  const auto id = parse_id(trim(row.transaction_id));
  if (!id) return reject(Rule::kNotANumber, Field::kTransactionId, row.transaction_id, row);
  const auto time = read_time(row, config, cleaned.time_repaired);
  if (!time) return reject(Rule::kTimeInvalid, Field::kEventTime, row.event_time, row);
  const auto customer = parse_id(trim(row.customer_id));
  if (!customer) return reject(Rule::kCustomerInvalid, Field::kCustomerId, row.customer_id, row);
  const auto terminal = parse_id(trim(row.terminal_id));
  if (!terminal) return reject(Rule::kTerminalNotANumber, Field::kTerminalId, row.terminal_id, row);
  if (config.terminals && !config.terminals->contains(*terminal)) {
    return reject(Rule::kTerminalUnknown, Field::kTerminalId, row.terminal_id, row);
  }
  const auto amount = read_amount(row);
  if (!amount || *amount < 0) {
    const bool number = is_decimal(trim(row.amount));
    return reject(number ? Rule::kAmountInvalid : Rule::kNotANumber,
                  row.amount_is_minor ? Field::kAmountMinor : Field::kAmount, row.amount, row);
  }
  cleaned.payment = {*id, *time, *customer, *terminal, *amount};
  if (!row.is_fraud) return cleaned;

  const std::int64_t fraud = read_label(*row.is_fraud);
  if (fraud < 0) return reject(Rule::kNotANumber, Field::kIsFraud, *row.is_fraud, row);
  if (fraud > 1) return reject(Rule::kLabelConflict, Field::kIsFraud, *row.is_fraud, row);
  cleaned.label.is_fraud = static_cast<std::int8_t>(fraud);
  if (!row.fraud_scenario) return cleaned;
  const auto scenario = parse_id(trim(*row.fraud_scenario));
  if (!scenario) {
    return reject(Rule::kNotANumber, Field::kFraudScenario, *row.fraud_scenario, row);
  }
  if (*scenario > kMaxScenario || (*scenario != 0) != (fraud != 0)) {
    return reject(Rule::kLabelConflict, Field::kFraudScenario, *row.fraud_scenario, row);
  }
  cleaned.label.fraud_scenario = static_cast<std::int8_t>(*scenario);
  return cleaned;
}

Reject reject_row(Rule rule, std::string_view value) {
  Reject reject;
  reject.rule = rule;
  reject.value = value.substr(0, kMaxRejectValue);
  return reject;
}

}  // namespace weir
