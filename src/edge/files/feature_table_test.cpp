#include "edge/files/feature_table.h"

#include <gmock/gmock.h>

#include <cstdint>
#include <filesystem>
#include <fstream>

#include "core/transaction/error.h"
#include "edge/files/lake.h"
#include "edge/files/staged.h"

namespace weir::files {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

class FeatureTableFile : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(root_);
    for (int i = 0; i < 1000; ++i) {
      payments_.push_back({i, 1'600'000'000 + i / 2, i % 7, i % 5, i * 13},
                          {static_cast<std::int8_t>(i % 3 == 0), static_cast<std::int8_t>(i % 4)});
    }
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(bool has_labels) {
    FeatureTableWriter writer(path_, spec_, 7 * kSecondsPerDay, has_labels);
    const FeatureMatrix features = compute_features(payments_.view(), spec_, 100);
    for (std::size_t begin = 0; begin < payments_.size(); begin += 300) {
      const std::size_t end = std::min(payments_.size(), begin + 300);
      FeatureMatrix chunk(300, spec_.size());
      for (std::size_t c = 0; c < spec_.size(); ++c) {
        const auto part = features.column(c).subspan(begin, end - begin);
        std::copy(part.begin(), part.end(), chunk.column(c).begin());
      }
      writer.write(payments_.view().slice(begin, end), chunk);
    }
    writer.commit();
  }

  FeatureSpec spec_ = FeatureSpec::builtin("weir");
  PaymentColumns payments_;
  Progress silent_;
  const std::filesystem::path root_ = std::filesystem::path(testing::TempDir()) /
                                      "weir_feature_table" /
                                      testing::UnitTest::GetInstance()->current_test_info()->name();
  const std::filesystem::path path_ = root_ / "features.parquet";
};

TEST_F(FeatureTableFile, ReadsBackWhatWasWritten) {
  write(true);
  const FeatureMatrix features = compute_features(payments_.view(), spec_, 100);
  const FeatureTable table = read_feature_table(path_, {}, {}, 2, silent_);
  EXPECT_EQ(table.spec.fingerprint(), spec_.fingerprint());
  EXPECT_EQ(table.spec.name(), "weir");
  EXPECT_EQ(table.label_delay, 7 * kSecondsPerDay);
  EXPECT_EQ(table.payments.transaction_id, payments_.transaction_id);
  EXPECT_EQ(table.payments.event_time, payments_.event_time);
  EXPECT_EQ(table.payments.customer_id, payments_.customer_id);
  EXPECT_EQ(table.payments.terminal_id, payments_.terminal_id);
  EXPECT_EQ(table.payments.amount_minor, payments_.amount_minor);
  EXPECT_EQ(table.payments.is_fraud, payments_.is_fraud);
  EXPECT_EQ(table.payments.fraud_scenario, payments_.fraud_scenario);
  for (std::size_t c = 0; c < spec_.size(); ++c) {
    EXPECT_TRUE(std::equal(features.column(c).begin(), features.column(c).end(),
                           table.features.column(c).begin()))
        << spec_.names()[c];
  }
}

TEST_F(FeatureTableFile, GivesOnlyThePeriodAsked) {
  write(true);
  const FeatureMatrix features = compute_features(payments_.view(), spec_, 100);
  const FeatureTable table = read_feature_table(path_, 1'600'000'100, 1'600'000'400, 2, silent_);
  ASSERT_EQ(table.payments.size(), 600u);
  EXPECT_EQ(table.payments.transaction_id.front(), 200);
  EXPECT_EQ(table.payments.is_fraud[1], payments_.is_fraud[201]);
  for (std::size_t c = 0; c < spec_.size(); ++c) {
    EXPECT_EQ(table.features.column(c)[599], features.column(c)[799]);
  }
  EXPECT_EQ(read_feature_table(path_, 0, 1, 1, silent_).payments.size(), 0u);
}

TEST_F(FeatureTableFile, WithoutLabelsTheirColumnsAreEmpty) {
  write(false);
  EXPECT_TRUE(read_feature_table(path_, {}, {}, 1, silent_).payments.is_fraud.empty());
}

TEST_F(FeatureTableFile, AppearsOnlyOnCommit) {
  {
    FeatureTableWriter writer(path_, spec_, 0, true);
    writer.write(payments_.view(), compute_features(payments_.view(), spec_, 0));
  }
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

TEST_F(FeatureTableFile, WhatIsNoFeatureTableIsAnError) {
  const auto read = [&] { read_feature_table(path_, {}, {}, 1, silent_); };
  EXPECT_THAT(read, ThrowsMessage<Error>(HasSubstr("features.parquet")));
  write_text(path_, "junk, long enough to look for a footer in");
  EXPECT_THAT(read, ThrowsMessage<Error>(AllOf(HasSubstr("features.parquet\" is damaged"),
                                               HasSubstr("make it again with `weir features`"))));
  std::filesystem::remove(path_);
  PaymentFileWriter writer(path_, true);
  writer.append(payments_.view());
  writer.close();
  EXPECT_THAT(read, ThrowsMessage<Error>(HasSubstr("the metadata weir.spec is missing")));
  write(true);
  std::string bytes = read_text(path_);
  bytes.at(bytes.size() / 2) = static_cast<char>(bytes.at(bytes.size() / 2) ^ 0x55);
  write_text(path_, bytes);
  EXPECT_THAT(read, ThrowsMessage<Error>(HasSubstr("features.parquet")));
}

}  // namespace
}  // namespace weir::files
