#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/transaction/error.h"
#include "core/transaction/hash.h"

// The few functions of XGBoost's C interface that tests and benchmarks call; its wheel has no
// headers.
extern "C" {
const char* XGBGetLastError();
int XGDMatrixCreateFromMat(
    const float* data, std::uint64_t rows, std::uint64_t columns, float missing, void** out);
int XGDMatrixSetFloatInfo(void* matrix,
                          const char* field,
                          const float* values,
                          std::uint64_t count);
int XGDMatrixFree(void* matrix);
int XGProxyDMatrixCreate(void** out);
int XGBoosterCreate(void* const* matrices, std::uint64_t count, void** out);
int XGBoosterFree(void* booster);
int XGBoosterSetParam(void* booster, const char* key, const char* value);
int XGBoosterUpdateOneIter(void* booster, int iteration, void* matrix);
int XGBoosterSaveModelToBuffer(void* booster,
                               const char* config,
                               std::uint64_t* length,
                               const char** bytes);
int XGBoosterLoadModelFromBuffer(void* booster, const void* bytes, std::uint64_t length);
int XGBoosterPredictFromDMatrix(void* booster,
                                void* matrix,
                                const char* config,
                                const std::uint64_t** shape,
                                std::uint64_t* dimensions,
                                const float** result);
int XGBoosterPredictFromDense(void* booster,
                              const char* values,
                              const char* config,
                              void* matrix,
                              const std::uint64_t** shape,
                              std::uint64_t* dimensions,
                              const float** result);
}

namespace weir {

inline void check_xgboost(int status) {
  if (status != 0) throw Error(fmt::format("XGBoost: {}", XGBGetLastError()));
}

/// Rows one after another, for training and for scoring.
struct TestRows {
  std::size_t features = 0;
  std::vector<float> values;
  std::vector<float> labels;
  std::size_t size() const { return values.size() / features; }
  const float* row(std::size_t index) const { return values.data() + index * features; }
};

/// Random numbers that are the same with every library.
class TestChance {
 public:
  explicit TestChance(std::uint64_t seed) : seed_(seed) {}
  std::uint64_t bits() { return hash64(seed_, ++drawn_); }
  double unit() { return unit_interval(bits()); }
  /// Near to a standard normal: twelve uniform numbers, whose sum has mean 6 and variance 1.
  float normal() {
    double sum = -6.0;
    for (int i = 0; i < 12; ++i) sum += unit();
    return static_cast<float>(sum);
  }

 private:
  std::uint64_t seed_;
  std::uint64_t drawn_ = 0;
};

/// Inputs of several shapes (normal, heavy tail, small integers, zeros of both signs), a share of
/// them NaN; the label depends on some of them and on chance.
inline TestRows test_rows(std::size_t rows,
                          std::size_t features,
                          double missing,
                          std::uint64_t seed) {
  TestChance chance(seed);
  TestRows result;
  result.features = features;
  for (std::size_t r = 0; r < rows; ++r) {
    float evidence = -2.0F;
    for (std::size_t f = 0; f < features; ++f) {
      float value = chance.normal();
      if (f % 4 == 1) value = value * value * value * 100.0F;
      if (f % 4 == 2) value = static_cast<float>(static_cast<int>(value * 3.0F));
      if (f % 4 == 3 && chance.unit() < 0.3) value = chance.unit() < 0.5 ? 0.0F : -0.0F;
      if (f < 8) evidence += (f % 2 == 0 ? 0.5F : -0.4F) * (f % 4 == 1 ? value / 100.0F : value);
      if (chance.unit() < missing) value = std::numeric_limits<float>::quiet_NaN();
      result.values.push_back(value);
    }
    result.labels.push_back(evidence + 2.0F * chance.normal() > 0.0F ? 1.0F : 0.0F);
  }
  return result;
}

/// XGBoost itself, which the tests of this folder compare with.
class TestBooster {
 public:
  using Parameters = std::map<std::string, std::string>;

