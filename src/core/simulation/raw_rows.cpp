#include "core/simulation/raw_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <iterator>

#include "core/simulation/subject.h"
#include "core/transaction/calendar.h"
#include "core/transaction/money.h"

namespace weir {
namespace {

constexpr std::int64_t kLastBogusTerminal = 89'518'096;  // The largest one in the course's data.
constexpr std::int64_t kBogusTerminals = 7;
constexpr std::int64_t kBogusCustomer = -999'999;
constexpr std::int64_t kLongestCopyDelay = 40;  // Days: copies reach into the next file.

struct Row {
  std::int64_t id = 0;
  std::int64_t day = 0;
  SimulatedPayment payment;
};

enum Field : std::size_t {
  kId,
  kTime,
  kCustomer,
  kTerminal,
  kAmount,
  kSeconds,
  kDays,
  kFraud,
  kScenario
};
using Fields = std::array<std::string, 9>;

/// Writes digits and separators to a buffer that is known to be long enough.
class LineWriter {
 public:
  explicit LineWriter(char* at) : begin_(at), at_(at) {}

  void number(std::int64_t value) { at_ = std::to_chars(at_, at_ + 20, value).ptr; }
  void two_digits(std::int64_t value) {
    *at_++ = static_cast<char>('0' + value / 10);
    *at_++ = static_cast<char>('0' + value % 10);
  }
  void text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void character(char character) { *at_++ = character; }
  std::string_view line() const { return {begin_, static_cast<std::size_t>(at_ - begin_)}; }

 private:
  char* begin_;
  char* at_;
};

constexpr std::size_t kLongestLine = 160;  // 9 fields of at most 20 characters, less than that.

/// The line of a payment without defect; `date` is the day's.
std::string_view format_line(const Row& row, std::string_view date, char (&buffer)[kLongestLine]) {
  const SimulatedPayment& payment = row.payment;
  LineWriter writer(buffer);
  writer.number(row.id);
  writer.character(',');
  writer.text(date);
  writer.character(' ');
  writer.two_digits(payment.second / 3600);
  writer.character(':');
  writer.two_digits(payment.second / 60 % 60);
  writer.character(':');
  writer.two_digits(payment.second % 60);
  writer.character(',');
  writer.number(payment.customer);
  writer.character(',');
  writer.number(payment.terminal);
  writer.character(',');
  writer.number(payment.amount_minor / 100);
  writer.character('.');
  writer.two_digits(payment.amount_minor % 100);
  writer.character(',');
  writer.number(row.day * kSecondsPerDay + payment.second);
  writer.character(',');
  writer.number(row.day);
  writer.text(payment.scenario != 0 ? ",1," : ",0,");
  writer.number(payment.scenario);
  writer.character('\n');
  return writer.line();
}

Fields split(std::string_view line) {
  Fields fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t end = line.find_first_of(",\n");
    fields[i] = line.substr(0, end);
    line.remove_prefix(end + 1);
  }
  return fields;
}

std::string join(std::span<const std::string> fields) {
  return fmt::format("{}\n", fmt::join(fields, ","));
}

/// The planted defect of a row, or nothing. At most one in all: one number decides.
const DefectRule* choose_defect(const SimulationSpec& spec, const Row& row) {
  double left = unit_interval(draws_of(spec.seed, Subject::kDefect, row.id).bits());
  for (const DefectRule& rule : defect_rules()) {
    left -= rule.rate * spec.defects;
    if (left < 0) return rule.genuine_only && row.payment.scenario != 0 ? nullptr : &rule;
  }
  return nullptr;
}

double sum_of_rates(const SimulationSpec& spec) {
  double sum = 0;
  for (const DefectRule& rule : defect_rules()) sum += rule.rate * spec.defects;
  return sum;
}

/// Takes rows with a defect and writes what stands in the file instead.
class Planter {
 public:
  Planter(const SimulationSpec& spec, RawRows& rows) : spec_(spec), rows_(rows) {}

  void plant(const DefectRule& rule, const Row& row, std::string_view line) {
    const bool fraud = row.payment.scenario != 0;
    const std::int64_t amount = row.payment.amount_minor;
    // Apart from the draw that chose the defect.
    Draws draws = draws_of(spec_.seed, Subject::kDefect, row.id, 1);
    Fields fields = split(line);
    switch (rule.defect) {
      case Defect::kDuplicateRow:
        write(line, RowFate::kClean, fraud, amount);
        copy(line, row.day, draws);
        count(rule, fraud, amount);
        return;
      case Defect::kDuplicateId: {
        const std::int64_t other = amount > 1'00 ? amount - 1'00 : amount + 1'00;
        write(line, RowFate::kClean, fraud, amount);
        fields[kAmount] = format_amount(other);
        write(join(fields), rule.fate, fraud, other);
        count(rule, fraud, other);
        return;
      }
      case Defect::kTerminalNotANumber: {
        static constexpr std::array<std::string_view, 3> kTexts = {"Err", "None", ""};
        fields[kTerminal] = kTexts[draws.below(kTexts.size())];
        break;
      }
      case Defect::kTerminalUnknown:
        fields[kTerminal] = fmt::format("{}", bogus_terminal(draws));
        break;
      case Defect::kCustomerInvalid:
        fields[kCustomer] = fmt::format("{}", kBogusCustomer);
        break;
      case Defect::kTimeInvalid:
        fields[kTime].replace(11, 2, "25");
        break;
      case Defect::kAmountInvalid:
        fields[kAmount].insert(0, "-");
        write(join(fields), rule.fate, fraud, -amount);
        count(rule, fraud, -amount);
        return;
      case Defect::kFieldCount:  // Which field is missing cannot be told, so nothing is known of
                                 // it.
        write(join(std::span(fields).first(fields.size() - 1)), rule.fate, fraud, 0);
        count(rule, fraud, 0);
        return;
      case Defect::kNotANumber:
        fields[kId] += 'x';
        break;
      case Defect::kLabelConflict:
        fields[kScenario] = "2";
        break;
      case Defect::kTime24Repaired:
      case Defect::kAmountZeroKept:
        break;  // Not planted: their rate is 0.
    }
    write(join(fields), rule.fate, fraud, amount);
    count(rule, fraud, amount);
  }

