#include "edge/training/training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>

#include "core/decision/policy.h"
#include "core/model/forest.h"
#include "core/model/scorer.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir::training {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr Seconds kDelay = 7 * kSecondsPerDay;
constexpr std::size_t kDays = 40;
constexpr std::size_t kRowsPerDay = 500;

struct Table {
  PaymentColumns payments;
  FeatureSpec spec = FeatureSpec::builtin("handbook");
  FeatureMatrix features;
};

/// 40 days from 2019-08-22; fraud follows the first two columns.
Table random_table() {
  Table table;
  constexpr std::size_t kRows = kDays * kRowsPerDay;
  table.features = FeatureMatrix(kRows, table.spec.size());
  for (std::size_t row = 0; row < kRows; ++row) {
    double score = -4;
    for (std::size_t column = 0; column < table.spec.size(); ++column) {
      const double value = 4 * unit_interval(hash64(7, row, column)) - 2;
      if (column < 2) score += 1.5 * value;
      table.features.column(column)[row] = static_cast<float>(value);
    }
    const bool fraud = unit_interval(hash64(8, row)) < 1 / (1 + std::exp(-score));
    const auto id = static_cast<std::int64_t>(row);
    const Seconds time = *parse_date("2019-08-22") + id * kSecondsPerDay / kRowsPerDay;
    table.payments.push_back(Payment{id, time, id % 97, id % 13, 100},
                             {static_cast<std::int8_t>(fraud), 0});
  }
  return table;
}

TrainingSettings quick() {
  TrainingSettings settings;
  settings.rounds = 30;
  settings.early_stopping_rounds = 5;
  settings.parameters.depth = 3;
  return settings;
}

TrainingResult train_on(const Table& table, const TrainingSettings& settings) {
  Progress progress;
  return train(table.payments.view(), table.features, table.spec, kDelay, settings, progress);
}

TEST(Training, TwoRunsAndTwoThreadsGiveTheSameBytes) {
  const Table table = random_table();
  TrainingSettings settings = quick();
  settings.rounds = 6;
  settings.search = 1;
  settings.refit = true;
  settings.parameters.subsample = settings.parameters.colsample = 0.7;
  const BundleFiles files = bundle_files(train_on(table, settings).bundle);
  // Not EXPECT_EQ: it would print the bytes.
  EXPECT_TRUE(bundle_files(train_on(table, settings).bundle) == files);
  settings.threads = 2;
  EXPECT_TRUE(bundle_files(train_on(table, settings).bundle) == files);
  settings.seed = 2;
  settings.threads = 1;
  EXPECT_FALSE(bundle_files(train_on(table, settings).bundle) == files);
}

TEST(Training, LearnsWhatThereIsToLearn) {
  const Table table = random_table();
  const TrainingResult result = train_on(table, quick());
  EXPECT_GT(result.trials[0].average_precision, 0.25);  // 0.065 by chance.
  EXPECT_GT(result.metrics.roc_auc, 0.8);
  EXPECT_LT(result.metrics.calibration_error, 0.03);
  const Policy policy = Policy::parse(result.bundle.policy_toml, "policy.toml");
  EXPECT_LE(policy.expected_false_positive_rate, TrainingSettings().false_positive_rate);
  EXPECT_LT(result.metrics.false_negative_rate, 0.95);
}

TEST(Training, OurScorerGivesTheMarginsTheMetricsStandOn) {
  const Table table = random_table();
  const TrainingResult result = train_on(table, quick());
  const Forest forest = Forest::parse_ubj(result.bundle.forest_ubj, "forest.ubj");
  EXPECT_EQ(forest.tree_count(), static_cast<std::size_t>(result.trials[0].rounds));
  const Scorer scorer(forest, ScorerKind::kNaive);
  const TrainingSplit split = split_by_time(table.payments.view(), kDelay, quick());
  std::vector<float> margins;
  std::vector<std::int8_t> labels;
  std::vector<float> row(table.spec.size());
  for (std::size_t at = split.validation.begin; at < split.validation.end; ++at) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      row[column] = table.features.column(column)[at];
    }
    margins.push_back(scorer.margin(row.data()));
    labels.push_back(table.payments.is_fraud[at]);
  }
  EXPECT_EQ(Ranking(margins, labels).average_precision(), result.trials[0].average_precision);
  EXPECT_EQ(Calibration::fit(margins, labels), result.bundle.calibration);
}

