#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/model/bundle.h"
#include "core/model/training_reference.h"

namespace weir::cli {

/// How far the last payments have moved from what a bundle was trained on: the population
/// stability index of each input and of the margin, over 10,000 payments at a time.
///
/// A bundle without a reference has no inputs here, and the margin is compared with that of its
/// first 10,000 payments. Cost: payments are gathered and counted a column at a time, several
/// values at once.
class DriftWatch {
 public:
  static constexpr std::int64_t kPayments = 10'000;

  explicit DriftWatch(const Bundle& bundle);

  void observe(std::span<const float> features, float margin);

  struct Column {
    const std::string* name;
    double stability_index;  ///< 0 until enough payments were seen.
  };
  std::vector<Column> inputs() const;
  double score() const;

 private:
  struct Counts {
    ColumnReference reference;
    std::vector<std::int64_t> filling;
    std::vector<std::int64_t> last;

    void count(std::span<const float> values);
    void turn();
    double stability_index() const;
  };
  static constexpr std::size_t kGathered = 80;  // Divides kPayments.
  static Counts counts_of(ColumnReference reference);

  std::vector<Counts> inputs_;
  std::optional<Counts> margin_;
  std::vector<float> gathered_;  // Columns of kGathered values: the inputs, then the margin.
  std::size_t rows_ = 0;
  std::vector<float> first_margins_;  // Until there is something to compare with.
  std::int64_t filled_ = 0;
};

}  // namespace weir::cli
