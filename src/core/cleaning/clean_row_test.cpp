#include "core/cleaning/clean_row.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/cleaning/json_row.h"
#include "core/cleaning/row_parser.h"
#include "core/transaction/calendar.h"
#include "core/transaction/money.h"

namespace weir {
namespace {

namespace fs = std::filesystem;
using Result = std::variant<CleanedPayment, Reject>;

std::string show(const Result& result) {
  if (const auto* reject = std::get_if<Reject>(&result)) {
    // What the JSON library says of broken text is its own affair.
    const bool own_words =
        reject->field != Field::kRow || reject->value.find("fields of") != std::string::npos;
    const std::string value = own_words ? reject->value : "";
    return fmt::format("{} {}{}{}", rule_id(reject->rule), field_name(reject->field),
                       value.empty() ? "" : " ", value);
  }
  const auto& row = std::get<CleanedPayment>(result);
  return fmt::format("clean {} {} {} {} {} {} {}{}", row.payment.transaction_id,
                     format_datetime(row.payment.event_time), row.payment.customer_id,
                     row.payment.terminal_id, format_amount(row.payment.amount_minor),
                     row.label.is_fraud, row.label.fraud_scenario,
                     row.time_repaired ? " time_24_repaired" : "");
}

/// Runs the lines of one table; the settings of `!` lines hold for those below.
class CaseTable {
 public:
  explicit CaseTable(const fs::path& file) : file_(file) {}

  int run() {
    std::ifstream stream(file_);
    int rows = 0;
    int number = 0;
    for (std::string line; std::getline(stream, line);) {
      ++number;
      if (line.starts_with('!')) {
        set(line);
      } else if (!line.empty() && !line.starts_with('#')) {
        const auto arrow = line.rfind(" => ");
        EXPECT_NE(arrow, std::string::npos) << file_ << ":" << number;
        EXPECT_EQ(show(clean_text(line.substr(0, arrow))), line.substr(arrow + 4))
            << file_.filename() << ":" << number;
        ++rows;
      }
    }
    return rows;
  }

 private:
  void set(const std::string& line) {
    if (line == "!json") {
      layout_.reset();
    } else if (line.starts_with("!header ")) {
      layout_ = RowLayout::from_header(line.substr(8), {}, "case");
    } else if (line.starts_with("!terminals ")) {
      config_.terminals = TerminalSet::parse(line.substr(11), "case");
    } else if (line.starts_with("!origin ")) {
      config_.time_origin = std::stoll(line.substr(8));
    } else {
      ADD_FAILURE() << "unknown setting " << line;
    }
  }

  Result clean_text(const std::string& row) {
    if (!layout_) return json_.clean(row, config_);
    const Result plain = clean_line(row, *layout_, config_);
    if (layout_->is_course_order()) {
      // The fast way may only pass what the plain way passes, with the same values.
      const std::string text = row + "\n";
      CleanedPayment fast;
      DateMemory date;
      if (const char* next =
              parse_ordinary_row(text.data(), text.data() + text.size(), date, fast)) {
        EXPECT_EQ(next, text.data() + text.size());
        const bool known =
            !config_.terminals || config_.terminals->contains(fast.payment.terminal_id);
        EXPECT_EQ(std::holds_alternative<CleanedPayment>(plain), known) << row;
        if (known) {
          EXPECT_EQ(std::get<CleanedPayment>(plain), fast) << row;
        }
      }
    }
    return plain;
  }

  fs::path file_;
  std::optional<RowLayout> layout_;
  CleaningConfig config_;
  JsonRowParser json_;
};

TEST(CleanRow, GivesWhatTheCaseTablesSay) {
  int rows = 0;
  for (const auto& entry : fs::directory_iterator(WEIR_SOURCE_DIR "/cases/cleaning")) {
    if (entry.path().extension() == ".txt") rows += CaseTable(entry.path()).run();
  }
  EXPECT_GT(rows, 80);
}

TEST(CleanRow, ARejectKeepsTheMoneyAndLabelThatCanBeRead) {
  const auto layout = RowLayout::from_header(
      "transaction_id,event_time,customer_id,terminal_id,amount,is_fraud", {}, "t");
  const auto reject = [&](std::string_view line) {
    return std::get<Reject>(clean_line(line, layout, {}));
  };
  const Reject readable = reject("1,2019-08-22 00:00:00,5,Err,12.50,1");
  EXPECT_EQ(readable.amount_minor, 1250);
  EXPECT_EQ(readable.is_fraud, true);
  const Reject negative = reject("1,2019-08-22 00:00:00,5,7,-12.50,0");
  EXPECT_EQ(negative.amount_minor, -1250);
  EXPECT_EQ(negative.is_fraud, false);
  const Reject unreadable = reject("1,2019-08-22 00:00:00,5,7,abc,x");
  EXPECT_EQ(unreadable.amount_minor, std::nullopt);
  EXPECT_EQ(unreadable.is_fraud, std::nullopt);
}

TEST(CleanRow, ALongValueIsCut) {
  RawPayment row;
  const std::string text(5000, 'x');
  row.transaction_id = text;
  EXPECT_EQ(std::get<Reject>(clean(row, {})).value.size(), kMaxRejectValue);
}

}  // namespace
}  // namespace weir
