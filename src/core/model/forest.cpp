#include "core/model/forest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/model/model_document.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr std::size_t kMostFeatures = 1U << 20;
constexpr std::size_t kDeepest = 512;
constexpr std::string_view kUnweighted =
    "weir adds trees without weights, train with booster=gbtree";

/// A value in the document with the way to it, for error texts.
class Place {
 public:
  Place(const ModelDocument& value, std::string_view source) : value_(&value), source_(source) {}

  [[noreturn]] void fail(std::string_view what, std::string_view way_out = kDamaged) const {
    throw Error(fmt::format("model \"{}\": {}: {}; {}", source_, path_.empty() ? "document" : path_,
                            what, way_out));
  }

  Place operator[](std::string_view key) const {
    std::optional<Place> found = find(key);
    if (!found) fail(fmt::format("no \"{}\" inside", key));
    return *std::move(found);
  }

  std::optional<Place> find(std::string_view key) const {
    if (!value_->is_object()) fail(fmt::format("is {}, wanted an object", value_->type_name()));
    const auto found = value_->find(key);
    if (found == value_->end()) return std::nullopt;
    return Place(*found, source_,
                 path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key));
  }

  std::size_t size() const { return array().size(); }
  const ModelDocument& value(std::size_t index) const { return array()[index]; }
  Place at(std::size_t index) const {
    return Place(array()[index], source_, fmt::format("{}[{}]", path_, index));
  }

  const std::string& text() const {
    if (!value_->is_string()) fail(fmt::format("is {}, wanted a text", value_->type_name()));
    return value_->get_ref<const std::string&>();
  }

  /// XGBoost writes its parameters as texts: "32".
  std::int64_t integer_text() const {
    const std::string& digits = text();
    std::int64_t result = 0;
    const char* end = digits.data() + digits.size();
    const auto [rest, error] = std::from_chars(digits.data(), end, result);
    if (error != std::errc() || rest != end)
      fail(fmt::format("got \"{}\", wanted an integer", digits));
    return result;
  }

  /// An integer, or one of XGBoost's booleans (0, 1, false, true).
  std::int64_t integer() const {
    if (value_->is_boolean()) return value_->get<bool>() ? 1 : 0;
    if (value_->is_number_unsigned()) {
      const auto result = value_->get<std::uint64_t>();
      if (result > INT64_MAX) fail(fmt::format("{} is too large", result));
      return static_cast<std::int64_t>(result);
    }
    if (!value_->is_number_integer())
      fail(fmt::format("is {}, wanted an integer", value_->type_name()));
    return value_->get<std::int64_t>();
  }

  float number() const {
    if (!value_->is_number()) fail(fmt::format("is {}, wanted a number", value_->type_name()));
    return value_->get<float>();
  }

  static constexpr std::string_view kDamaged = "the file is damaged, save or train the model again";

 private:
  Place(const ModelDocument& value, std::string_view source, std::string path)
      : value_(&value), source_(source), path_(std::move(path)) {}

  const ModelDocument::array_t& array() const {
    if (!value_->is_array()) fail(fmt::format("is {}, wanted an array", value_->type_name()));
    return value_->get_ref<const ModelDocument::array_t&>();
  }

  const ModelDocument* value_;
  std::string_view source_;
  std::string path_;
};

/// A field of a tree: one value for each node.
class Column {
 public:
  Column(const Place& tree, std::string_view key, std::size_t nodes) : place_(tree[key]) {
    if (place_.size() != nodes) {
      place_.fail(fmt::format("has {} values for {} nodes", place_.size(), nodes));
    }
  }
  std::int64_t integer(std::size_t node) const {
    const ModelDocument& value = place_.value(node);
    return value.is_number_integer() ? value.get<std::int64_t>() : place_.at(node).integer();
  }
  float number(std::size_t node) const {
    const ModelDocument& value = place_.value(node);
    return value.is_number() ? value.get<float>() : place_.at(node).number();
  }
  Place at(std::size_t node) const { return place_.at(node); }

 private:
  Place place_;
};

