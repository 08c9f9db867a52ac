#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "core/model/forest.h"

namespace weir {

enum class ScorerKind {
  kAuto,      ///< The fastest that this processor and this forest allow.
  kNaive,     ///< Walks the nodes one by one: the truth that all others are compared with.
  kPortable,  ///< Complete trees walked without branches, several at once; plain C++.
  kAvx2,      ///< All splits of a tree at once on 8-bit bins, 32 lanes at a time.
  kVbmi,  ///< The same with AVX-512 VBMI, 64 lanes at a time. Written and tested by emulation on
          ///< a machine without these instructions: its speed has not been measured.
  kEmulated,  ///< The code of kVbmi on plain C++ lanes: slow, for tests on any processor.
};

/// `naive`, `portable`, `avx2`, `vbmi`, `emulated`, `auto`.
std::string_view name(ScorerKind kind);

/// Turns rows of inputs into margins, to the bit those of XGBoost, whatever the kind.
///
/// A row has `forest.feature_count()` float32 values; NaN is a missing one. Immutable, so any
/// number of threads may call it at once; no call allocates.
class Scorer {
 public:
  /// Lays the forest out for `kind`, which is narrowed where the forest does not fit: kAvx2 and
  /// kVbmi take trees up to depth 6, 64 inputs in use and 254 thresholds an input, kPortable trees
  /// up to depth 10. What does not fit goes to kPortable, then kNaive; `kind()` tells what became
  /// of it. Throws Error when this processor lacks the instructions of a kind asked for by name.
  explicit Scorer(const Forest& forest, ScorerKind kind = ScorerKind::kAuto);
  ~Scorer();
  Scorer(Scorer&&) noexcept;
  Scorer& operator=(Scorer&&) noexcept;

  /// The kind in use, never kAuto.
  ScorerKind kind() const { return kind_; }
  std::size_t feature_count() const { return feature_count_; }

  float margin(const float* row) const;
  /// `rows` rows one after another (row-major); out[r] equals margin(rows_row_major + r *
  /// feature_count()) to the bit.
  void margins(const float* rows_row_major, std::size_t rows, float* out) const;

  /// Whether this processor has the instructions of `kind`.
  static bool available(ScorerKind kind);

  /// What each layout implements.
  class Engine {
   public:
    virtual ~Engine() = default;
    virtual void margins(const float* rows_row_major, std::size_t rows, float* out) const = 0;
  };

 private:
  ScorerKind kind_;
  std::size_t feature_count_;
  std::unique_ptr<const Engine> engine_;
};

}  // namespace weir
