#include "core/model/forest.h"

#include <gmock/gmock.h>

#include <string>
#include <string_view>

#include "core/model/test_booster.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

/// A model of one stump, as XGBoost 3.2 writes it, to damage field by field.
constexpr std::string_view kStump =
    R"({"learner":{"attributes":{},"feature_names":["amount","hour"],"feature_types":["float","float"],)"
    R"("gradient_booster":{"model":{"cats":{"enc":[],"feature_segments":[],"sorted_idx":[]},)"
    R"("gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},"iteration_indptr":[0,1],)"
    R"("tree_info":[0],"trees":[{"base_weights":[0E0,-1E0,1E0],"categories":[],"categories_nodes":[],)"
    R"("categories_segments":[],"categories_sizes":[],"default_left":[1,0,0],"id":0,)"
    R"("left_children":[1,-1,-1],"loss_changes":[7E0,0E0,0E0],"parents":[2147483647,0,0],)"
    R"("right_children":[2,-1,-1],"split_conditions":[5E-1,-2.5E-1,7.5E-1],)"
    R"("split_indices":[1,0,0],"split_type":[0,0,0],"sum_hessian":[4E0,3E0,1E0],)"
    R"("tree_param":{"num_deleted":"0","num_feature":"2","num_nodes":"3","size_leaf_vector":"1"}}]},)"
    R"("name":"gbtree"},"learner_model_param":{"base_score":"[2.5E-1]","boost_from_average":"1",)"
    R"("num_class":"0","num_feature":"2","num_target":"1"},"objective":{"name":"binary:logistic",)"
    R"("reg_loss_param":{"scale_pos_weight":"1"}}},"version":[3,2,0]})";

