#include "edge/files/clean_files.h"

#include <arrow/io/file.h>
#include <arrow/scalar.h>
#include <arrow/table.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <parquet/arrow/reader.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/cleaning/json_row.h"
#include "core/cleaning/row_parser.h"
#include "core/transaction/calendar.h"
#include "core/transaction/hash.h"
#include "core/transaction/money.h"
#include "edge/files/lake.h"
#include "edge/files/quarantine.h"
#include "edge/files/simulation_files.h"
#include "edge/files/storage.h"

namespace weir::files {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr const char* kHeader =
    "# tranaction_id | tx_datetime | customer_id | terminal_id | tx_amount | tx_time_seconds | "
    "tx_time_days | tx_fraud | tx_fraud_scenario\n";

/// With a checksum, as the program zstd writes.
std::string zstd(const std::string& text) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(
      ZSTD_compress2(context.get(), packed.data(), packed.size(), text.data(), text.size()));
  return packed;
}

std::string gzip(const std::string& text) {
  const fs::path path = fs::path(testing::TempDir()) / fmt::format("weir-{}.gz", getpid());
  const gzFile file = gzopen(path.c_str(), "wb1");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  std::string packed = read_text(path);
  fs::remove(path);
  return packed;
}

struct QuarantinedRow {
  std::string rule;
  std::string field;
  std::string value;
  std::string file;
  std::int64_t line;
  std::string raw;
};

std::vector<QuarantinedRow> read_quarantine(const fs::path& lake) {
  const std::string name = (lake / "quarantine/rows.parquet").string();
  auto file = value_or_throw(arrow::io::ReadableFile::Open(name), "read", name);
  auto reader =
      value_or_throw(parquet::arrow::OpenFile(file, arrow::default_memory_pool()), "read", name);
  const std::shared_ptr<arrow::Table> table = value_or_throw(reader->ReadTable(), "read", name);
  std::vector<QuarantinedRow> rows;
  const auto text = [&](const char* column, std::int64_t row) {
    return value_or_throw(table->GetColumnByName(column)->GetScalar(row), "read", name)->ToString();
  };
  for (std::int64_t i = 0; i < table->num_rows(); ++i) {
    rows.push_back({text("rule", i), text("field", i), text("value", i), text("file", i),
                    std::stoll(text("line", i)), text("raw", i)});
  }
  return rows;
}