TEST(Training, TrainsOnNothingThatWasUnknownWhenValidationBegan) {
  Table table = random_table();
  const TrainingSettings settings = quick();
  const TrainingSplit split = split_by_time(table.payments.view(), kDelay, settings);
  // 40 days: validation is the last 8, training ends 7 days before.
  EXPECT_EQ(format_date(split.validation_period.from), "2019-09-23");
  EXPECT_EQ(format_date(split.training_period.to), "2019-09-16");
  EXPECT_EQ(split.training.size(), 25 * kRowsPerDay);
  EXPECT_EQ(split.validation.size(), 8 * kRowsPerDay);
  const std::string forest = train_on(table, settings).bundle.forest_ubj;
  for (std::size_t row = split.training.end; row < split.validation.begin; ++row) {
    table.payments.is_fraud[row] = static_cast<std::int8_t>(hash64(1, row) & 1);
  }
  EXPECT_TRUE(train_on(table, settings).bundle.forest_ubj == forest);
}

TEST(Training, RefitLearnsFromAllThatIsKnownInTheEnd) {
  Table table = random_table();
  TrainingSettings settings = quick();
  const TrainingResult plain = train_on(table, settings);
  settings.refit = true;
  const TrainingResult refit = train_on(table, settings);
  EXPECT_EQ(refit.bundle.manifest.training.rows, kDays * kRowsPerDay);
  EXPECT_EQ(refit.bundle.manifest.training.to, refit.bundle.manifest.validation.to);
  EXPECT_EQ(refit.bundle.calibration, plain.bundle.calibration);
  EXPECT_FALSE(refit.bundle.forest_ubj == plain.bundle.forest_ubj);
  EXPECT_EQ(refit.bundle.manifest.labels_known_at, refit.bundle.manifest.validation.to + kDelay);
}

TEST(Training, ASearchIsNeverWorseThanWhereItStarted) {
  const Table table = random_table();
  TrainingSettings settings = quick();
  settings.search = 4;
  const TrainingResult result = train_on(table, settings);
  ASSERT_EQ(result.trials.size(), 5U);
  EXPECT_EQ(result.trials[0].parameters, settings.parameters);
  for (const SearchTrial& trial : result.trials) {
    EXPECT_LE(trial.average_precision, result.trials[result.chosen].average_precision);
  }
}

TEST(Training, TheCardSaysWhatAValidatorAsks) {
  const TrainingResult result = train_on(random_table(), quick());
  EXPECT_THAT(result.bundle.card,
              AllOf(HasSubstr("known 7d after its payment"), HasSubstr("## Limits"),
                    HasSubstr("| training | 2019-08-22 00:00:00 | 2019-09-16 00:00:00 | 12500 |"),
                    HasSubstr(result.bundle.features.names()[0]),
                    HasSubstr(result.bundle.features.fingerprint())));
}

class GrownElsewhere : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(folder_);
    trained_ = train_on(table_, quick());
    write("forest.ubj", trained_->bundle.forest_ubj);
    write("forest.json",
          R"({"train_from": "2019-08-22", "train_to": "2019-09-16", "rows": 12500, "frauds": 900,)"
          R"( "parameters": {"max_depth": 3, "genuine_sample": 10}, "xgboost": "3.2.0"})");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const char* name, const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
  }
  TrainingResult adopt_it(const TrainingSettings& settings) const {
    return adopt(read_grown_forest(folder_ / "forest.ubj"), table_.payments.view(), table_.features,
                 table_.spec, kDelay, settings);
  }

  Table table_ = random_table();
  std::filesystem::path folder_;
  std::optional<TrainingResult> trained_;
};