std::string with(std::string_view from, std::string_view to) {
  std::string text(kStump);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string error_of(std::string_view bytes) {
  try {
    Forest::parse(bytes, "m.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Forest, ReadsAStump) {
  const Forest forest = Forest::parse_json(kStump, "m.json");
  EXPECT_EQ(forest.feature_count(), 2);
  EXPECT_THAT(forest.feature_names(), ::testing::ElementsAre("amount", "hour"));
  EXPECT_EQ(forest.tree_count(), 1);
  EXPECT_EQ(forest.depth(), 1);
  EXPECT_FLOAT_EQ(forest.base_margin(), -std::log(1 / 0.25F - 1));
  ASSERT_EQ(forest.tree(0).size(), 3);
  const ForestNode split{.left = 1,
                         .right = 2,
                         .feature = 1,
                         .value = 0.5F,
                         .cover = 4,
                         .gain = 7,
                         .missing_left = true};
  EXPECT_EQ(forest.tree(0)[0], split);
  EXPECT_EQ(forest.tree(0)[1], (ForestNode{.value = -0.25F, .cover = 3}));
  EXPECT_EQ(forest.tree(0)[2], (ForestNode{.value = 0.75F, .cover = 1}));
  EXPECT_THAT(forest.total_gain(), ::testing::ElementsAre(0, 7));
}

TEST(Forest, TakesBaseScoreAsANumberOrAList) {
  const Forest list = Forest::parse_json(kStump, "m.json");
  EXPECT_EQ(Forest::parse_json(with(R"("[2.5E-1]")", R"("2.5E-1")"), "m").base_margin(),
            list.base_margin());
  EXPECT_THAT(error_of(with(R"("[2.5E-1]")", R"("[1E-1,2E-1]")")),
              AllOf(HasSubstr("m.json"), HasSubstr("base_score"), HasSubstr("one class")));
  EXPECT_THAT(error_of(with(R"("[2.5E-1]")", R"("[2E0]")")), HasSubstr("between 0 and 1"));
  EXPECT_THAT(error_of(with(R"("[2.5E-1]")", R"("a")")), HasSubstr("wanted a number"));
}

TEST(Forest, NamesThePlaceOfWhatIsWrong) {
  const struct {
    std::string_view from, to, place, text;
  } cases[] = {
      {"binary:logistic", "reg:squarederror", "learner.objective.name",
       "wanted \"binary:logistic\""},
      {R"("name":"gbtree")", R"("name":"dart")", "gradient_booster.name", "booster=gbtree"},
      {R"("num_target":"1")", R"("num_target":"2")", "num_target", "one output"},
      {R"("num_class":"0")", R"("num_class":"3")", "num_class", "one output"},
      {R"("size_leaf_vector":"1")", R"("size_leaf_vector":"2")", "size_leaf_vector", "one output"},
      {R"("num_feature":"2","num_target")", R"("num_feature":"0","num_target")", "num_feature",
       "0"},
      {R"("num_trees":"1")", R"("num_trees":"2")", "model.trees", "num_trees says 2"},
      {R"("num_nodes":"3")", R"("num_nodes":"4")", "trees[0].left_children",
       "3 values for 4 nodes"},
      {R"("num_nodes":"3")", R"("num_nodes":"x")", "num_nodes", "wanted an integer"},
      {R"("left_children":[1,)", R"("left_children":[3,)", "left_children[0]", "child 3"},
      {R"("left_children":[1,)", R"("left_children":[-2,)", "left_children[0]", "child -2"},
      {R"("left_children":[1,)", R"("left_children":[0,)", "left_children[0]", "reached twice"},
      {R"("left_children":[1,)", R"("left_children":[2,)", "right_children[0]", "reached twice"},
      {R"("left_children":[1,)", R"("left_children":[1.5,)", "left_children[0]",
       "wanted an integer"},
      {R"("right_children":[2,-1)", R"("right_children":[2,1)", "left_children[1]", "child -1"},
      {R"("split_indices":[1,)", R"("split_indices":[2,)", "split_indices[0]", "feature 2"},
      {R"("split_type":[0,)", R"("split_type":[1,)", "split_type[0]", "enable_categorical"},
      {R"([5E-1,-2.5E-1)", R"([5E-1,"x")", "split_conditions[1]", "wanted a number"},
      {R"("sum_hessian":[4E0,3E0)", R"("sum_hessian":[4E0,-3E0)", "sum_hessian[1]", "got -3"},
      {R"("sum_hessian")", R"("sum_hessians")", "trees[0]", "no \"sum_hessian\""},
      {R"("trees":[{)", R"("trees":[1,{)", "model.trees", "holds 2 trees"},
      {R"({"learner":)", R"({"teacher":)", "document", "no \"learner\""},
      {R"("feature_names":["amount","hour"])", R"("feature_names":["amount"])", "feature_names",
       "1 names"},
  };
  for (const auto& [from, to, place, text] : cases) {
    EXPECT_THAT(error_of(with(from, to)),
                AllOf(HasSubstr("model \"m.json\": "), HasSubstr(place), HasSubstr(text)))
        << from;
  }
}

TEST(Forest, RefusesWhatIsNoDocument) {
  EXPECT_THAT(error_of(""), HasSubstr("not a JSON document"));
  EXPECT_THAT(error_of("\x7f"
                       "ELF"),
              HasSubstr("not a JSON document"));
  EXPECT_THAT(error_of(kStump.substr(0, 700)), HasSubstr("not a JSON document"));
  EXPECT_THAT(error_of("[]"), HasSubstr("is array, wanted an object"));
  EXPECT_THAT(error_of(with("5E-1,-2.5E-1", "1E99,-2.5E-1")), HasSubstr("number overflow"));
}

class SavedForest : public ::testing::Test {
 protected:
  static std::string ubj() {
    const TestBooster booster =
        TestBooster::train(test_rows(500, 5, 0.15, 7), {{"max_depth", "3"}}, 4);
    return booster.save("ubj");
  }
};

TEST_F(SavedForest, IsTheSameFromJsonAndUbj) {
  for (const char* depth : {"1", "4", "8"}) {
    const TestBooster booster =
        TestBooster::train(test_rows(3000, 12, 0.15, 7), {{"max_depth", depth}}, 10);
    const Forest json = Forest::parse(booster.save("json"), "m.json");
    EXPECT_EQ(json, Forest::parse(booster.save("ubj"), "m.ubj"));
    EXPECT_EQ(json.tree_count(), 10);
    EXPECT_GT(json.node_count(), 10);
  }
}

TEST_F(SavedForest, CutAnywhereIsAnError) {
  const std::string whole = ubj();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    ASSERT_THROW(Forest::parse(std::string_view(whole).substr(0, length), "m.ubj"), Error)
        << length;
  }
  EXPECT_THAT(error_of(whole.substr(0, whole.size() / 2)), HasSubstr("damaged"));
  EXPECT_THAT(error_of(whole + "x"), HasSubstr("1 more bytes after the end"));
}

TEST_F(SavedForest, WithAnyByteFlippedIsAForestOrAnError) {
  std::string bytes = ubj();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\x7f'}) {
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
      try {
        Forest::parse_ubj(bytes, "m.ubj");
      } catch (const Error&) {
      }
      bytes[i] = static_cast<char>(bytes[i] ^ flip);
    }
  }
}

TEST(UbjDocument, IsBounded) {
  EXPECT_THAT(error_of("{" +
                       std::string("i\x01"
                                   "a[",
                                   4) +
                       std::string(100, '[')),
              HasSubstr("nested deeper"));
  EXPECT_THAT(error_of(std::string("{i\x01"
                                   "a[$d#l\x7f\xff\xff\xff",
                                   13)),
              HasSubstr("a length of"));
  EXPECT_THAT(error_of(std::string("{i\x01"
                                   "a[$Z#l\x7f\xff\xff\xff",
                                   13)),
              HasSubstr("unknown type"));
  EXPECT_THAT(error_of(std::string("{i\x01"
                                   "a[#l\x7f\xff\xff\xff",
                                   11)),
              HasSubstr("a length of"));
  EXPECT_THAT(error_of(std::string("{i\xff"
                                   "a",
                                   4)),
              HasSubstr("a length of -1"));
}

}  // namespace
}  // namespace weir