class CleanFiles : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string write(const std::string& name, const std::string& text) const {
    write_text(root_ / name, text);
    return (root_ / name).string();
  }
  CleanSettings settings(std::vector<std::string> inputs) const {
    CleanSettings result;
    result.inputs = std::move(inputs);
    result.lake = (root_ / "lake").string();
    return result;
  }
  CleanReport clean(const CleanSettings& from) { return clean_files(from, silent_); }
  CleanReport clean(std::vector<std::string> inputs) { return clean(settings(std::move(inputs))); }
  PaymentColumns lake() {
    return read_lake((root_ / "lake").string(), std::nullopt, std::nullopt, 1, silent_);
  }
  /// Everything of a lake but the file names in its report.
  std::string lake_bytes() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(root_ / "lake")) {
      if (entry.is_regular_file()) files[entry.path().string()] = read_text(entry.path());
    }
    std::string bytes;
    for (const auto& [name, text] : files) bytes += name + text;
    return bytes;
  }
  void expect_failure(const std::string& input, const testing::Matcher<const std::string&>& text) {
    EXPECT_THAT([&] { clean({input}); }, ThrowsMessage<Error>(text));
    EXPECT_FALSE(fs::exists(root_ / "lake"));
  }

  /// `rows` of course text over three days, dirty ones among them, in the order of customers.
  static std::string dirty_rows(int rows, std::uint64_t seed) {
    std::string text = kHeader;
    for (int i = 0; i < rows; ++i) {
      const auto chance = [&](std::uint64_t what, std::uint64_t limit) {
        return hash64(seed, static_cast<std::uint64_t>(i), what) % limit;
      };
      const Seconds seconds = static_cast<Seconds>(i * 3 / rows) * kSecondsPerDay +
                              static_cast<Seconds>(chance(1, 86'400));
      const bool fraud = chance(2, 20) == 0;
      // Some ids come again: sometimes with the same content, sometimes not.
      const int id =
          chance(3, 100) == 0 ? std::max(0, i - 1 - static_cast<int>(chance(4, 1000))) : i;
      std::string terminal = fmt::format("{}", chance(5, 1000));
      if (chance(6, 200) == 0) terminal = "Err";
      if (chance(7, 200) == 0) terminal = "89518096";
      std::string row = fmt::format(
          "{},{},{},{},{}.{:02},{},{},{},{}\n", id, format_datetime(1'566'432'000 + seconds),
          chance(8, 300) == 0 ? -999'999 : i / 3, terminal, chance(9, 500), chance(10, 100),
          seconds, seconds / kSecondsPerDay, fraud ? 1 : 0, fraud ? 2 : 0);
      if (chance(11, 300) == 0) {
        const Seconds day = seconds / kSecondsPerDay;
        row = fmt::format("{},{} 24:00:00,{},{},{}.00,{},{},0,0\n", id,
                          format_date(1'566'432'000 + seconds), i / 3, terminal, chance(9, 500),
                          (day + 1) * kSecondsPerDay, day);
      }
      text += row;
      if (chance(12, 100) == 0) text += row;
      if (chance(13, 500) == 0) text += "\x01\xFFjunk\n";
    }
    return text;
  }

  Progress silent_;
  const fs::path root_ =
      fs::path(testing::TempDir()) /
      fmt::format(
          "weir-{}-{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name());
};

/// What clean_files does, without chunks, threads, filters or disks.
struct Twin {
  CleanReport report;
  std::map<std::pair<Seconds, std::int64_t>, CleanedPayment> rows;
  std::vector<std::string> rejects;

  void run(const std::string& text, const CleaningConfig& config) {
    const auto layout = RowLayout::from_header(text.substr(0, text.find('\n')), {}, "twin");
    std::map<std::int64_t, CleanedPayment> by_id;
    report.labelled = true;
    for (std::size_t begin = text.find('\n') + 1; begin < text.size();) {
      const std::size_t end = text.find('\n', begin);
      const std::string line = text.substr(begin, end - begin);
      begin = end + 1;
      const auto cleaned = clean_line(line, layout, config);
      if (const auto* reject = std::get_if<Reject>(&cleaned)) {
        RowTally one;
        one.add(*reject);
        report.in += one;
        report[reject->rule] += one;
        rejects.push_back(line);
        continue;
      }
      const auto& row = std::get<CleanedPayment>(cleaned);
      RowTally one;
      one.add(PackedPayment(row));
      report.in += one;
      const auto [first, is_new] = by_id.try_emplace(row.payment.transaction_id, row);
      if (is_new) continue;
      const bool same = first->second.payment == row.payment && first->second.label == row.label;
      report[same ? Rule::kDuplicateRow : Rule::kDuplicateId] += one;
    }
    for (const auto& [id, row] : by_id) {
      report.clean.add(PackedPayment(row));
      if (row.time_repaired) report[Rule::kTime24Repaired].add(PackedPayment(row));
      if (row.payment.amount_minor == 0) report[Rule::kAmountZeroKept].add(PackedPayment(row));
      rows[{row.payment.event_time, id}] = row;
    }
  }
};

TEST_F(CleanFiles, AgreesWithItsTwinForAnyThreadsAndMemory) {
  // Above two chunks of 4 MiB, so that the order of threads could show.
  const std::string text = dirty_rows(200'000, 1);
  ASSERT_GT(text.size(), 9u << 20);
  const std::string file = write("raw/2019-08-22.txt", text);
  CleaningConfig config;
  config.terminals = TerminalSet(0, 999);
  config.time_origin = 1'566'432'000;
  Twin twin;
  twin.run(text, config);

  CleanSettings from = settings({file});
  from.terminals = config.terminals;
  std::string first_bytes;
  for (const auto& [threads, memory] : {std::pair{1, std::uint64_t{1} << 30},
                                        {2, std::uint64_t{1} << 30},
                                        {3, std::uint64_t{1} << 20}}) {
    from.threads = threads;
    from.memory_bytes = memory;
    const CleanReport report = clean(from);
    EXPECT_EQ(report.in, twin.report.in);
    EXPECT_EQ(report.clean, twin.report.clean);
    for (const RuleText& rule : rule_texts()) {
      EXPECT_EQ(report[rule.rule], twin.report[rule.rule]) << rule.id;
    }
    EXPECT_GT(report[Rule::kDuplicateRow].rows, 1000u);
    EXPECT_GT(report[Rule::kDuplicateId].rows, 1000u);
    EXPECT_GT(report[Rule::kTime24Repaired].rows, 100u);
    EXPECT_TRUE(report.balances());
    const PaymentColumns clean_rows = lake();
    ASSERT_EQ(clean_rows.size(), twin.rows.size());
    std::size_t i = 0;
    for (const auto& [key, row] : twin.rows) {
      ASSERT_EQ(clean_rows.view()[i], row.payment);
      ASSERT_EQ(clean_rows.fraud_scenario[i], row.label.fraud_scenario);
      ++i;
    }
    const auto quarantined = read_quarantine(root_ / "lake");
    EXPECT_EQ(quarantined.size(), report.sum(RuleAction::kQuarantine).rows);
    const std::string bytes = lake_bytes();
    if (first_bytes.empty()) first_bytes = bytes;
    EXPECT_EQ(bytes, first_bytes) << threads << " threads";
  }
}

TEST_F(CleanFiles, FindsExactlyWhatTheSimulatorPlanted) {
  SimulationSpec spec = SimulationSpec::preset("course-small");
  spec.days = 10;
  spec.defects = 50;
  const PlantedCounts planted =
      write_simulation(Simulator(spec), root_ / "data", 2, silent_).counts;
  CleanSettings from = settings({(root_ / "data").string()});
  from.terminals = TerminalSet(0, spec.terminals - 1);
  const CleanReport report = clean(from);
  const auto expect_equal = [](const RowTally& found, const PlantedTally& wanted,
                               std::string_view what) {
    EXPECT_EQ(found.rows, static_cast<std::uint64_t>(wanted.rows)) << what;
    EXPECT_EQ(found.frauds, static_cast<std::uint64_t>(wanted.frauds)) << what;
    // What a row of unreadable money had in it, only the simulator knows.
    if (found.unknown_amounts == 0) {
      EXPECT_EQ(found.amount_minor, static_cast<std::uint64_t>(wanted.amount_minor)) << what;
    }
  };
  expect_equal(report.in, planted.written, "in");
  expect_equal(report.clean, planted.clean, "clean");
  expect_equal(report.sum(RuleAction::kDrop), planted.duplicates, "dropped");
  expect_equal(report.sum(RuleAction::kQuarantine), planted.quarantined, "quarantined");
  for (const DefectRule& defect : defect_rules()) {
    const PlantedTally& wanted = planted.defects[static_cast<std::size_t>(defect.defect)];
    EXPECT_GT(wanted.rows, 0) << defect.id;
    expect_equal(report[find_rule(defect.id).value()], wanted, defect.id);
  }
}

TEST_F(CleanFiles, ScatteredIdsAreCheckedAsExactly) {
  std::string text = "transaction_id,event_time,customer_id,terminal_id,amount\n";
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    // Every thousandth comes again, half of them with another amount.
    const std::uint64_t id = hash64(1, i % 1000 == 999 ? i - 500 : i) >> 1;
    const std::uint64_t same = i % 2000 == 999 ? i - 500 : i;
    text += fmt::format(
        "{},{},1,2,{}.00\n", id,
        format_datetime(1'566'432'000 + static_cast<Seconds>(i % 1000 == 999 ? i - 500 : i)), same);
  }
  const CleanReport report = clean({write("a.csv", text)});
  EXPECT_EQ(report[Rule::kDuplicateRow].rows, 10u);
  EXPECT_EQ(report[Rule::kDuplicateId].rows, 10u);
  EXPECT_EQ(report.clean.rows, 19'980u);
}

TEST_F(CleanFiles, TheFirstOfAnIdStaysAcrossFiles) {
  const std::string row = "7,2019-08-22 10:00:00,1,2,30.00,36000,0,0,0\n";
  const std::string other = "7,2019-08-21 10:00:00,1,2,30.00,36000,0,1,2\n";
  write("raw/a.txt", kHeader + row + row);
  write("raw/b.txt", kHeader + other + row + "8,2019-08-22 10:00:00,1,2,0.00,36000,0,0,0");
  const CleanReport report = clean({(root_ / "raw").string()});
  EXPECT_EQ(report[Rule::kDuplicateRow].rows, 2u);
  EXPECT_EQ(report[Rule::kDuplicateId].rows, 1u);
  EXPECT_EQ(report[Rule::kAmountZeroKept].rows, 1u);
  EXPECT_THAT(lake().transaction_id, ElementsAre(7, 8));
  EXPECT_EQ(lake().amount_minor[0], 3000);
  const auto rows = read_quarantine(root_ / "lake");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].rule, "duplicate_id");
  EXPECT_EQ(rows[0].value, "7");
  EXPECT_EQ(rows[0].file, (root_ / "raw/b.txt").string());
  EXPECT_EQ(rows[0].line, 2);
  EXPECT_EQ(rows[0].raw + "\n", other);
  // The same input in another order keeps the other one.
  const CleanReport again = clean({(root_ / "raw/b.txt").string(), (root_ / "raw/a.txt").string()});
  EXPECT_EQ(again[Rule::kDuplicateId].rows, 3u);
  EXPECT_EQ(again.clean.frauds, 1u);
}

TEST_F(CleanFiles, AFileGivenTwiceIsAllDuplicates) {
  const std::string file = write("a.txt", dirty_rows(3000, 2));
  const CleanReport once = clean({file});
  const CleanReport twice = clean({file, file});
  EXPECT_EQ(twice.clean, once.clean);
  EXPECT_EQ(twice[Rule::kDuplicateRow].rows, 2 * once[Rule::kDuplicateRow].rows + once.clean.rows);
}

TEST_F(CleanFiles, EveryFormatGivesTheSameLake) {
  const std::string course = dirty_rows(5000, 3);
  clean({write("a.txt", course)});
  const PaymentColumns wanted = lake();
  const std::string bytes = read_text(root_ / "lake/clean/date=2019-08-23/part-0.parquet");

  std::string windows = "\xEF\xBB\xBF" + course;
  for (std::size_t at = 0; (at = windows.find('\n', at)) != std::string::npos; at += 2) {
    windows.insert(at, "\r");
  }
  windows.resize(windows.size() - 2);  // Nor a last line end.
  std::string json;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Payment row = wanted.view()[i];
    json += fmt::format(
        R"({{"transaction_id":"{}","event_time":"{}Z","customer_id":{},"terminal_id":{},"amount":{},"is_fraud":{},"fraud_scenario":{}}})"
        "\n",
        row.transaction_id, format_datetime(row.event_time).replace(10, 1, "T"), row.customer_id,
        row.terminal_id, format_amount(row.amount_minor), wanted.is_fraud[i] != 0,
        wanted.fraud_scenario[i]);
  }
  fs::copy(root_ / "lake/clean", root_ / "parquet", fs::copy_options::recursive);
  for (const std::string& input :
       {write("w.txt", windows), write("a.txt.zst", zstd(course)), write("a.csv.gz", gzip(course)),
        write("two.txt.gz", gzip(course.substr(0, 5000)) + gzip(course.substr(5000))),
        write("two.txt.zst", zstd(course.substr(0, 5000)) + zstd(course.substr(5000))),
        write("misnamed.csv", zstd(course)), write("a.jsonl", json), (root_ / "parquet").string(),
        (root_ / "parquet/date=*").string()}) {
    clean({input});
    EXPECT_EQ(lake().transaction_id, wanted.transaction_id) << input;
    EXPECT_EQ(read_text(root_ / "lake/clean/date=2019-08-23/part-0.parquet"), bytes) << input;
  }
}

TEST_F(CleanFiles, UnlabelledDataMakesAnUnlabelledLake) {
  const std::string csv =
      "transaction_id,event_time,customer_id,terminal_id,SUM\n1,2019-08-22 10:00:00,1,2,30.00\n";
  CleanSettings from = settings({write("a.csv", csv)});
  from.columns = parse_column_names({"amount=sum"});
  EXPECT_FALSE(clean(from).labelled);
  EXPECT_TRUE(lake().is_fraud.empty());
  from.inputs.push_back(write("b.txt", dirty_rows(10, 1)));
  EXPECT_THAT([&] { clean(from); }, ThrowsMessage<Error>(HasSubstr("no column for sum")));
  from = settings({write("c.csv", "transaction_id,event_time,customer_id,terminal_id,amount\n"),
                   from.inputs[1]});
  EXPECT_THAT([&] { clean(from); }, ThrowsMessage<Error>(HasSubstr("separate lakes")));
}

TEST_F(CleanFiles, QuarantineSaysWhereAndWhy) {
  clean({write("a.txt", std::string(kHeader) +
                            "1,2019-08-22 10:00:00,1,2,30.00,36000,0,0,0\n\n"
                            "2,2019-08-22 10:00:00,1,Err,30.00,36000,0,0,0\n\xFF\x01,\n")});
  const auto rows = read_quarantine(root_ / "lake");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].rule, "terminal_not_a_number");
  EXPECT_EQ(rows[0].field, "terminal_id");
  EXPECT_EQ(rows[0].value, "Err");
  EXPECT_EQ(rows[0].line, 4);
  EXPECT_EQ(rows[0].raw, "2,2019-08-22 10:00:00,1,Err,30.00,36000,0,0,0");
  EXPECT_EQ(rows[1].rule, "field_count");
  EXPECT_EQ(rows[1].line, 5);
  EXPECT_EQ(rows[1].raw, "\\xff\\x01,");
}

TEST_F(CleanFiles, AHugeLineIsOneRejectAndTheRestGoesOn) {
  const std::string good = "1,2019-08-22 10:00:00,1,2,30.00,36000,0,0,0\n";
  const std::string last = "2,2019-08-22 10:00:00,1,2,30.00,36000,0,0,x\n";
  for (const std::size_t size :
       {std::size_t{70'000}, std::size_t{10} << 20, std::size_t{4} << 20}) {
    const CleanReport report =
        clean({write("a.txt", kHeader + good + std::string(size, 'x') + "\n" + last)});
    EXPECT_EQ(report[Rule::kLineTooLong].rows, 1u) << size;
    EXPECT_EQ(report.clean.rows, 1u);
    const auto rows = read_quarantine(root_ / "lake");
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].line, 3);
    EXPECT_EQ(rows[0].raw, std::string(1024, 'x'));
    EXPECT_EQ(rows[1].line, 4);
  }
  // Even when nothing follows.
  EXPECT_EQ(clean({write("a.txt", kHeader + good + std::string(10 << 20, 'x'))}).in.rows, 2u);
}

TEST_F(CleanFiles, BadInputIsOneClearErrorAndNothingIsPublished) {
  expect_failure((root_ / "none.txt").string(), HasSubstr("none.txt\" does not exist"));
  expect_failure((root_ / "*.none").string(), HasSubstr("no file matches"));
  expect_failure(write("empty.txt", ""), HasSubstr("empty.txt\" is empty"));
  expect_failure(write("header.txt", "a,b,c\n1,2,3\n"),
                 AllOf(HasSubstr("no column for transaction_id"), HasSubstr("got \"a, b, c\"")));
  expect_failure(
      write("junk.bin", std::string("\0\x01\x02\xFF\xFE", 5)),
      HasSubstr("no column for transaction_id in the header; got \"\\x00\\x01\\x02\\xff\\xfe\""));
  expect_failure(write("only.txt", kHeader), HasSubstr("no clean payment in 0 rows"));
  expect_failure(write("bad.txt", std::string(kHeader) + "junk\n"),
                 HasSubstr("no clean payment in 1 rows"));
  expect_failure(write("no.txt.zst", kHeader),
                 HasSubstr("is no zstd data, though its name says so"));
  const std::string packed = zstd(dirty_rows(30'000, 1));
  expect_failure(write("cut.txt.zst", packed.substr(0, packed.size() / 2)),
                 AllOf(HasSubstr("cut.txt.zst\" is cut off"),
                       HasSubstr(fmt::format("after byte {}", packed.size() / 2))));
  std::string damaged = packed;
  for (std::size_t i = packed.size() / 2; i < packed.size() / 2 + 100; ++i) damaged[i] ^= 0x55;
  expect_failure(write("bad.txt.zst", damaged),
                 HasSubstr("bad.txt.zst\": damaged zstd data at byte"));
  const std::string gz = gzip(dirty_rows(30'000, 1));
  expect_failure(write("cut.txt.gz", gz.substr(0, gz.size() / 2)),
                 HasSubstr("is cut off: its gzip data"));
  expect_failure(write("bad.parquet", "PAR1 and nothing more"),
                 AllOf(HasSubstr("bad.parquet"), HasSubstr("Parquet")));
  fs::create_directories(root_ / "folder");
  expect_failure((root_ / "folder").string(), HasSubstr("holds no raw data"));
}

TEST_F(CleanFiles, AFailureKeepsTheOldLake) {
  clean({write("a.txt", dirty_rows(100, 1))});
  const std::string before = lake_bytes();
  EXPECT_THROW(clean({write("b.txt", std::string(kHeader) + "junk\n")}), Error);
  struct Stopping : Progress {
    void update(std::uint64_t) override { throw Interrupted("stop"); }
  } stopping;
  EXPECT_THROW(clean_files(settings({write("c.txt", dirty_rows(300'000, 1))}), stopping),
               Interrupted);
  EXPECT_EQ(lake_bytes(), before);
}

TEST_F(CleanFiles, ARuleThatEatsFraudFailsTheRun) {
  std::string text = kHeader;
  for (int i = 0; i < 10'000; ++i) {
    const bool bogus = i % 100 == 7;  // Every payment at a bogus terminal is a fraud.
    text += fmt::format("{},2019-08-22 10:00:00,1,{},30.00,36000,0,{},{}\n", i, bogus ? 5000 : 5,
                        bogus ? 1 : 0, bogus ? 2 : 0);
  }
  CleanSettings from = settings({write("a.txt", text)});
  EXPECT_EQ(clean(from).clean.rows, 10'000u);
  fs::remove_all(root_ / "lake");
  from.terminals = TerminalSet(0, 999);
  EXPECT_THAT(
      [&] { clean(from); },
      ThrowsMessage<Error>(AllOf(HasSubstr("terminal_unknown (100 rows, 100 frauds = 100.0 %)"),
                                 HasSubstr("--accept-rule terminal_unknown"))));
  EXPECT_FALSE(fs::exists(root_ / "lake"));
  from.accepted = {Rule::kTerminalUnknown};
  EXPECT_EQ(clean(from).clean.rows, 9'900u);
}

TEST_F(CleanFiles, ReportIsTheSameInTheLake) {
  const CleanReport report = clean({write("a.txt", dirty_rows(1000, 1))});
  EXPECT_EQ(read_text(root_ / "lake/reports/clean.json"), report.to_json());
  const auto json = nlohmann::json::parse(report.to_json());
  EXPECT_EQ(json["balanced"], true);
  EXPECT_EQ(json["files"][0]["rows"], report.in.rows);
}

}  // namespace
}  // namespace weir::files