TEST_F(GrownElsewhere, IsJudgedAsOneGrownHere) {
  const Bundle adopted = adopt_it(quick()).bundle;
  const Bundle& own = trained_->bundle;
  EXPECT_EQ(adopted.calibration, own.calibration);
  EXPECT_EQ(adopted.policy_toml, own.policy_toml);
  EXPECT_EQ(adopted.metrics_json, own.metrics_json);
  EXPECT_TRUE(adopted.reference_json == own.reference_json);
  EXPECT_EQ(adopted.manifest.validation, own.manifest.validation);
  EXPECT_EQ(adopted.manifest.training.rows, 12'500u);
  EXPECT_EQ(adopted.manifest.parameters.at("genuine_sample"), 10);
  EXPECT_EQ(adopted.manifest.parameters.at("rounds"), own.manifest.parameters.at("rounds"));
}

TEST_F(GrownElsewhere, IsNotJudgedOnWhatItCouldNotHaveKnown) {
  TrainingSettings settings = quick();
  settings.valid_from = parse_date("2019-09-22");
  EXPECT_THAT([&] { adopt_it(settings); },
              ThrowsMessage<UsageError>(HasSubstr("set --valid-from to 2019-09-23 00:00:00")));
}

TEST_F(GrownElsewhere, MustHaveTheTablesInputs) {
  table_.spec = FeatureSpec::builtin("weir");
  table_.features = FeatureMatrix(table_.payments.size(), table_.spec.size());
  EXPECT_THAT([&] { adopt_it(quick()); }, ThrowsMessage<Error>(HasSubstr("same feature table")));
}

TEST_F(GrownElsewhere, SaysWhatItsOriginLacks) {
  write("forest.json", R"({"train_from": "2019-08-22", "train_to": "soon"})");
  EXPECT_THAT([&] { adopt_it(quick()); },
              ThrowsMessage<Error>(AllOf(HasSubstr("forest.json"), HasSubstr("train_to"),
                                         HasSubstr("\"soon\" is no date"))));
  write("forest.json", R"({"train_from": "2019-08-22", "train_to": "2019-09-16"})");
  EXPECT_THAT([&] { adopt_it(quick()); }, ThrowsMessage<Error>(HasSubstr("'rows' not found")));
  std::filesystem::remove(folder_ / "forest.json");
  EXPECT_THAT([&] { adopt_it(quick()); }, ThrowsMessage<Error>(HasSubstr("cannot be read")));
}

TEST(Training, SaysWhatNothingCanBeLearnedFrom) {
  Table table = random_table();
  const auto training = [&](TrainingSettings settings) {
    return [&table, settings] { train_on(table, settings); };
  };
  TrainingSettings settings = quick();
  settings.train_to = parse_date("2019-09-20");
  EXPECT_THAT(training(settings),
              ThrowsMessage<UsageError>(HasSubstr("labels come 7d after the payment; set "
                                                  "--train-to to 2019-09-16 or earlier")));
  settings = quick();
  settings.valid_from = parse_date("2019-08-25");
  EXPECT_THAT(training(settings), ThrowsMessage<Error>(HasSubstr("no label is known")));
  settings = quick();
  settings.train_from = parse_date("2018-01-01");
  settings.train_to = parse_date("2018-02-01");
  EXPECT_THAT(training(settings),
              ThrowsMessage<Error>(HasSubstr("the training period 2018-01-01 00:00:00 to "
                                             "2018-02-01 00:00:00 has no payments")));
  settings = quick();
  settings.parameters.eta = 2;
  EXPECT_THAT(training(settings), ThrowsMessage<UsageError>(HasSubstr("--eta is 2, wanted")));

  std::fill(table.payments.is_fraud.begin() + 25 * kRowsPerDay, table.payments.is_fraud.end(), 0);
  EXPECT_THAT(training(quick()),
              ThrowsMessage<Error>(HasSubstr("the validation period 2019-09-23 00:00:00 to "
                                             "2019-10-01 00:00:00 has no fraud")));
  std::fill(table.payments.is_fraud.begin(), table.payments.is_fraud.end(), 0);
  EXPECT_THAT(training(quick()),
              ThrowsMessage<Error>(AllOf(HasSubstr("the training period"),
                                         HasSubstr("has no fraud; give a longer table"))));
  table.payments.is_fraud.clear();
  EXPECT_THAT(training(quick()), ThrowsMessage<Error>(HasSubstr("has no labels")));
}

TEST(Training, StopsWhenAsked) {
  struct Impatient : Progress {
    void update(std::uint64_t done) override {
      if (done == 3) throw Interrupted("stop");
    }
  } progress;
  const Table table = random_table();
  EXPECT_THROW(train(table.payments.view(), table.features, table.spec, kDelay, quick(), progress),
               Interrupted);
}

}  // namespace
}  // namespace weir::training
