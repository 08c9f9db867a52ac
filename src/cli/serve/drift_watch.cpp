#include "cli/serve/drift_watch.h"

#include <utility>

#include "core/evaluation/stability_index.h"
#include "core/transaction/error.h"

namespace weir::cli {

DriftWatch::DriftWatch(const Bundle& bundle) {
  if (bundle.reference_json.empty()) return;
  auto reference =
      TrainingReference::parse(bundle.reference_json, "reference.json", bundle.features);
  for (ColumnReference& input : reference.inputs) inputs_.push_back(counts_of(std::move(input)));
  margin_ = counts_of(std::move(reference.margin));
}

DriftWatch::Counts DriftWatch::counts_of(ColumnReference reference) {
  Counts counts;
  counts.filling.resize(reference.rows.size());
  counts.reference = std::move(reference);
  return counts;
}

void DriftWatch::observe(std::span<const float> features, float margin) {
  if (!margin_) {
    first_margins_.push_back(margin);
    if (first_margins_.size() < kPayments) return;
    margin_ = counts_of(make_reference("margin", std::exchange(first_margins_, {})));
    return;
  }
  WEIR_CHECK(inputs_.empty() || inputs_.size() == features.size());
  gathered_.resize((inputs_.size() + 1) * kGathered);
  for (std::size_t i = 0; i < inputs_.size(); ++i) gathered_[i * kGathered + rows_] = features[i];
  gathered_[inputs_.size() * kGathered + rows_] = margin;
  if (++rows_ < kGathered) return;
  rows_ = 0;
  std::span<const float> columns = gathered_;
  for (Counts& input : inputs_) {
    input.count(columns.first(kGathered));
    columns = columns.subspan(kGathered);
  }
  margin_->count(columns);
  filled_ += kGathered;
  if (filled_ < kPayments) return;
  filled_ = 0;
  for (Counts& input : inputs_) input.turn();
  margin_->turn();
}

void DriftWatch::Counts::count(std::span<const float> values) {
  // As reference.bin_of, edge by edge.
  std::uint32_t bins[kGathered] = {};
  for (const float edge : reference.edges) {
    for (std::size_t i = 0; i < kGathered; ++i) bins[i] += values[i] < edge ? 0U : 1U;
  }
  for (const std::uint32_t bin : bins) ++filling[bin];
}

void DriftWatch::Counts::turn() {
  last = std::exchange(filling, std::vector<std::int64_t>(filling.size()));
}

double DriftWatch::Counts::stability_index() const {
  return last.empty() ? 0 : population_stability_index(reference.rows, last);
}

std::vector<DriftWatch::Column> DriftWatch::inputs() const {
  std::vector<Column> columns;
  for (const Counts& input : inputs_) {
    columns.push_back({&input.reference.name, input.stability_index()});
  }
  return columns;
}

double DriftWatch::score() const { return margin_ ? margin_->stability_index() : 0; }

}  // namespace weir::cli
