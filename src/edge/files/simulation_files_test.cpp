#include "edge/files/simulation_files.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <unordered_map>

#include "core/simulation/raw_rows.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"
#include "edge/files/staged.h"

namespace weir::files {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class SimulationFilesTest : public ::testing::Test {
 protected:
  SimulationFilesTest()
      : folder_(fs::path(::testing::TempDir()) /
                fmt::format("simulation-{}-{}",
                            getpid(),
                            ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
  }
  ~SimulationFilesTest() override { fs::remove_all(folder_); }

  /// All defects in some 60,000 rows over three files.
  static SimulationSpec dirty() {
    SimulationSpec spec = SimulationSpec::preset("course-small");
    spec.customers = 500;
    spec.days = 75;
    spec.defects = 1'000;
    return spec;
  }

  SimulationFiles write(const SimulationSpec& spec, const std::string& name, int threads) {
    Progress progress;
    return write_simulation(Simulator(spec), folder_ / name, threads, progress);
  }

  fs::path folder_;
};

std::map<std::string, std::string> content_of(const fs::path& folder) {
  std::map<std::string, std::string> content;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      content[fs::relative(entry.path(), folder).string()] = read_text(entry.path());
    }
  }
  return content;
}

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> fields;
  std::stringstream stream(line + ",");
  for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
  return fields;
}

bool whole_number(const std::string& text) {
  return !text.empty() &&
         text.find_first_not_of("0123456789", text[0] == '-' ? 1 : 0) == std::string::npos;
}

/// The defect that a reader of the file sees in a row.
std::string defect_of(const std::vector<std::string>& fields, const SimulationSpec& spec) {
  if (fields.size() != 9) return "field_count";
  if (!whole_number(fields[0])) return "not_a_number";
  if (!whole_number(fields[3])) return "terminal_not_a_number";
  if (std::stoll(fields[3]) >= spec.terminals) return "terminal_unknown";
  if (std::stoll(fields[2]) < 0) return "customer_invalid";
  if (fields[1].substr(11) == "24:00:00") return "time_24_repaired";
  if (std::stoi(fields[1].substr(11, 2)) > 23) return "time_invalid";
  if (*parse_amount_minor(fields[4]) < 0) return "amount_invalid";
  if (*parse_amount_minor(fields[4]) == 0) return "amount_zero_kept";
  if ((fields[7] == "1") != (fields[8] != "0")) return "label_conflict";
  return "";
}

TEST_F(SimulationFilesTest, AnyNumberOfThreadsWritesTheSameBytes) {
  for (const RowOrder order : {RowOrder::kCustomer, RowOrder::kTime}) {
    SimulationSpec spec = dirty();
    spec.customers = 2'000;
    spec.mean_payments_per_day = 60;  // So many that a day is several blocks of customers.
    spec.days = 5;
    spec.days_per_file = 3;
    spec.order = order;
    write(spec, "one", 1);
    const auto one = content_of(folder_ / "one");
    EXPECT_EQ(one.size(), 2U + 2U + 2U);  // Raw files, truth, the markers.
    write(spec, "two", 2);
    EXPECT_EQ(content_of(folder_ / "two"), one);
    write(spec, "five", 5);
    EXPECT_EQ(content_of(folder_ / "five"), one);
  }
}

