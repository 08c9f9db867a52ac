#include "edge/training/booster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/transaction/hash.h"

namespace weir::training {
namespace {

struct Table {
  FeatureMatrix features;
  std::vector<std::int8_t> is_fraud;
};

/// Five columns, some values missing; fraud follows the first two.
Table random_table(std::size_t rows) {
  Table table{FeatureMatrix(rows, 5), {}};
  for (std::size_t row = 0; row < rows; ++row) {
    double score = -4;
    for (std::size_t column = 0; column < 5; ++column) {
      const std::uint64_t bits = hash64(7, row, column);
      const double value = 4 * unit_interval(bits) - 2;
      if (column < 2) score += 1.5 * value;
      table.features.column(column)[row] =
          bits % 11 == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(value);
    }
    table.is_fraud.push_back(unit_interval(hash64(8, row)) < 1 / (1 + std::exp(-score)) ? 1 : 0);
  }
  return table;
}

std::string grown(const Table& table, RowRange rows, int threads, const BoosterParameters& chosen) {
  const BinnedRows binned(table.features, table.is_fraud, rows, 256, threads);
  Booster booster(binned, nullptr, chosen, 0.03, 1, threads);
  for (int round = 0; round < 8; ++round) booster.grow();
  return booster.to_ubj(7);
}

TEST(Booster, ThreadsDoNotChangeTheBytes) {
  const Table table = random_table(20'000);
  BoosterParameters parameters;
  for (const double share : {1.0, 0.7}) {
    parameters.subsample = parameters.colsample = share;
    const std::string one = grown(table, {0, 20'000}, 1, parameters);
    EXPECT_TRUE(grown(table, {0, 20'000}, 1, parameters) == one);
    EXPECT_TRUE(grown(table, {0, 20'000}, 2, parameters) == one);
    EXPECT_TRUE(grown(table, {0, 20'000}, 3, parameters) == one);
  }
}

TEST(Booster, TakesTheRowsItWasGiven) {
  const Table table = random_table(20'000);
  Table part{FeatureMatrix(5'000, 5), {}};
  for (std::size_t column = 0; column < 5; ++column) {
    const auto values = table.features.column(column).subspan(10'000, 5'000);
    std::copy(values.begin(), values.end(), part.features.column(column).begin());
  }
  part.is_fraud.assign(table.is_fraud.begin() + 10'000, table.is_fraud.begin() + 15'000);
  EXPECT_TRUE(grown(table, {10'000, 15'000}, 1, {}) == grown(part, {0, 5'000}, 1, {}));
}

TEST(Booster, MarginsOfBinnedRowsAreThoseOfTheColumns) {
  const Table table = random_table(20'000);
  const BinnedRows training(table.features, table.is_fraud, {0, 12'000}, 256, 1);
  const BinnedRows validation(table.features, table.is_fraud, {12'000, 20'000}, 256, 1, &training);
  Booster booster(training, &validation, {}, 0.03, 1, 1);
  std::vector<float> margins;
  for (int round = 0; round < 20; ++round) {
    booster.grow();
    const auto current = booster.validation_margins();
    margins.assign(current.begin(), current.end());
  }
  EXPECT_EQ(xgboost_margins(booster.to_ubj(20), table.features, {12'000, 20'000}, 2), margins);
}

}  // namespace
}  // namespace weir::training
