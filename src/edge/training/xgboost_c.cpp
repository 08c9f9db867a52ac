#include "edge/training/xgboost_c.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>

#include "core/transaction/error.h"

namespace weir::training {
namespace {

constexpr const char* kLibrary = "libxgboost.so";

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) {
    throw Error(fmt::format("{} lacks {}; run tools/setup.sh and build again", kLibrary, name));
  }
}

XGBoostFunctions load() {
  // XGBoost's threads (OpenMP) spin while they wait for one another. With other work on the cores
  // that made training 10 to 50 times slower, alone on the machine sleeping costs nothing
  // measurable. OpenMP reads this when it is loaded.
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("OMP_WAIT_POLICY", "passive", 1);
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  // Under a sanitizer the caller is its runtime, which does not know this program's search path.
  if (library == nullptr) library = dlopen(WEIR_XGBOOST_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw Error(
        fmt::format("cannot load XGBoost: {}; run tools/setup.sh and build again", dlerror()));
  }
  XGBoostFunctions functions;
  find(library, "XGBGetLastError", functions.XGBGetLastError);
  find(library, "XGBoostVersion", functions.XGBoostVersion);
  find(library, "XGProxyDMatrixCreate", functions.XGProxyDMatrixCreate);
  find(library, "XGProxyDMatrixSetDataColumnar", functions.XGProxyDMatrixSetDataColumnar);
  find(library, "XGQuantileDMatrixCreateFromCallback",
       functions.XGQuantileDMatrixCreateFromCallback);
  find(library, "XGDMatrixSetInfoFromInterface", functions.XGDMatrixSetInfoFromInterface);
  find(library, "XGDMatrixFree", functions.XGDMatrixFree);
  find(library, "XGBoosterCreate", functions.XGBoosterCreate);
  find(library, "XGBoosterFree", functions.XGBoosterFree);
  find(library, "XGBoosterSetParam", functions.XGBoosterSetParam);
  find(library, "XGBoosterUpdateOneIter", functions.XGBoosterUpdateOneIter);
  find(library, "XGBoosterSlice", functions.XGBoosterSlice);
  find(library, "XGBoosterPredictFromDMatrix", functions.XGBoosterPredictFromDMatrix);
  find(library, "XGBoosterPredictFromColumnar", functions.XGBoosterPredictFromColumnar);
  find(library, "XGBoosterLoadModelFromBuffer", functions.XGBoosterLoadModelFromBuffer);
  find(library, "XGBoosterSaveModelToBuffer", functions.XGBoosterSaveModelToBuffer);
  return functions;
}

}  // namespace

const XGBoostFunctions& xgboost() {
  static const XGBoostFunctions functions = load();
  return functions;
}

}  // namespace weir::training
