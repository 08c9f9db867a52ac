#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/features/feature_batch.h"

namespace weir::training {

/// Rows [begin, end) of a table.
struct RowRange {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
};

/// XGBoost's parameters that weir sets; the words are XGBoost's.
struct BoosterParameters {
  int depth = 6;                 ///< max_depth
  double eta = 0.1;              ///< Learning rate.
  double min_child_weight = 10;  ///< Sum of hessians that a leaf must hold.
  double subsample = 1;          ///< Share of rows a tree sees.
  double colsample = 1;          ///< Share of columns a tree sees (colsample_bytree).
  double lambda = 1;             ///< L2 on leaf weights.
  int max_bin = 256;             ///< Quantile bins a column.

  friend bool operator==(const BoosterParameters&, const BoosterParameters&) = default;
};

/// Rows of a feature table as XGBoost trains on them: each column binned by its quantiles, 1 byte a
/// value. Made straight from the columns: no text, no row-major copy.
class BinnedRows {
 public:
  /// `is_fraud` has one value a row of `features`. `reference`: take over its bins (validation rows
  /// take those of the training rows). The columns must outlive the constructor only.
  BinnedRows(const FeatureMatrix& features,
             std::span<const std::int8_t> is_fraud,
             RowRange rows,
             int max_bin,
             int threads,
             const BinnedRows* reference = nullptr);
  ~BinnedRows();
  BinnedRows(const BinnedRows&) = delete;
  BinnedRows& operator=(const BinnedRows&) = delete;

  std::size_t size() const { return size_; }
  void* handle() const { return handle_; }

 private:
  std::size_t size_ = 0;
  void* handle_ = nullptr;
};

/// A forest that grows: XGBoost's hist, binary:logistic. The same rows, parameters and seed give
/// the same bytes for any number of threads.
class Booster {
 public:
  /// `validation` may be null. `fraud_share` of the training rows is where the forest starts.
  Booster(const BinnedRows& training,
          const BinnedRows* validation,
          const BoosterParameters& parameters,
          double fraud_share,
          std::uint64_t seed,
          int threads);
  ~Booster();
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;

  /// Adds a tree.
  void grow();
  int rounds() const { return rounds_; }

  /// Log-odds of each validation row. Costs one tree a row. Valid until the next call.
  std::span<const float> validation_margins();

  /// The first `rounds` trees as XGBoost's UBJ.
  std::string to_ubj(int rounds) const;

 private:
  const BinnedRows& training_;
  const BinnedRows* validation_;
  int rounds_ = 0;
  void* handle_ = nullptr;
};

/// XGBoost's own margins of a saved forest, straight from the columns. For checks.
std::vector<float> xgboost_margins(const std::string& ubj,
                                   const FeatureMatrix& features,
                                   RowRange rows,
                                   int threads);

/// `3.2.0`: of the library that is loaded.
std::string xgboost_version();

}  // namespace weir::training
