#include "edge/training/booster.h"

#include <fmt/format.h>

#include "core/transaction/error.h"
#include "edge/training/xgboost_c.h"

namespace weir::training {
namespace {

void check(int code) {
  if (code != 0) throw Error(fmt::format("XGBoost: {}", xgboost().XGBGetLastError()));
}

/// The array interface (numpy's protocol, version 3) of borrowed values: where they lie, not they.
template <typename Value>
std::string array_interface(std::span<const Value> values, const char* type) {
  return fmt::format(
      R"({{"data":[{},true],"shape":[{}],"strides":[{}],"typestr":"{}","version":3}})",
      reinterpret_cast<std::uintptr_t>(values.data()), values.size(), sizeof(Value), type);
}

std::string columns_interface(const FeatureMatrix& features, RowRange rows) {
  std::string text = "[";
  for (std::size_t column = 0; column < features.columns(); ++column) {
    if (column > 0) text += ',';
    text += array_interface(features.column(column).subspan(rows.begin, rows.size()), "<f4");
  }
  return text + "]";
}

/// What XGBoost pulls its one batch from. XGBoost reads it several times, rewinding in between.
struct OneBatch {
  DMatrixHandle proxy = nullptr;
  std::string columns;
  std::string labels;
  bool given = false;
  std::string failure;

  ~OneBatch() { xgboost().XGDMatrixFree(proxy); }

  static int next(DataIterHandle handle) {
    OneBatch& batch = *static_cast<OneBatch*>(handle);
    if (batch.given) return 0;
    batch.given = true;
    if (xgboost().XGProxyDMatrixSetDataColumnar(batch.proxy, batch.columns.c_str()) != 0 ||
        xgboost().XGDMatrixSetInfoFromInterface(batch.proxy, "label", batch.labels.c_str()) != 0) {
      batch.failure = xgboost().XGBGetLastError();
      return 0;
    }
    return 1;
  }
  static void reset(DataIterHandle handle) { static_cast<OneBatch*>(handle)->given = false; }
};

struct BoosterOwner {
  BoosterHandle handle = nullptr;
  BoosterOwner() = default;
  ~BoosterOwner() {
    if (handle != nullptr) xgboost().XGBoosterFree(handle);
  }
  BoosterOwner(const BoosterOwner&) = delete;
  BoosterOwner& operator=(const BoosterOwner&) = delete;
};

constexpr const char* kMargins =
    R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false})";

}  // namespace

BinnedRows::BinnedRows(const FeatureMatrix& features,
                       std::span<const std::int8_t> is_fraud,
                       RowRange rows,
                       int max_bin,
                       int threads,
                       const BinnedRows* reference)
    : size_(rows.size()) {
  WEIR_CHECK(is_fraud.size() == features.rows());
  WEIR_CHECK(rows.begin < rows.end && rows.end <= features.rows());
  OneBatch batch;
  check(xgboost().XGProxyDMatrixCreate(&batch.proxy));
  batch.columns = columns_interface(features, rows);
  batch.labels = array_interface(is_fraud.subspan(rows.begin, rows.size()), "|i1");
  const std::string config =
      fmt::format(R"({{"missing":NaN,"nthread":{},"max_bin":{}}})", threads, max_bin);
  const int code = xgboost().XGQuantileDMatrixCreateFromCallback(
      &batch, batch.proxy, reference == nullptr ? nullptr : reference->handle_, OneBatch::reset,
      OneBatch::next, config.c_str(), &handle_);
  if (!batch.failure.empty()) throw Error(fmt::format("XGBoost: {}", batch.failure));
  check(code);
}

BinnedRows::~BinnedRows() {
  if (handle_ != nullptr) xgboost().XGDMatrixFree(handle_);
}

