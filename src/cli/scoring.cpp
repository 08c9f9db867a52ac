#include "cli/scoring.h"

#include <algorithm>

#include "core/transaction/error.h"
#include "edge/files/workers.h"

namespace weir::cli {
namespace {
constexpr std::size_t kChunkRows = 1 << 16;
constexpr std::size_t kBlockRows = 256;  // Rows of 32 inputs: 32 kB, stays in the first cache.
}  // namespace

FeatureMatrix features_of_period(const PaymentView& payments,
                                 std::size_t first,
                                 const FeatureSpec& spec,
                                 Seconds label_delay,
                                 int threads,
                                 Progress& progress) {
  FeatureBatch batch(payments, spec, label_delay);
  FeatureMatrix features(payments.size() - first, spec.size());
  progress.begin("features", payments.size() * batch.part_count(), "payments");
  files::WorkerState state;
  files::for_each_index(batch.part_count(), threads, progress, state, [&](std::size_t part) {
    for (std::size_t begin = 0; begin < payments.size() && !state.stop;) {
      const bool is_history = begin < first;
      const std::size_t end = std::min(is_history ? first : payments.size(), begin + kChunkRows);
      std::vector<float*> columns;
      for (std::size_t i = 0; i < spec.size() && !is_history; ++i) {
        columns.push_back(features.column(i).data() + (begin - first));
      }
      batch.compute(part, begin, end, columns);
      state.done += end - begin;
      begin = end;
    }
  });
  progress.update(state.done);
  progress.end();
  return features;
}

std::vector<float> score_rows(const Scorer& scorer,
                              const FeatureMatrix& features,
                              std::size_t begin,
                              std::size_t end,
                              int threads,
                              Progress& progress) {
  WEIR_CHECK(scorer.feature_count() == features.columns() && end <= features.rows());
  std::vector<float> margins(end - begin);
  const std::size_t chunks = (margins.size() + kChunkRows - 1) / kChunkRows;
  progress.begin("scoring", margins.size(), "payments");
  files::WorkerState state;
  files::for_each_index(chunks, threads, progress, state, [&](std::size_t chunk) {
    std::vector<float> rows(kBlockRows * features.columns());
    const std::size_t chunk_end = std::min(margins.size(), (chunk + 1) * kChunkRows);
    for (std::size_t row = chunk * kChunkRows; row < chunk_end && !state.stop;) {
      const std::size_t count = std::min(kBlockRows, chunk_end - row);
      for (std::size_t column = 0; column < features.columns(); ++column) {
        const float* values = features.column(column).data() + begin + row;
        for (std::size_t i = 0; i < count; ++i) rows[i * features.columns() + column] = values[i];
      }
      scorer.margins(rows.data(), count, margins.data() + row);
      row += count;
      state.done += count;
    }
  });
  progress.update(state.done);
  progress.end();
  return margins;
}

}  // namespace weir::cli