/// `base_score` is a text: "5E-1", or since XGBoost 3.1 a list, "[5E-1]".
float read_base_score(const Place& place, std::string_view source) {
  const std::string& text = place.text();
  ModelDocument value;
  try {
    value = parse_json_document(text, source);
  } catch (const Error&) {
    place.fail(fmt::format("got \"{}\", wanted a number", text));
  }
  if (value.is_array()) {
    if (value.size() != 1) {
      place.fail(fmt::format("got \"{}\", wanted the score of one class", text),
                 "weir takes models with one output, train with objective binary:logistic");
    }
    value = ModelDocument(value[0]);
  }
  if (!value.is_number()) place.fail(fmt::format("got \"{}\", wanted a number", text));
  const float probability = value.get<float>();
  // XGBoost lets 0 and 1 pass: training data of one class.
  if (!(probability >= 0.0F && probability <= 1.0F)) {
    place.fail(fmt::format("got \"{}\", wanted a probability between 0 and 1", text));
  }
  return probability;
}

/// LogisticRegression::ProbToMargin of XGBoost 3.2.0, src/objective/regression_loss.h, in float32.
float margin_of_probability(float probability) {
  constexpr float kSmallest = 1e-6F;
  const float bounded = std::min(std::max(probability, kSmallest), 1.0F - kSmallest);
  return -std::log(1.0F / bounded - 1.0F);
}

}  // namespace

/// Checks a document and builds the forest from it.
class ForestBuilder {
 public:
  ForestBuilder(const ModelDocument& document, std::string_view source) : source_(source) {
    const Place learner = Place(document, source)["learner"];
    check_objective(learner);
    read_parameters(learner);
    const Place booster = learner["gradient_booster"];
    const std::string booster_name = booster["name"].text();
    if (booster_name != "gbtree") {
      booster["name"].fail(fmt::format("got \"{}\", wanted \"gbtree\"", booster_name), kUnweighted);
    }
    if (const auto weights = booster.find("weight_drop")) {
      weights->fail("trees with weights", kUnweighted);
    }
    const Place model = booster["model"];
    const Place trees = model["trees"];
    const std::int64_t announced = model["gbtree_model_param"]["num_trees"].integer_text();
    if (std::cmp_not_equal(announced, trees.size())) {
      trees.fail(fmt::format("holds {} trees, num_trees says {}", trees.size(), announced));
    }
    for (std::size_t i = 0; i < trees.size(); ++i) add_tree(trees.at(i));
  }

  Forest build() && { return std::move(forest_); }

 private:
  static void check_objective(const Place& learner) {
    const Place objective = learner["objective"]["name"];
    if (objective.text() != "binary:logistic") {
      objective.fail(fmt::format("got \"{}\", wanted \"binary:logistic\"", objective.text()),
                     "train with objective binary:logistic");
    }
  }

  void read_parameters(const Place& learner) {
    const Place parameters = learner["learner_model_param"];
    const std::int64_t features = parameters["num_feature"].integer_text();
    if (features < 1 || features > static_cast<std::int64_t>(kMostFeatures)) {
      parameters["num_feature"].fail(
          fmt::format("got {}, wanted 1 to {}", features, kMostFeatures));
    }
    forest_.feature_count_ = static_cast<std::size_t>(features);
    for (const std::string_view key : {"num_class", "num_target"}) {
      const auto place = parameters.find(key);  // Models of XGBoost 1.x have no num_target.
      if (place && place->integer_text() > 1) {
        place->fail(fmt::format("got {}", place->integer_text()),
                    "weir takes models with one output, train with objective binary:logistic");
      }
    }
    forest_.base_margin_ =
        margin_of_probability(read_base_score(parameters["base_score"], source_));
    if (const auto names = learner.find("feature_names"); names && names->size() > 0) {
      if (names->size() != forest_.feature_count_) {
        names->fail(fmt::format("has {} names for {} features", names->size(), features));
      }
      for (std::size_t i = 0; i < names->size(); ++i) {
        forest_.feature_names_.push_back(names->at(i).text());
      }
    }
  }

