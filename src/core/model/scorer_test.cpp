#include "core/model/scorer.h"

#include <gmock/gmock.h>

#include <bit>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "core/model/test_booster.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr ScorerKind kKinds[] = {ScorerKind::kNaive, ScorerKind::kPortable, ScorerKind::kAvx2,
                                 ScorerKind::kVbmi, ScorerKind::kEmulated};

void expect_same_bits(const std::vector<float>& got,
                      const std::vector<float>& expected,
                      const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t r = 0; r < got.size(); ++r) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(got[r]), std::bit_cast<std::uint32_t>(expected[r]))
        << what << " row " << r << ": " << got[r] << " and " << expected[r];
  }
}

/// One row at a time and in batches of every size up to 40, by every kind this processor runs.
void expect_all_kinds_equal(const Forest& forest,
                            const TestRows& data,
                            const std::vector<float>& expected) {
  for (const ScorerKind kind : kKinds) {
    if (!Scorer::available(kind)) continue;
    const Scorer scorer(forest, kind);
    const std::string what = fmt::format("{} as {}", name(kind), name(scorer.kind()));
    std::vector<float> got(data.size());
    for (std::size_t r = 0; r < data.size(); ++r) got[r] = scorer.margin(data.row(r));
    expect_same_bits(got, expected, what + ", one by one");
    std::fill(got.begin(), got.end(), 0.0F);
    for (std::size_t r = 0, batch = 0; r < data.size(); r += batch) {
      batch = std::min(batch % 40 + 1, data.size() - r);
      scorer.margins(data.row(r), batch, got.data() + r);
    }
    expect_same_bits(got, expected, what + ", in batches");
  }
}

/// Values where a scorer may slip: the thresholds themselves, their neighbours, infinities, zeros
/// of both signs, the smallest and largest floats.
TestRows edge_rows(const Forest& forest, std::size_t rows, std::uint64_t seed) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> values = {0.0F,
                               -0.0F,
                               std::numeric_limits<float>::denorm_min(),
                               -std::numeric_limits<float>::denorm_min(),
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::lowest(),
                               kInfinity,
                               -kInfinity,
                               std::numeric_limits<float>::quiet_NaN()};
  for (std::size_t t = 0; t < forest.tree_count(); ++t) {
    for (const ForestNode& node : forest.tree(t)) {
      values.push_back(node.value);
      values.push_back(std::nextafter(node.value, kInfinity));
      values.push_back(std::nextafter(node.value, -kInfinity));
    }
  }
  TestChance chance(seed);
  TestRows result;
  result.features = forest.feature_count();
  for (std::size_t i = 0; i < rows * result.features; ++i) {
    result.values.push_back(values[chance.bits() % values.size()]);
  }
  return result;
}

struct Case {
  const char* name;
  std::size_t features;
  double missing;
  int rounds;
  TestBooster::Parameters parameters;
  ScorerKind emulated_becomes = ScorerKind::kEmulated;
};

class EqualsXgboost : public ::testing::TestWithParam<Case> {};

TEST_P(EqualsXgboost, ToTheBit) {
  const Case& model = GetParam();
  const TestBooster booster = TestBooster::train(test_rows(1500, model.features, model.missing, 11),
                                                 model.parameters, model.rounds);
  const Forest forest = Forest::parse(booster.save("ubj"), "m.ubj");
  EXPECT_EQ(Scorer(forest, ScorerKind::kEmulated).kind(), model.emulated_becomes);
  for (const double missing : {0.0, 0.15, 1.0}) {
    const TestRows fresh = test_rows(400, model.features, missing, 12);
    expect_all_kinds_equal(forest, fresh, booster.margins(fresh));
  }
  // XGBoost takes no infinities, so the naive scorer stands in for it here.
  const TestRows edges = edge_rows(forest, 400, 13);
  const Scorer naive(forest, ScorerKind::kNaive);
  std::vector<float> expected(edges.size());
  naive.margins(edges.values.data(), edges.size(), expected.data());
  expect_all_kinds_equal(forest, edges, expected);
}

