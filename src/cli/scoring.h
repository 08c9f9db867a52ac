#pragma once

#include <vector>

#include "core/features/feature_batch.h"
#include "core/features/feature_spec.h"
#include "core/model/scorer.h"
#include "core/transaction/payment.h"
#include "core/transaction/progress.h"

namespace weir::cli {

/// Features of rows [first, payments.size()) of a history, on up to `threads` threads. Rows before
/// `first` fill the windows only. Needs 4 bytes a row and input.
FeatureMatrix features_of_period(const PaymentView& payments,
                                 std::size_t first,
                                 const FeatureSpec& spec,
                                 Seconds label_delay,
                                 int threads,
                                 Progress& progress);

/// The margin of each row.
std::vector<float> score_rows(const Scorer& scorer,
                              const FeatureMatrix& features,
                              std::size_t begin,
                              std::size_t end,
                              int threads,
                              Progress& progress);

}  // namespace weir::cli
