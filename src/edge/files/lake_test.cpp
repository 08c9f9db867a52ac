#include "edge/files/lake.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "core/transaction/calendar.h"
#include "core/transaction/hash.h"

namespace weir::files {
namespace {
namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr Seconds kStart = 1'566'432'000;  // 2019-08-22

class Lake : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  /// Three days of hashed payments, some with extreme values.
  static PaymentColumns make_rows(bool labelled) {
    PaymentColumns rows;
    for (std::int64_t i = 0; i < 3000; ++i) {
      const std::uint64_t chance = hash64(1, static_cast<std::uint64_t>(i));
      const Payment payment{
          i * 7, kStart + i * kSecondsPerDay / 1000, static_cast<std::int64_t>(chance % 1000),
          i == 5 ? INT64_MAX : static_cast<std::int64_t>(chance % 17),
          i == 9 ? 10'000'000'000'000 : static_cast<std::int64_t>(chance % 10'000)};
      const auto scenario = static_cast<std::int8_t>(chance % 4);
      if (labelled) {
        rows.push_back(payment, {static_cast<std::int8_t>(scenario != 0), scenario});
      } else {
        rows.push_back(payment);
      }
    }
    return rows;
  }

  void write_lake(const std::string& location, const PaymentColumns& rows) const {
    LakeWriter lake(location, rows.view().has_labels());
    for (std::size_t day = 0; day < 3; ++day) {
      lake.write_day(rows.view().slice(day * 1000, day * 1000 + 1000));
    }
    lake.commit("{}\n");
  }

  static void expect_equal(const PaymentColumns& left, const PaymentColumns& right) {
    EXPECT_EQ(left.transaction_id, right.transaction_id);
    EXPECT_EQ(left.event_time, right.event_time);
    EXPECT_EQ(left.customer_id, right.customer_id);
    EXPECT_EQ(left.terminal_id, right.terminal_id);
    EXPECT_EQ(left.amount_minor, right.amount_minor);
    EXPECT_EQ(left.is_fraud, right.is_fraud);
    EXPECT_EQ(left.fraud_scenario, right.fraud_scenario);
  }

  std::string lake() const { return (root_ / "lake").string(); }

  Progress silent_;
  const fs::path root_ =
      fs::path(testing::TempDir()) /
      fmt::format(
          "weir-{}-{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(Lake, ReadsBackWhatWasWritten) {
  for (const bool labelled : {true, false}) {
    const PaymentColumns rows = make_rows(labelled);
    write_lake(lake(), rows);
    for (const int threads : {1, 2}) {
      expect_equal(read_lake(lake(), std::nullopt, std::nullopt, threads, silent_), rows);
    }
  }
  EXPECT_TRUE(fs::exists(root_ / "lake/clean/date=2019-08-24/part-0.parquet"));
  EXPECT_TRUE(fs::exists(root_ / "lake/reports/clean.json"));
}

TEST_F(Lake, PeriodIsHalfOpenToTheSecond) {
  const PaymentColumns rows = make_rows(true);
  write_lake(lake(), rows);
  const Seconds from = rows.event_time[1500];
  const Seconds to = rows.event_time[2500];
  const PaymentColumns part = read_lake(lake(), from, to, 2, silent_);
  EXPECT_EQ(part.event_time.front(), from);
  EXPECT_EQ(part.event_time.back(), rows.event_time[2499]);
  EXPECT_EQ(part.size(), 1000u);
}

TEST_F(Lake, UnsortedFilesOfOtherWritersComeOutSorted) {
  const PaymentColumns rows = make_rows(true);
  const fs::path folder = root_ / "lake/clean/date=2019-08-22";
  fs::create_directories(folder);
  for (const int part : {1, 0}) {  // The later rows are in the first file.
    PaymentFileWriter writer(folder / (part == 1 ? "a.parquet" : "b.parquet"), true);
    const auto half = static_cast<std::size_t>(part) * 500;
    writer.append(rows.view().slice(half, half + 500));
    writer.close();
  }
  std::ofstream(folder / "_SUCCESS");
  const PaymentColumns sorted = read_lake(lake(), std::nullopt, std::nullopt, 1, silent_);
  EXPECT_EQ(sorted.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(sorted.event_time.begin(), sorted.event_time.end()));
  EXPECT_EQ(sorted.amount_minor[9], 10'000'000'000'000);
}

TEST_F(Lake, TheSameRowsGiveTheSameBytes) {
  const PaymentColumns rows = make_rows(true);
  for (const char* name : {"a", "b"}) write_lake((root_ / name).string(), rows);
  const std::string file = "clean/date=2019-08-23/part-0.parquet";
  EXPECT_EQ(read_text(root_ / "a" / file), read_text(root_ / "b" / file));
}

TEST_F(Lake, KeepsTheOldOneUntilCommitAndRawForEver) {
  const PaymentColumns rows = make_rows(true);
  write_text(root_ / "lake/raw/day.txt", "raw");
  write_lake(lake(), rows);
  {
    const LakeWriter abandoned(lake(), true);
    abandoned.write_day(rows.view().slice(0, 10));
  }
  EXPECT_EQ(read_lake(lake(), std::nullopt, std::nullopt, 1, silent_).size(), rows.size());
  EXPECT_EQ(read_text(root_ / "lake/raw/day.txt"), "raw");
  EXPECT_EQ(std::distance(fs::directory_iterator(root_ / "lake"), fs::directory_iterator()), 4);
}

TEST_F(Lake, AFailedFirstRunLeavesNothing) {
  {
    const LakeWriter abandoned(lake(), true);
  }
  EXPECT_FALSE(fs::exists(root_ / "lake"));
}

TEST_F(Lake, MissingAndEmptyLakesAreErrorsWithTheWayOut) {
  const auto read = [&] { read_lake(lake(), std::nullopt, std::nullopt, 1, silent_); };
  EXPECT_THAT(read, ThrowsMessage<Error>(AllOf(HasSubstr("lake\" does not exist"),
                                               HasSubstr("weir clean INPUT --out LAKE"))));
  fs::create_directories(root_ / "lake");
  EXPECT_THAT(read, ThrowsMessage<Error>(HasSubstr("has no folder clean/")));
  fs::create_directories(root_ / "lake/clean");
  EXPECT_THAT(read, ThrowsMessage<Error>(HasSubstr("holds no Parquet file")));
  write_lake(lake(), make_rows(true));
  EXPECT_THAT([&] { read_lake(lake(), parse_date("2020-01-01"), std::nullopt, 1, silent_); },
              ThrowsMessage<Error>(AllOf(HasSubstr("no payment in [2020-01-01, …)"),
                                         HasSubstr("covers 2019-08-22 to 2019-08-24"))));
}

TEST_F(Lake, OnlyTheFilesOfTheNewestManifestAreSeen) {
  const PaymentColumns rows = make_rows(true);
  write_lake(root_ / "lake", rows);
  fs::rename(root_ / "lake/clean", root_ / "lake/data");
  const auto publish = [&](const char* number, const std::vector<std::string>& days) {
    std::string files;
    for (const std::string& day : days) {
      files += fmt::format("{}{{\"path\": \"data/date={}/part-0.parquet\"}}",
                           files.empty() ? "" : ", ", day);
    }
    fs::create_directories(root_ / "lake/manifests");
    std::ofstream(root_ / "lake/manifests" / number)
        << "{\"format\": \"weir-lake-1\", \"files\": [" << files << "]}";
  };
  Progress silent;
  const auto read = [&] {
    return read_lake((root_ / "lake").string(), std::nullopt, std::nullopt, 1, silent).size();
  };
  publish("0000000001.json", {"2019-08-22"});
  EXPECT_EQ(read(), 1000u);
  publish("0000000002.json", {"2019-08-22", "2019-08-24"});
  EXPECT_EQ(read(), 2000u);
  EXPECT_THAT([&] { write_lake(root_ / "lake", rows); },
              ThrowsMessage<Error>(HasSubstr("lake of published states")));
  std::ofstream(root_ / "lake/manifests/0000000003.json") << "{}";
  EXPECT_THAT(
      read, ThrowsMessage<Error>(AllOf(HasSubstr("0000000003.json"), HasSubstr("is no manifest"))));
}

TEST_F(Lake, DamagedParquetIsAnErrorWithItsName) {
  write_lake(lake(), make_rows(true));
  const fs::path file = root_ / "lake/clean/date=2019-08-23/part-0.parquet";
  const auto read = [&] { read_lake(lake(), std::nullopt, std::nullopt, 2, silent_); };
  fs::resize_file(file, fs::file_size(file) / 2);
  EXPECT_THAT(read, ThrowsMessage<Error>(AllOf(HasSubstr("2019-08-23/part-0.parquet"),
                                               HasSubstr("damaged or no Parquet"))));
  std::ofstream(file) << "not parquet at all";
  EXPECT_THAT(read, ThrowsMessage<Error>(HasSubstr("damaged or no Parquet")));
}

TEST_F(Lake, FlippedBytesNeverCrash) {
  write_lake(lake(), make_rows(true));
  const fs::path file = root_ / "lake/clean/date=2019-08-23/part-0.parquet";
  const std::string good = read_text(file);
  for (std::uint64_t i = 0; i < 200; ++i) {
    std::string bad = good;
    bad[hash64(2, i) % bad.size()] ^= static_cast<char>(1 + hash64(3, i) % 255);
    std::ofstream(file, std::ios::binary) << bad;
    try {
      read_lake(lake(), std::nullopt, std::nullopt, 1, silent_);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("part-0.parquet"));
    }
  }
}

TEST_F(Lake, AFullDiskIsAnErrorWithThePath) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  const PaymentColumns rows = make_rows(true);
  EXPECT_THAT(
      [&] {
        PaymentFileWriter writer("/dev/full", true);
        writer.append(rows.view());
        writer.close();
      },
      ThrowsMessage<Error>(AllOf(HasSubstr("cannot write \"/dev/full\""), HasSubstr("No space"))));
}

TEST_F(Lake, AForeignFolderIsNotReplaced) {
  write_text(root_ / "lake/clean/thesis.txt", "x");
  EXPECT_THAT([&] { const LakeWriter lake(this->lake(), true); },
              ThrowsMessage<Error>(HasSubstr("holds files that weir did not write")));
  EXPECT_TRUE(fs::exists(root_ / "lake/clean/thesis.txt"));
}

}  // namespace
}  // namespace weir::files
