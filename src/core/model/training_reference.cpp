#include "core/model/training_reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/transaction/error.h"

namespace weir {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kBins = 10;
constexpr std::size_t kEnoughRows = 250'000;  // More would say the same and take long to sort.

ordered_json column_json(const ColumnReference& column) {
  return {{"name", column.name}, {"edges", column.edges}, {"rows", column.rows}};
}

/// False where the bins are none.
bool read_column(const ordered_json& json, ColumnReference& column) {
  if (!json.is_object() || !json.contains("name") || !json.contains("edges") ||
      !json.contains("rows")) {
    return false;
  }
  column.name = json["name"].get<std::string>();
  column.edges = json["edges"].get<std::vector<float>>();
  column.rows = json["rows"].get<std::vector<std::int64_t>>();
  const bool counts = std::all_of(column.rows.begin(), column.rows.end(),
                                  [](std::int64_t rows) { return rows >= 0; });
  const bool some = std::any_of(column.rows.begin(), column.rows.end(),
                                [](std::int64_t rows) { return rows > 0; });
  return counts && some && column.rows.size() == column.edges.size() + 1 &&
         std::is_sorted(column.edges.begin(), column.edges.end());
}

}  // namespace

std::size_t ColumnReference::bin_of(float value) const {
  // A search would mispredict on each of the few edges.
  std::uint32_t bin = 0;  // As wide as an edge: then several are compared at once.
  for (const float edge : edges) bin += value < edge ? 0U : 1U;
  return bin;
}

ColumnReference make_reference(std::string name, std::span<const float> values) {
  WEIR_CHECK(!values.empty());
  std::vector<float> sorted;
  const std::size_t step = (values.size() + kEnoughRows - 1) / kEnoughRows;
  for (std::size_t row = 0; row < values.size(); row += step) sorted.push_back(values[row]);
  std::sort(sorted.begin(), sorted.end());
  const std::size_t least = (sorted.size() + kBins - 1) / kBins;
  ColumnReference column{std::move(name), {}, {}};
  for (auto begin = sorted.begin(); begin != sorted.end();) {
    const auto left = static_cast<std::size_t>(sorted.end() - begin);
    const float last = begin[static_cast<std::ptrdiff_t>(std::min(least, left) - 1)];
    const auto end = std::upper_bound(begin, sorted.end(), last);
    column.rows.push_back(end - begin);
    if (end != sorted.end()) column.edges.push_back(*end);
    begin = end;
  }
  return column;
}

std::string TrainingReference::to_json() const {
  ordered_json json = {{"margin", column_json(margin)}, {"inputs", ordered_json::array()}};
  for (const ColumnReference& input : inputs) json["inputs"].push_back(column_json(input));
  return json.dump(1) + "\n";
}

TrainingReference TrainingReference::parse(std::string_view text,
                                           std::string_view source,
                                           const FeatureSpec& spec) {
  const auto fail = [&](std::string_view what) {
    throw Error(
        fmt::format("\"{}\": {}; the bundle is damaged, restore or retrain it", source, what));
  };
  TrainingReference reference;
  try {
    const auto json = ordered_json::parse(text);
    if (!read_column(json.at("margin"), reference.margin)) fail("margin has no usable bins");
    for (const auto& input : json.at("inputs")) {
      if (!read_column(input, reference.inputs.emplace_back())) {
        fail(fmt::format("input {} has no usable bins", reference.inputs.size() - 1));
      }
    }
  } catch (const ordered_json::exception& error) {
    fail(error.what());
  }
  const auto named = [](const ColumnReference& column, const std::string& name) {
    return column.name == name;
  };
  if (!std::equal(reference.inputs.begin(), reference.inputs.end(), spec.names().begin(),
                  spec.names().end(), named)) {
    fail("its inputs are not those of features.toml");
  }
  return reference;
}

TrainingReference make_reference(const FeatureSpec& spec,
                                 const FeatureMatrix& features,
                                 std::size_t begin,
                                 std::size_t end,
                                 std::span<const float> margins) {
  TrainingReference reference;
  reference.margin = make_reference("margin", margins);
  for (std::size_t i = 0; i < spec.size(); ++i) {
    const auto column = features.column(i).subspan(begin, end - begin);
    reference.inputs.push_back(make_reference(std::string(spec.names()[i]), column));
  }
  return reference;
}

}  // namespace weir