  void add_tree(const Place& tree) {
    const Place parameters = tree["tree_param"];
    if (parameters["size_leaf_vector"].integer_text() > 1) {
      parameters["size_leaf_vector"].fail("leaves with several values",
                                          "weir takes models with one output, train with "
                                          "multi_strategy=one_output_per_tree");
    }
    const std::int64_t announced = parameters["num_nodes"].integer_text();
    if (announced < 1 || announced > INT32_MAX) {
      parameters["num_nodes"].fail(fmt::format("got {}, wanted 1 or more", announced));
    }
    const auto nodes = static_cast<std::size_t>(announced);
    const Column left(tree, "left_children", nodes);
    const Column right(tree, "right_children", nodes);
    const Column feature(tree, "split_indices", nodes);
    const Column value(tree, "split_conditions", nodes);
    const Column missing_left(tree, "default_left", nodes);
    const Column cover(tree, "sum_hessian", nodes);
    const Column gain(tree, "loss_changes", nodes);
    const Column split_type(tree, "split_type", nodes);

    const std::size_t first = forest_.nodes_.size();
    // Breadth first from the root: nodes that training pruned are in the file, but not reached.
    std::vector<std::size_t> order = {0};
    std::vector<std::size_t> depth = {0};
    std::vector<bool> reached(nodes, false);
    reached[0] = true;
    const auto reach = [&](const Column& children, std::size_t parent) {
      const std::int64_t index = children.integer(parent);
      if (index < 0 || index >= announced) {
        children.at(parent).fail(fmt::format("child {} in a tree of {} nodes", index, nodes));
      }
      const auto target = static_cast<std::size_t>(index);
      if (reached[target]) children.at(parent).fail(fmt::format("node {} is reached twice", index));
      reached[target] = true;
      order.push_back(target);
      return static_cast<std::int32_t>(order.size() - 1);
    };
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::size_t at = order[i];
      ForestNode node;
      node.value = value.number(at);
      if (!std::isfinite(node.value)) {
        value.at(at).fail(fmt::format("got {}, wanted a finite number", node.value));
      }
      node.cover = cover.number(at);
      if (!(node.cover >= 0.0F) || !std::isfinite(node.cover)) {
        cover.at(at).fail(fmt::format("got {}, wanted 0 or more", node.cover));
      }
      if (left.integer(at) != -1 || right.integer(at) != -1) {
        if (split_type.integer(at) != 0) {
          split_type.at(at).fail("a split on categories",
                                 "weir takes numeric splits, train without enable_categorical");
        }
        const std::int64_t split = feature.integer(at);
        if (split < 0 || std::cmp_greater_equal(split, forest_.feature_count_)) {
          feature.at(at).fail(
              fmt::format("feature {} of a model with {}", split, forest_.feature_count_));
        }
        node.feature = static_cast<std::uint32_t>(split);
        node.missing_left = missing_left.integer(at) != 0;
        node.gain = std::isfinite(gain.number(at)) ? gain.number(at) : 0.0F;
        node.left = reach(left, at);
        node.right = reach(right, at);
        depth.insert(depth.end(), 2, depth[i] + 1);
        if (depth[i] + 1 > kDeepest) {
          tree.fail(fmt::format("deeper than {}", kDeepest), "train with a smaller max_depth");
        }
      }
      forest_.nodes_.push_back(node);
    }
    forest_.depth_ = std::max(forest_.depth_, depth.back());
    forest_.first_node_.push_back(first + order.size());
  }

  std::string_view source_;
  Forest forest_;
};

Forest Forest::parse_json(std::string_view bytes, std::string_view source) {
  return ForestBuilder(parse_json_document(bytes, source), source).build();
}

Forest Forest::parse_ubj(std::string_view bytes, std::string_view source) {
  return ForestBuilder(parse_ubj_document(bytes, source), source).build();
}

Forest Forest::parse(std::string_view bytes, std::string_view source) {
  // A JSON object goes on with a quote or white space, a UBJ one with the type of a key's length.
  const bool is_json = bytes.size() < 2 || bytes[0] != '{' || bytes[1] == '"' || bytes[1] == '}' ||
                       bytes[1] == ' ' || bytes[1] == '\n' || bytes[1] == '\r' || bytes[1] == '\t';
  return is_json ? parse_json(bytes, source) : parse_ubj(bytes, source);
}

std::vector<double> Forest::total_gain() const {
  std::vector<double> result(feature_count_, 0.0);
  for (const ForestNode& node : nodes_) {
    if (!node.is_leaf()) result[node.feature] += static_cast<double>(node.gain);
  }
  return result;
}

}  // namespace weir