TEST_F(SimulationFilesTest, PlantsExactlyWhatItSays) {
  const SimulationSpec spec = dirty();
  const SimulationFiles files = write(spec, "data", 2);
  ASSERT_EQ(files.raw.size(), 3U);
  std::map<std::string, PlantedTally> found;
  PlantedTally written;
  std::unordered_map<std::string, std::string> line_of_id;
  std::int64_t largest_id = -1;
  std::int64_t later_copies = 0;
  for (const auto& file : files.raw) {
    std::istringstream text(read_text(file));
    std::string line;
    std::getline(text, line);
    EXPECT_EQ(line + "\n", raw_header(spec.format));
    while (std::getline(text, line)) {
      const auto fields = split(line);
      const bool fraud = fields.size() == 9 && fields[7] == "1";
      const std::int64_t amount = fields.size() == 9 ? *parse_amount_minor(fields[4]) : 0;
      written.add(fraud, amount);
      const auto [first, is_new] = line_of_id.emplace(fields[0], line);
      std::string defect = defect_of(fields, spec);
      if (!is_new) {
        EXPECT_EQ(defect, "");  // Never two in a row.
        defect = first->second == line ? "duplicate_row" : "duplicate_id";
      }
      if (defect != "") found[defect].add(fraud, amount);
      if (is_new && defect != "not_a_number") {
        EXPECT_EQ(std::stoll(fields[0]), largest_id + 1);
      }
      if (is_new) ++largest_id;
      later_copies += !is_new && std::stoll(fields[0]) != largest_id;
      if (fields.size() == 9 && !fraud) {
        EXPECT_LE(amount, 220'00);
      }
    }
  }
  EXPECT_EQ(written, files.counts.written);
  EXPECT_GT(later_copies, 0);
  PlantedTally clean = written;
  for (const DefectRule& rule : defect_rules()) {
    const PlantedTally& planted = files.counts.defects[static_cast<std::size_t>(rule.defect)];
    const PlantedTally& seen = found[std::string(rule.id)];
    EXPECT_EQ(planted, seen) << rule.id;
    EXPECT_GT(planted.rows, 0) << rule.id;
    if (rule.fate == RowFate::kClean) continue;
    clean.rows -= seen.rows;
    clean.frauds -= seen.frauds;
    clean.amount_minor -= seen.amount_minor;
  }
  EXPECT_EQ(found.size(), kDefectCount);
  EXPECT_EQ(clean, files.counts.clean);

  const auto json = nlohmann::json::parse(read_text(folder_ / "data" / "truth" / "planted.json"));
  EXPECT_EQ(json["rows"], written.rows);
  EXPECT_EQ(json["frauds"], written.frauds);
  EXPECT_EQ(json["amount_minor"], written.amount_minor);
  EXPECT_EQ(json["defects"]["duplicate_row"], found["duplicate_row"].rows);
  EXPECT_EQ(json["clean"]["rows"], clean.rows);
}

TEST_F(SimulationFilesTest, PlantsAtTheRealRates) {
  SimulationSpec spec = dirty();
  spec.customers = 5'000;
  spec.days = 60;
  const SimulationFiles files = write(spec, "data", 2);
  const auto rows = static_cast<double>(files.counts.written.rows);
  for (const DefectRule& rule : defect_rules()) {
    if (rule.rate == 0) continue;
    const double share = rule.genuine_only ? 1 - 0.07 : 1;
    const double expected = rows * rule.rate * spec.defects * share;
    const auto planted =
        static_cast<double>(files.counts.defects[static_cast<std::size_t>(rule.defect)].rows);
    EXPECT_NEAR(planted, expected, 5 * std::sqrt(expected) + 0.05 * expected) << rule.id;
  }
}

TEST_F(SimulationFilesTest, NoDefectsMeansCleanRows) {
  SimulationSpec spec = dirty();
  spec.defects = 0;
  const SimulationFiles files = write(spec, "data", 2);
  EXPECT_EQ(files.counts.clean, files.counts.written);
  EXPECT_EQ(files.counts.quarantined, PlantedTally{});
  EXPECT_EQ(files.counts.defects[static_cast<std::size_t>(Defect::kTime24Repaired)],
            PlantedTally{});
}

class StopsAtOnce : public Progress {
 public:
  void update(std::uint64_t) override { throw Interrupted("interrupted"); }
};

TEST_F(SimulationFilesTest, AnInterruptionLeavesNothing) {
  StopsAtOnce progress;
  SimulationSpec spec = dirty();
  spec.customers = 100'000;
  EXPECT_THROW(write_simulation(Simulator(spec), folder_ / "data", 2, progress), Interrupted);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(SimulationFilesTest, AFullDiskIsAnErrorAndLeavesNothing) {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::string text;
  try {
    write(dirty(), "data", 2);
  } catch (const Error& error) {
    text = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(text, HasSubstr("2019-08-22.txt\": File too large; free some space"));
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(SimulationFilesTest, ReplacesItsOwnFilesOnly) {
  write(dirty(), "data", 1);
  write_text(folder_ / "data" / "clean" / "lake.parquet", "hours of work");
  SimulationSpec spec = dirty();
  spec.days = 1;
  write(spec, "data", 1);
  EXPECT_EQ(read_text(folder_ / "data" / "clean" / "lake.parquet"), "hours of work");
  EXPECT_FALSE(fs::exists(folder_ / "data" / "raw" / "2019-09-21.txt"));

  write_text(folder_ / "mine" / "raw" / "thesis.txt", "all my work");
  EXPECT_THROW(write(spec, "mine", 1), Error);
  EXPECT_EQ(read_text(folder_ / "mine" / "raw" / "thesis.txt"), "all my work");
}

}  // namespace
}  // namespace weir::files