  static TestBooster train(const TestRows& data, const Parameters& parameters, int rounds) {
    Handle matrix(XGDMatrixFree);
    check_xgboost(XGDMatrixCreateFromMat(data.values.data(), data.size(), data.features, kNan,
                                         &matrix.pointer));
    check_xgboost(
        XGDMatrixSetFloatInfo(matrix.pointer, "label", data.labels.data(), data.labels.size()));
    TestBooster result;
    check_xgboost(XGBoosterCreate(&matrix.pointer, 1, &result.booster_.pointer));
    result.set("objective", "binary:logistic");
    result.set("nthread", "1");
    for (const auto& [key, value] : parameters) result.set(key, value);
    for (int i = 0; i < rounds; ++i) {
      check_xgboost(XGBoosterUpdateOneIter(result.booster_.pointer, i, matrix.pointer));
    }
    return result;
  }

  static TestBooster load(std::string_view bytes) {
    TestBooster result;
    check_xgboost(XGBoosterCreate(nullptr, 0, &result.booster_.pointer));
    check_xgboost(
        XGBoosterLoadModelFromBuffer(result.booster_.pointer, bytes.data(), bytes.size()));
    result.set("nthread", "1");
    return result;
  }

  /// `format`: json or ubj.
  std::string save(std::string_view format) const {
    std::uint64_t length = 0;
    const char* bytes = nullptr;
    check_xgboost(XGBoosterSaveModelToBuffer(
        booster_.pointer, fmt::format(R"({{"format":"{}"}})", format).c_str(), &length, &bytes));
    return {bytes, length};
  }

  std::vector<float> margins(const TestRows& data) const { return predict(data, 1); }
  /// features + 1 values a row, the bias last.
  std::vector<float> contributions(const TestRows& data) const { return predict(data, 2); }

  /// Margins by XGBoosterPredictFromDense, XGBoost's fastest call: no DMatrix. Owned by XGBoost
  /// until its next call.
  const float* margins_in_place(const float* rows, std::size_t count, std::size_t features) {
    if (proxy_.pointer == nullptr) check_xgboost(XGProxyDMatrixCreate(&proxy_.pointer));
    const std::string values =
        fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                    reinterpret_cast<std::uintptr_t>(rows), count, features);
    const std::uint64_t* shape = nullptr;
    std::uint64_t dimensions = 0;
    const float* result = nullptr;
    check_xgboost(XGBoosterPredictFromDense(booster_.pointer, values.c_str(), kPredictMargin,
                                            proxy_.pointer, &shape, &dimensions, &result));
    return result;
  }

 private:
  static constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  static constexpr const char* kPredictMargin =
      R"({"type":1,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0})";

  struct Handle {
    explicit Handle(int (*release_handle)(void*)) : release(release_handle) {}
    Handle(Handle&& other) noexcept
        : pointer(std::exchange(other.pointer, nullptr)), release(other.release) {}
    Handle& operator=(Handle&&) = delete;
    ~Handle() {
      if (pointer != nullptr) release(pointer);
    }
    void* pointer = nullptr;
    int (*release)(void*);
  };

  TestBooster() = default;

  void set(const std::string& key, const std::string& value) {
    check_xgboost(XGBoosterSetParam(booster_.pointer, key.c_str(), value.c_str()));
  }

  std::vector<float> predict(const TestRows& data, int type) const {
    Handle matrix(XGDMatrixFree);
    check_xgboost(XGDMatrixCreateFromMat(data.values.data(), data.size(), data.features, kNan,
                                         &matrix.pointer));
    const std::string config = fmt::format(
        R"({{"type":{},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false}})",
        type);
    const std::uint64_t* shape = nullptr;
    std::uint64_t dimensions = 0;
    const float* result = nullptr;
    check_xgboost(XGBoosterPredictFromDMatrix(booster_.pointer, matrix.pointer, config.c_str(),
                                              &shape, &dimensions, &result));
    std::uint64_t count = 1;
    for (std::uint64_t i = 0; i < dimensions; ++i) count *= shape[i];
    return {result, result + count};
  }

  Handle booster_{XGBoosterFree};
  Handle proxy_{XGDMatrixFree};
};

}  // namespace weir
