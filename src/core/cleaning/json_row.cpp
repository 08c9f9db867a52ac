#include "core/cleaning/json_row.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <vector>

#include "core/cleaning/row_layout.h"
#include "core/cleaning/row_parser.h"

namespace weir {
namespace {

namespace ondemand = simdjson::ondemand;

std::optional<Field> find_field(std::string_view key) {
  for (const FieldNames& entry : known_field_names()) {
    for (const std::string_view name : entry.names) {
      if (name == key && !name.empty()) return entry.field;
    }
  }
  return std::nullopt;
}

/// The fields of one object as text.
struct Fields {
  std::array<std::optional<std::string_view>, kRawFieldCount> texts;

  std::optional<std::string_view>& operator[](Field field) {
    return texts[static_cast<std::size_t>(field)];
  }
};

/// The text of a value; nothing for null.
simdjson::error_code read_text(ondemand::value value, std::optional<std::string_view>& text) {
  ondemand::json_type type;
  if (const auto error = value.type().get(type)) return error;
  std::string_view view;
  switch (type) {
    case ondemand::json_type::string:
      if (const auto error = value.get_string().get(view)) return error;
      break;
    case ondemand::json_type::array:
    case ondemand::json_type::object:
      // No rule takes it, but the quarantine shows it.
      view = value.raw_json_token();
      break;
    case ondemand::json_type::null:
      return simdjson::SUCCESS;
    default:
      view = value.raw_json_token();
  }
  text = view;
  return simdjson::SUCCESS;
}

}  // namespace

struct JsonRowParser::Implementation {
  ondemand::parser parser;
  std::vector<char> padded;

  /// Fills `fields`, or gives the reject.
  std::optional<Reject> read(std::string_view json, Fields& fields) {
    if (json.size() > kMaxLineBytes) {
      return reject_row(Rule::kLineTooLong, std::to_string(json.size()) + " bytes");
    }
    padded.resize(json.size() + simdjson::SIMDJSON_PADDING);
    std::copy(json.begin(), json.end(), padded.begin());
    std::fill(padded.begin() + static_cast<std::ptrdiff_t>(json.size()), padded.end(), ' ');
    std::optional<Reject> fault;
    if (const auto error =
            walk(simdjson::padded_string_view(padded.data(), json.size(), padded.size()), fields,
                 fault)) {
      return reject_row(Rule::kFieldCount, simdjson::error_message(error));
    }
    return fault;
  }

  simdjson::error_code walk(simdjson::padded_string_view text,
                            Fields& fields,
                            std::optional<Reject>& fault) {
    ondemand::document document;
    if (const auto error = parser.iterate(text).get(document)) return error;
    ondemand::object object;
    if (const auto error = document.get_object().get(object)) return error;
    std::array<bool, kRawFieldCount> seen{};
    for (auto item : object) {
      std::string_view key;
      if (const auto error = item.unescaped_key().get(key)) return error;
      ondemand::value value;
      if (const auto error = item.value().get(value)) return error;
      const auto field = find_field(key);
      if (!field) continue;
      bool& twice = seen[static_cast<std::size_t>(*field)];
      if (twice) {
        fault = reject_row(Rule::kFieldCount, "given twice");
        fault->field = *field;
        return simdjson::SUCCESS;
      }
      twice = true;
      if (const auto error = read_text(value, fields[*field])) return error;
    }
    // simdjson 3.0 (Debian 12) has no at_end().
    const bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
    return at_end ? simdjson::SUCCESS : simdjson::TRAILING_CONTENT;
  }
};

JsonRowParser::JsonRowParser() : implementation_(std::make_unique<Implementation>()) {}
JsonRowParser::~JsonRowParser() = default;
JsonRowParser::JsonRowParser(JsonRowParser&&) noexcept = default;
JsonRowParser& JsonRowParser::operator=(JsonRowParser&&) noexcept = default;

std::variant<CleanedPayment, Reject> JsonRowParser::clean(std::string_view json,
                                                          const CleaningConfig& config,
                                                          bool labels_required) {
  Fields fields;
  if (auto fault = implementation_->read(json, fields)) return *std::move(fault);
  RawPayment row;
  row.amount_is_minor = !fields[Field::kAmount];
  const Field amount = row.amount_is_minor ? Field::kAmountMinor : Field::kAmount;
  const auto need = [&](Field field, std::string_view& text) {
    if (fields[field]) text = *fields[field];
    return fields[field].has_value();
  };
  row.time_seconds = fields[Field::kTimeSeconds];
  row.is_fraud = fields[Field::kIsFraud];
  row.fraud_scenario = fields[Field::kFraudScenario];
  const std::pair<Field, std::string_view*> required[] = {
      {Field::kTransactionId, &row.transaction_id},
      {Field::kEventTime, &row.event_time},
      {Field::kCustomerId, &row.customer_id},
      {Field::kTerminalId, &row.terminal_id},
      {amount, &row.amount}};
  for (const auto& [field, text] : required) {
    if (need(field, *text)) continue;
    Reject missing = reject_row(Rule::kFieldCount, "missing");
    missing.field = field == Field::kAmountMinor ? Field::kAmount : field;
    return missing;
  }
  if (labels_required && !row.is_fraud) {
    Reject missing = reject_row(Rule::kFieldCount, "missing");
    missing.field = Field::kIsFraud;
    return missing;
  }
  return weir::clean(row, config);
}

bool JsonRowParser::has_label(std::string_view json) {
  Fields fields;
  return !implementation_->read(json, fields) && fields[Field::kIsFraud].has_value();
}

}  // namespace weir
