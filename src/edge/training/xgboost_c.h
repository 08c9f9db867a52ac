#pragma once

#include <cstdint>

namespace weir::training {

using bst_ulong = std::uint64_t;
using DMatrixHandle = void*;
using BoosterHandle = void*;
using DataIterHandle = void*;
using DataIterResetCallback = void(DataIterHandle);
using XGDMatrixCallbackNext = int(DataIterHandle);

/// The functions of XGBoost's C interface that weir calls, as its c_api.h (3.2) declares them; the
/// wheel that brings the library has no headers. Each returns 0, or -1 with XGBGetLastError.
struct XGBoostFunctions {
  const char* (*XGBGetLastError)() = nullptr;
  void (*XGBoostVersion)(int* major, int* minor, int* patch) = nullptr;
  int (*XGProxyDMatrixCreate)(DMatrixHandle* out) = nullptr;
  int (*XGProxyDMatrixSetDataColumnar)(DMatrixHandle handle, const char* interface) = nullptr;
  int (*XGQuantileDMatrixCreateFromCallback)(DataIterHandle iterator,
                                             DMatrixHandle proxy,
                                             DataIterHandle reference,
                                             DataIterResetCallback* reset,
                                             XGDMatrixCallbackNext* next,
                                             const char* config,
                                             DMatrixHandle* out) = nullptr;
  int (*XGDMatrixSetInfoFromInterface)(DMatrixHandle handle,
                                       const char* field,
                                       const char* interface) = nullptr;
  int (*XGDMatrixFree)(DMatrixHandle handle) = nullptr;
  int (*XGBoosterCreate)(const DMatrixHandle matrices[],
                         bst_ulong count,
                         BoosterHandle* out) = nullptr;
  int (*XGBoosterFree)(BoosterHandle handle) = nullptr;
  int (*XGBoosterSetParam)(BoosterHandle handle, const char* name, const char* value) = nullptr;
  int (*XGBoosterUpdateOneIter)(BoosterHandle handle, int iteration, DMatrixHandle train) = nullptr;
  int (*XGBoosterSlice)(BoosterHandle handle, int begin, int end, int step, BoosterHandle* out) =
      nullptr;
  int (*XGBoosterPredictFromDMatrix)(BoosterHandle handle,
                                     DMatrixHandle matrix,
                                     const char* config,
                                     const bst_ulong** out_shape,
                                     bst_ulong* out_dimensions,
                                     const float** out_result) = nullptr;
  int (*XGBoosterPredictFromColumnar)(BoosterHandle handle,
                                      const char* interface,
                                      const char* config,
                                      DMatrixHandle proxy,
                                      const bst_ulong** out_shape,
                                      bst_ulong* out_dimensions,
                                      const float** out_result) = nullptr;
  int (*XGBoosterLoadModelFromBuffer)(BoosterHandle handle,
                                      const void* bytes,
                                      bst_ulong length) = nullptr;
  int (*XGBoosterSaveModelToBuffer)(BoosterHandle handle,
                                    const char* config,
                                    bst_ulong* out_length,
                                    const char** out_bytes) = nullptr;
};

/// Loads the library at the first call: only training needs its 17 MB. Throws Error where it is
/// missing.
const XGBoostFunctions& xgboost();

}  // namespace weir::training
