#include "core/model/scorer.h"

#include <fmt/format.h>

#include <utility>

#include "core/model/byte_forest.h"
#include "core/model/portable_engine.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

class NaiveEngine final : public Scorer::Engine {
 public:
  explicit NaiveEngine(const Forest& forest) : forest_(forest) {}

  void margins(const float* rows, std::size_t count, float* out) const override {
    for (std::size_t i = 0; i < count; ++i) out[i] = margin(rows + i * forest_.feature_count());
  }

 private:
  float margin(const float* row) const {
    float sum = forest_.base_margin();
    for (std::size_t i = 0; i < forest_.tree_count(); ++i) {
      const std::span<const ForestNode> tree = forest_.tree(i);
      const ForestNode* node = tree.data();
      while (!node->is_leaf()) {
        const float input = row[node->feature];
        const bool goes_left = input != input ? node->missing_left : input < node->value;
        node = &tree[static_cast<std::size_t>(goes_left ? node->left : node->right)];
      }
      sum += node->value;
    }
    return sum;
  }

  Forest forest_;
};

}  // namespace

std::string_view name(ScorerKind kind) {
  switch (kind) {
    case ScorerKind::kAuto:
      return "auto";
    case ScorerKind::kNaive:
      return "naive";
    case ScorerKind::kPortable:
      return "portable";
    case ScorerKind::kAvx2:
      return "avx2";
    case ScorerKind::kVbmi:
      return "vbmi";
    case ScorerKind::kEmulated:
      return "emulated";
  }
  WEIR_CHECK(false);
  return {};
}

bool Scorer::available(ScorerKind kind) {
#if defined(__x86_64__)
  // The kernels' byte layout does not matter to the operating system, but their registers do:
  // __builtin_cpu_supports also asks whether it saves them.
  if (kind == ScorerKind::kAvx2) {
    return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&
           __builtin_cpu_supports("bmi2") != 0 && __builtin_cpu_supports("popcnt") != 0;
  }
  if (kind == ScorerKind::kVbmi) {
    return available(ScorerKind::kAvx2) && __builtin_cpu_supports("avx512f") != 0 &&
           __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
           __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vbmi") != 0;
  }
#endif
  return kind != ScorerKind::kAvx2 && kind != ScorerKind::kVbmi;
}

Scorer::Scorer(const Forest& forest, ScorerKind kind)
    : kind_(kind), feature_count_(forest.feature_count()) {
  if (!available(kind)) {
    throw Error(fmt::format("scorer \"{}\": this processor lacks its instructions; take \"auto\"",
                            name(kind)));
  }
  if (kind_ == ScorerKind::kAuto) {
    kind_ = available(ScorerKind::kVbmi)   ? ScorerKind::kVbmi
            : available(ScorerKind::kAvx2) ? ScorerKind::kAvx2
                                           : ScorerKind::kPortable;
  }
  if (kind_ != ScorerKind::kNaive && kind_ != ScorerKind::kPortable) {
    engine_ = make_byte_engine(forest, kind_);
    if (!engine_) kind_ = ScorerKind::kPortable;
  }
  if (kind_ == ScorerKind::kPortable) {
    engine_ = make_portable_engine(forest);
    if (!engine_) kind_ = ScorerKind::kNaive;
  }
  if (kind_ == ScorerKind::kNaive) engine_ = std::make_unique<NaiveEngine>(forest);
}

Scorer::~Scorer() = default;
Scorer::Scorer(Scorer&&) noexcept = default;
Scorer& Scorer::operator=(Scorer&&) noexcept = default;

float Scorer::margin(const float* row) const {
  float result = 0;
  engine_->margins(row, 1, &result);
  return result;
}

void Scorer::margins(const float* rows_row_major, std::size_t rows, float* out) const {
  engine_->margins(rows_row_major, rows, out);
}

}  // namespace weir