Booster::Booster(const BinnedRows& training,
                 const BinnedRows* validation,
                 const BoosterParameters& parameters,
                 double fraud_share,
                 std::uint64_t seed,
                 int threads)
    : training_(training), validation_(validation) {
  // A matrix that the booster knows gets only the newest tree added at each prediction.
  const DMatrixHandle matrices[] = {training.handle(),
                                    validation == nullptr ? nullptr : validation->handle()};
  BoosterOwner owner;
  check(xgboost().XGBoosterCreate(matrices, validation == nullptr ? 1 : 2, &owner.handle));
  const std::pair<const char*, std::string> settings[] = {
      {"objective", "binary:logistic"},
      {"tree_method", "hist"},
      {"device", "cpu"},
      {"verbosity", "0"},
      {"disable_default_eval_metric", "true"},
      // Given, so that no sum over all rows in an order of XGBoost's choice sets it.
      {"base_score", fmt::format("{:.9g}", fraud_share)},
      {"max_depth", fmt::format("{}", parameters.depth)},
      {"eta", fmt::format("{}", parameters.eta)},
      {"min_child_weight", fmt::format("{}", parameters.min_child_weight)},
      {"subsample", fmt::format("{}", parameters.subsample)},
      {"colsample_bytree", fmt::format("{}", parameters.colsample)},
      {"lambda", fmt::format("{}", parameters.lambda)},
      {"max_bin", fmt::format("{}", parameters.max_bin)},
      {"seed", fmt::format("{}", seed & 0x7FFF'FFFF)},
      {"nthread", fmt::format("{}", threads)}};
  for (const auto& [name, value] : settings) {
    check(xgboost().XGBoosterSetParam(owner.handle, name, value.c_str()));
  }
  handle_ = owner.handle;
  owner.handle = nullptr;
}

Booster::~Booster() { xgboost().XGBoosterFree(handle_); }

void Booster::grow() {
  check(xgboost().XGBoosterUpdateOneIter(handle_, rounds_, training_.handle()));
  ++rounds_;
}

std::span<const float> Booster::validation_margins() {
  WEIR_CHECK(validation_ != nullptr);
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* margins = nullptr;
  check(xgboost().XGBoosterPredictFromDMatrix(handle_, validation_->handle(), kMargins, &shape,
                                              &dimensions, &margins));
  return {margins, validation_->size()};
}

std::string Booster::to_ubj(int rounds) const {
  WEIR_CHECK(rounds >= 1 && rounds <= rounds_);
  BoosterOwner slice;
  check(xgboost().XGBoosterSlice(handle_, 0, rounds, 1, &slice.handle));
  bst_ulong length = 0;
  const char* bytes = nullptr;
  check(xgboost().XGBoosterSaveModelToBuffer(slice.handle, R"({"format":"ubj"})", &length, &bytes));
  return {bytes, static_cast<std::size_t>(length)};
}

std::vector<float> xgboost_margins(const std::string& ubj,
                                   const FeatureMatrix& features,
                                   RowRange rows,
                                   int threads) {
  BoosterOwner booster;
  check(xgboost().XGBoosterCreate(nullptr, 0, &booster.handle));
  check(xgboost().XGBoosterSetParam(booster.handle, "nthread", fmt::format("{}", threads).c_str()));
  check(xgboost().XGBoosterLoadModelFromBuffer(booster.handle, ubj.data(), ubj.size()));
  const std::string config = R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,)"
                             R"("strict_shape":false,"cache_id":0,"missing":NaN})";
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* margins = nullptr;
  check(xgboost().XGBoosterPredictFromColumnar(
      booster.handle, columns_interface(features, rows).c_str(), config.c_str(), nullptr, &shape,
      &dimensions, &margins));
  return {margins, margins + rows.size()};
}

std::string xgboost_version() {
  int major = 0, minor = 0, patch = 0;
  xgboost().XGBoostVersion(&major, &minor, &patch);
  return fmt::format("{}.{}.{}", major, minor, patch);
}

}  // namespace weir::training
