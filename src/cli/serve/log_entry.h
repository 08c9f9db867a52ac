#pragma once

#include <vector>

#include "core/pipeline/pipeline.h"
#include "edge/journal/record.h"

namespace weir::cli {

/// What a journal's record and the pipeline's types say of each other.
Feedback feedback_of(const journal::Record& record);
void set_decision(journal::Record& record, const Decision& decision);
Decision decision_of(const journal::Record& record);

/// Applies an entry of any kind.
void apply_entry(Pipeline& pipeline, const journal::Record& record);

/// Kopecks of confirmed damage that `feedback` adds, or takes back where it corrects: of a fraud
/// that went through. `decision`: on its payment, null where it is not known; `earlier`: what was
/// told of the payment before, oldest first.
std::int64_t damage_of(const journal::Record& feedback,
                       const journal::Record* decision,
                       const std::vector<journal::Record>& earlier);

/// Feedback gets the beliefs of the decision that it is about, so that whoever applies the log
/// needs no look-up.
void set_origin(journal::Record& feedback, const journal::Record& decision);

}  // namespace weir::cli
