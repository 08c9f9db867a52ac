#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/transaction/payment.h"
#include "core/transaction/progress.h"
#include "edge/training/booster.h"

namespace weir::cli {

/// The prequential protocol of the Fraud Detection Handbook, chapters 5 to 7: four folds a week
/// apart, each training on 7 days, then a gap of 7 days for the labels, then 7 days of test.
struct HandbookOptions {
  std::string lake;
  std::string spec = "weir";
  /// `week`: train on the protocol's 7 days. `all`: on every payment up to their end.
  std::string history = "week";
  /// `test`: training starts 2018-08-15 and 1, 2, 3 weeks earlier. `validation`: from 2018-07-11
  /// on, for choosing parameters.
  std::string folds = "test";
  int rounds = 300;
  training::BoosterParameters parameters = handbook_parameters();
  std::uint64_t seed = 1;
  int threads = 0;

  static training::BoosterParameters handbook_parameters();
};

struct HandbookFold {
  Seconds train_from = 0;
  std::uint64_t training_rows = 0;
  std::uint64_t test_rows = 0;  ///< Without the cards known to be compromised.
  std::uint64_t test_frauds = 0;
  double average_precision = 0;
  double roc_auc = 0;
  double card_precision = 0;  ///< @100.
};

struct HandbookResult {
  std::vector<HandbookFold> folds;
  struct Summary {
    double mean = 0;
    double deviation = 0;  ///< Over the folds, population form as the book's numpy default.
  };
  Summary average_precision;
  Summary roc_auc;
  Summary card_precision;
  std::vector<std::string> leaks;  ///< Bounds that no honest score passes.
};

/// Throws Error when the lake does not hold the handbook's payments of 2018.
HandbookResult run_handbook(const HandbookOptions& options, Progress& progress);

/// Prints our means beside the best published ones; throws Error when there is a leak.
void report_handbook(const HandbookOptions& options, const HandbookResult& result, bool json);

}  // namespace weir::cli
