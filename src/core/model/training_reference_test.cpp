#include "core/model/training_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "core/transaction/error.h"

namespace weir {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TrainingReference sample() {
  const FeatureSpec spec = FeatureSpec::builtin("handbook");
  FeatureMatrix features(100, spec.size());
  for (std::size_t i = 0; i < spec.size(); ++i) {
    std::iota(features.column(i).begin(), features.column(i).end(), static_cast<float>(i));
  }
  std::vector<float> margins(50, -1.5F);
  margins[0] = 2.25F;
  return make_reference(spec, features, 50, 100, margins);
}

TEST(TrainingReference, BinsHoldAboutAsManyRowsEach) {
  std::vector<float> values(1000);
  std::iota(values.rbegin(), values.rend(), 0.0F);
  const ColumnReference column = make_reference("amount", values);
  EXPECT_THAT(column.edges, ElementsAre(100, 200, 300, 400, 500, 600, 700, 800, 900));
  EXPECT_EQ(column.rows, std::vector<std::int64_t>(10, 100));
  EXPECT_EQ(column.bin_of(-5), 0U);
  EXPECT_EQ(column.bin_of(99.5F), 0U);
  EXPECT_EQ(column.bin_of(100), 1U);
  EXPECT_EQ(column.bin_of(1e9F), 9U);
}

TEST(TrainingReference, AValueOfMostRowsHasABinOfItsOwn) {
  std::vector<float> values(95, 0.0F);
  values.insert(values.end(), {1, 2, 3, 4, 5});
  const ColumnReference column = make_reference("frauds", values);
  EXPECT_THAT(column.edges, ElementsAre(1));
  EXPECT_THAT(column.rows, ElementsAre(95, 5));
}

TEST(TrainingReference, OneValueGivesOneBin) {
  const ColumnReference column = make_reference("constant", std::vector<float>{7, 7});
  EXPECT_TRUE(column.edges.empty());
  EXPECT_THAT(column.rows, ElementsAre(2));
}

TEST(TrainingReference, ReadsBackWhatItWrites) {
  const TrainingReference reference = sample();
  EXPECT_THAT(reference.margin.rows, ElementsAre(49, 1));
  EXPECT_EQ(reference.inputs[0].edges.front(), 55);
  const FeatureSpec spec = FeatureSpec::builtin("handbook");
  EXPECT_EQ(TrainingReference::parse(reference.to_json(), "b", spec), reference);
}

TEST(TrainingReference, WhatIsWrongIsNamed) {
  const FeatureSpec spec = FeatureSpec::builtin("handbook");
  const auto parse = [&](std::string text) { TrainingReference::parse(text, "b/r.json", spec); };
  EXPECT_THAT([&] { parse("{"); }, ThrowsMessage<Error>(HasSubstr("\"b/r.json\": ")));
  EXPECT_THAT([&] { parse(R"({"margin":{"name":"margin","edges":[1],"rows":[1]},"inputs":[]})"); },
              ThrowsMessage<Error>(HasSubstr("margin has no usable bins")));
  EXPECT_THAT([&] { parse(R"({"margin":{"name":"margin","edges":[],"rows":[1]},"inputs":[]})"); },
              ThrowsMessage<Error>(HasSubstr("its inputs are not those of features.toml")));
}

}  // namespace
}  // namespace weir
