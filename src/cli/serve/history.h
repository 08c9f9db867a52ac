#pragma once

#include <optional>
#include <string>

#include "core/pipeline/pipeline.h"
#include "core/transaction/payment.h"
#include "core/transaction/progress.h"

namespace weir::cli {

/// Applies the payments of a lake before `to` to an empty pipeline, each label `label_delay` after
/// its payment: the part of the log before a journal's first entry. Returns the newest event time.
Seconds apply_history(Pipeline& pipeline,
                      const std::string& lake,
                      std::optional<Seconds> to,
                      Seconds label_delay,
                      int threads,
                      Progress& progress);

}  // namespace weir::cli