INSTANTIATE_TEST_SUITE_P(
    Models,
    EqualsXgboost,
    ::testing::Values(
        Case{"stumps", 3, 0.15, 20, {{"max_depth", "1"}}},
        Case{"depth2", 5, 0.0, 20, {{"max_depth", "2"}}},
        Case{"depth6", 32, 0.15, 60, {{"max_depth", "6"}, {"max_bin", "256"}}},
        Case{"trained_without_missing", 32, 0.0, 60, {{"max_depth", "6"}, {"max_bin", "256"}}},
        Case{"inputs33", 33, 0.15, 40, {{"max_depth", "6"}}},
        Case{"inputs64", 64, 0.15, 60, {{"max_depth", "6"}}},
        Case{"mostly_missing", 17, 0.9, 30, {{"max_depth", "5"}}},
        Case{"lossguide",
             16,
             0.15,
             30,
             {{"max_depth", "6"}, {"grow_policy", "lossguide"}, {"max_leaves", "20"}}},
        Case{"no_splits", 4, 0.15, 3, {{"gamma", "1000000"}}},
        Case{"some_empty_trees", 6, 0.15, 60, {{"max_depth", "4"}, {"gamma", "6"}, {"eta", "0.9"}}},
        Case{"base_score", 4, 0.15, 5, {{"base_score", "0.031"}}},
        Case{"random_forest",
             10,
             0.15,
             4,
             {{"max_depth", "5"}, {"num_parallel_tree", "5"}, {"subsample", "0.5"}}},
        Case{"inputs65", 80, 0.15, 40, {{"max_depth", "6"}}, ScorerKind::kPortable},
        Case{"bins1024",
             2,
             0.15,
             120,
             {{"max_depth", "6"}, {"max_bin", "1024"}},
             ScorerKind::kPortable},
        Case{"depth7", 12, 0.15, 20, {{"max_depth", "7"}}, ScorerKind::kPortable},
        Case{"depth10",
             12,
             0.15,
             20,
             {{"max_depth", "10"}, {"min_child_weight", "0"}},
             ScorerKind::kPortable},
        Case{"depth14",
             12,
             0.15,
             10,
             {{"max_depth", "14"}, {"min_child_weight", "0"}, {"eta", "1"}},
             ScorerKind::kNaive},
        Case{"inputs300",
             300,
             0.0,
             80,
             {{"max_depth", "5"}, {"colsample_bytree", "0.1"}},
             ScorerKind::kNaive}),
    [](const auto& case_info) { return case_info.param.name; });

/// Models of every XGBoost a release of weir was made with stay readable. A file each: the model as
/// JSON and as UBJ, and rows of inputs with XGBoost's margin, all float32 as hexadecimal bits.
TEST(Scorer, ReadsTheModelsOfAllReleases) {
  for (const std::string version : {"3.2.0"}) {
    const std::string stem = WEIR_SOURCE_DIR "/tests/data/forest_xgboost_" + version;
    const auto read = [](const std::string& path) {
      std::ifstream file(path, std::ios::binary);
      EXPECT_TRUE(file) << path;
      return std::string(std::istreambuf_iterator<char>(file), {});
    };
    const Forest forest = Forest::parse(read(stem + ".ubj"), stem);
    EXPECT_EQ(Forest::parse(read(stem + ".json"), stem), forest);
    TestRows rows{.features = forest.feature_count(), .values = {}, .labels = {}};
    std::vector<float> margins;
    std::istringstream table(read(stem + "_margins.csv"));
    std::string cell;
    std::getline(table, cell);  // The comment.
    for (std::string line; std::getline(table, line);) {
      std::istringstream cells(line);
      while (std::getline(cells, cell, ',')) {
        rows.values.push_back(
            std::bit_cast<float>(static_cast<std::uint32_t>(std::stoul(cell, nullptr, 16))));
      }
      margins.push_back(rows.values.back());
      rows.values.pop_back();
    }
    EXPECT_EQ(rows.size(), 64);
    expect_all_kinds_equal(forest, rows, margins);
  }
}

TEST(Scorer, OfAForestWithoutTreesGivesTheBaseMargin) {
  const Forest forest = Forest::parse_json(
      R"({"learner":{"gradient_booster":{"model":{"gbtree_model_param":{"num_trees":"0"},"trees":[]},)"
      R"("name":"gbtree"},"learner_model_param":{"base_score":"[1.25E-1]","num_class":"0",)"
      R"("num_feature":"2"},"objective":{"name":"binary:logistic"}}})",
      "empty");
  const TestRows rows{.features = 2, .values = {1, 2, 3, 4}, .labels = {}};
  expect_all_kinds_equal(forest, rows, {-std::log(7.0F), -std::log(7.0F)});
}

TEST(Scorer, RefusesInstructionsThisProcessorLacks) {
  const TestBooster booster = TestBooster::train(test_rows(100, 3, 0, 1), {}, 1);
  const Forest forest = Forest::parse(booster.save("ubj"), "m.ubj");
  for (const ScorerKind kind : {ScorerKind::kAvx2, ScorerKind::kVbmi}) {
    if (Scorer::available(kind)) continue;
    try {
      Scorer scorer(forest, kind);
      FAIL();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr(fmt::format("scorer \"{}\"", name(kind))));
    }
  }
  EXPECT_NE(Scorer(forest).kind(), ScorerKind::kAuto);
}

TEST(Scorer, RunsTheRealVbmiInstructions) {
  if (!Scorer::available(ScorerKind::kVbmi)) {
    GTEST_SKIP() << "this processor has no AVX-512 VBMI: its kernel ran emulated only";
  }
  const TestBooster booster = TestBooster::train(test_rows(1000, 32, 0.15, 1), {}, 20);
  const Forest forest = Forest::parse(booster.save("ubj"), "m.ubj");
  EXPECT_EQ(Scorer(forest).kind(), ScorerKind::kVbmi);
}

}  // namespace
}  // namespace weir