  void write(std::string_view line, RowFate fate, bool fraud, std::int64_t amount) {
    rows_.text += line;
    tally(fate, fraud, amount);
  }

  void count(const DefectRule& rule, bool fraud, std::int64_t amount) {
    rows_.counts.defects[static_cast<std::size_t>(rule.defect)].add(fraud, amount);
  }

 private:
  void tally(RowFate fate, bool fraud, std::int64_t amount) {
    PlantedCounts& counts = rows_.counts;
    counts.written.add(fraud, amount);
    (fate == RowFate::kClean       ? counts.clean
     : fate == RowFate::kDuplicate ? counts.duplicates
                                   : counts.quarantined)
        .add(fraud, amount);
  }

  /// Half of the copies follow at once, the others up to 40 days later.
  void copy(std::string_view line, std::int64_t day, Draws& draws) {
    const std::int64_t later = day + 1 + static_cast<std::int64_t>(draws.below(kLongestCopyDelay));
    if (draws.below(2) == 0 || later >= spec_.days) {
      rows_.text += line;
    } else {
      rows_.later_copies.push_back({later, std::string(line)});
    }
    const Fields fields = split(line);
    tally(RowFate::kDuplicate, fields[kFraud] == "1", *parse_amount_minor(fields[kAmount]));
  }

  /// One of seven numbers that are no terminals.
  std::int64_t bogus_terminal(Draws& draws) const {
    const auto which = static_cast<std::int64_t>(draws.below(kBogusTerminals));
    const std::int64_t last = std::max(kLastBogusTerminal, spec_.terminals);
    if (which == 0) return last;
    Draws number = draws_of(spec_.seed, Subject::kBogusTerminal, which);
    return spec_.terminals + static_cast<std::int64_t>(number.below(
                                 static_cast<std::uint64_t>(last - spec_.terminals + 1)));
  }

  const SimulationSpec& spec_;
  RawRows& rows_;
};

}  // namespace

std::string_view raw_header(RawFormat format) {
  if (format == RawFormat::kCourse) {
    return "# tranaction_id | tx_datetime | customer_id | terminal_id | tx_amount | "
           "tx_time_seconds | tx_time_days | tx_fraud | tx_fraud_scenario\n";
  }
  return "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_TIME_SECONDS,TX_TIME_"
         "DAYS,"
         "TX_FRAUD,TX_FRAUD_SCENARIO\n";
}

std::string raw_file_name(const SimulationSpec& spec, std::int64_t first_day) {
  return format_date(spec.start + first_day * kSecondsPerDay) +
         (spec.format == RawFormat::kCourse ? ".txt" : ".csv");
}

RawRows format_rows(const SimulationSpec& spec,
                    std::int64_t day,
                    std::int64_t first_id,
                    std::span<const SimulatedPayment> payments) {
  constexpr std::size_t kUsualLine = 72;
  RawRows rows;
  rows.text.reserve(payments.size() * kUsualLine);
  Planter planter(spec, rows);
  const std::string date = format_date(spec.start + day * kSecondsPerDay);
  const double any_defect = sum_of_rates(spec);
  char buffer[kLongestLine];
  Row row{first_id, day, {}};
  for (const SimulatedPayment& payment : payments) {
    row.payment = payment;
    const bool fraud = payment.scenario != 0;
    const std::string_view line = format_line(row, date, buffer);
    rows.counts.by_scenario[static_cast<std::size_t>(payment.scenario)].add(fraud,
                                                                            payment.amount_minor);
    const bool zero = payment.amount_minor == 0;
    const bool past_midnight = payment.second == kSecondsPerDay;
    const DefectRule* rule = nullptr;
    if (any_defect > 0 && !zero && !past_midnight &&
        unit_interval(draws_of(spec.seed, Subject::kDefect, row.id).bits()) < any_defect) {
      rule = choose_defect(spec, row);
    }
    if (rule != nullptr) {
      planter.plant(*rule, row, line);
    } else {
      planter.write(line, RowFate::kClean, fraud, payment.amount_minor);
      // A row may be both; the two do not get in each other's way.
      if (zero)
        planter.count(defect_rules()[static_cast<std::size_t>(Defect::kAmountZeroKept)], fraud, 0);
      if (past_midnight) {
        planter.count(defect_rules()[static_cast<std::size_t>(Defect::kTime24Repaired)], fraud,
                      payment.amount_minor);
      }
    }
    ++row.id;
  }
  return rows;
}

}  // namespace weir
