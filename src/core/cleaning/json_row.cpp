#include "core/cleaning/json_row.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "core/cleaning/row_layout.h"
#include "core/cleaning/row_parser.h"

namespace weir {
namespace {

std::optional<Field> find_field(std::string_view key) {
  for (const FieldNames& entry : known_field_names()) {
    for (const std::string_view name : entry.names) {
      if (name == key && !name.empty()) return entry.field;
    }
  }
  return std::nullopt;
}

/// The fields of one object as text, filled by the parser's events. Numbers with a fraction keep
/// their digits: no amount passes through binary floating point.
class Fields final : public nlohmann::json_sax<nlohmann::json> {
 public:
  void clear() {
    given_.fill(false);
    null_.fill(false);
    depth_ = 0;
    field_ = Field::kRow;
    twice = Field::kRow;
    unknown = 0;
    error.clear();
  }
  std::optional<std::string_view> operator[](Field field) const {
    const auto index = static_cast<std::size_t>(field);
    if (!given_[index] || null_[index]) return std::nullopt;
    return texts_[index];
  }

  Field twice = Field::kRow;  ///< A field given twice.
  std::uint64_t unknown = 0;  ///< Fields with other names.
  std::string error;          ///< Why the text is no object.

  bool null() override {
    if (depth_ == 1 && field_ != Field::kRow) null_[static_cast<std::size_t>(field_)] = true;
    return value("");
  }
  bool boolean(bool truth) override { return value(truth ? "true" : "false"); }
  bool number_integer(std::int64_t number) override { return value(std::to_string(number)); }
  bool number_unsigned(std::uint64_t number) override { return value(std::to_string(number)); }
  bool number_float(double, const std::string& digits) override { return value(digits); }
  bool string(std::string& text) override { return value(text); }
  bool binary(nlohmann::json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open("{"); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open("["); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    if (depth_ != 1) return true;
    field_ = find_field(name).value_or(Field::kRow);
    if (field_ == Field::kRow) {
      ++unknown;
      return true;
    }
    if (std::exchange(given_[static_cast<std::size_t>(field_)], true)) twice = field_;
    return true;
  }
  bool parse_error(std::size_t,
                   const std::string&,
                   const nlohmann::json::exception& reason) override {
    error = reason.what();
    return false;
  }

  /// Reads what nearly every payment looks like: one flat object of ASCII text without escapes and
  /// of numbers without sign or exponent. False for anything else, faulty or not: then the events
  /// of the real parser decide. A tenth of its time.
  bool read_plain(std::string_view json) {
    const char* at = json.data();
    const char* const end = at + json.size();
    const auto skip = [&] {
      while (at != end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) ++at;
    };
    const auto take = [&](char letter) {
      skip();
      if (at == end || *at != letter) return false;
      ++at;
      return true;
    };
    const auto text = [&](std::string_view& found) {
      const char* const begin = at;
      while (at != end && *at != '"') {
        // Control characters, escapes, and what is no ASCII.
        if (static_cast<signed char>(*at) < 0x20 || *at == '\\') return false;
        ++at;
      }
      if (at == end) return false;
      found = {begin, static_cast<std::size_t>(at - begin)};
      ++at;
      return true;
    };
    const auto digits = [&] {
      const char* const begin = at;
      while (at != end && *at >= '0' && *at <= '9') ++at;
      return at - begin;
    };
    const auto number = [&](std::string_view& found) {
      constexpr std::ptrdiff_t kMostDigits = 18;
      const char* const begin = at;
      const std::ptrdiff_t whole = digits();
      if (whole == 0 || whole > kMostDigits || (*begin == '0' && whole > 1)) return false;
      if (at != end && *at == '.') {
        ++at;
        const std::ptrdiff_t part = digits();
        if (part == 0 || part > kMostDigits) return false;
      }
      found = {begin, static_cast<std::size_t>(at - begin)};
      return true;
    };
    std::size_t place = 0;
    if (!take('{')) return false;
    do {
      std::string_view key;
      std::string_view found;
      if (!take('"') || !text(key) || !take(':')) return false;
      if (take('"') ? !text(found) : !number(found)) return false;
      const Field field = field_at(place++, key);
      if (field == Field::kRow) {
        ++unknown;
        continue;
      }
      const auto index = static_cast<std::size_t>(field);
      if (std::exchange(given_[index], true)) return false;
      texts_[index] = found;
    } while (take(','));
    if (!take('}')) return false;
    skip();
    return at == end;
  }

 private:
  /// The field of a key, kRow for unknown ones. A sender's objects have the same keys in the same
  /// places: each is compared with the one before.
  Field field_at(std::size_t place, std::string_view key) {
    if (place >= last_keys_.size()) return find_field(key).value_or(Field::kRow);
    LastKey& last = last_keys_[place];
    if (last.name != key) {
      last.field = find_field(key).value_or(Field::kRow);
      last.name = key;
    }
    return last.field;
  }

  bool value(std::string_view text) {
    if (depth_ == 0) return refuse();
    if (depth_ == 1 && field_ != Field::kRow) texts_[static_cast<std::size_t>(field_)] = text;
    return true;
  }
  /// No rule takes a list or an object for a field, but the quarantine shows what it was.
  bool open(std::string_view bracket) {
    if (depth_ == 0 && bracket != "{") return refuse();
    if (depth_ != 0) value(bracket);
    ++depth_;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }
  bool refuse() {
    error = "no JSON object";
    return false;
  }

  struct LastKey {
    std::string name;
    Field field = Field::kRow;
  };

  std::array<LastKey, kRawFieldCount> last_keys_;
  std::array<std::string, kRawFieldCount> texts_;
  std::array<bool, kRawFieldCount> given_{};
  std::array<bool, kRawFieldCount> null_{};
  int depth_ = 0;
  Field field_ = Field::kRow;  // Whose value comes next; kRow for unknown ones.
};

}  // namespace

struct JsonRowParser::Implementation {
  Fields fields;

  /// Fills `fields`, or gives the reject.
  std::optional<Reject> read(std::string_view json) {
    if (json.size() > kMaxLineBytes) {
      return reject_row(Rule::kLineTooLong, std::to_string(json.size()) + " bytes");
    }
    fields.clear();
    if (fields.read_plain(json)) return std::nullopt;
    fields.clear();
    if (!nlohmann::json::sax_parse(json.begin(), json.end(), &fields)) {
      return reject_row(Rule::kFieldCount, fields.error);
    }
    if (fields.twice == Field::kRow) return std::nullopt;
    Reject reject = reject_row(Rule::kFieldCount, "given twice");
    reject.field = fields.twice;
    return reject;
  }
};

JsonRowParser::JsonRowParser() : implementation_(std::make_unique<Implementation>()) {}
JsonRowParser::~JsonRowParser() = default;
JsonRowParser::JsonRowParser(JsonRowParser&&) noexcept = default;
JsonRowParser& JsonRowParser::operator=(JsonRowParser&&) noexcept = default;

std::variant<CleanedPayment, Reject> JsonRowParser::clean(std::string_view json,
                                                          const CleaningConfig& config,
                                                          bool labels_required) {
  if (auto fault = implementation_->read(json)) return *std::move(fault);
  const Fields& fields = implementation_->fields;
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
  return !implementation_->read(json) && implementation_->fields[Field::kIsFraud].has_value();
}

std::uint64_t JsonRowParser::unknown_fields() const { return implementation_->fields.unknown; }

}  // namespace weir
