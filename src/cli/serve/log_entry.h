#pragma once

#include "core/pipeline/pipeline.h"
#include "edge/journal/record.h"

namespace weir::cli {

/// What a journal's record and the pipeline's types say of each other.
Feedback feedback_of(const journal::Record& record);
void set_decision(journal::Record& record, const Decision& decision);
Decision decision_of(const journal::Record& record);

/// Applies an entry of any kind.
void apply_entry(Pipeline& pipeline, const journal::Record& record);

/// Feedback gets the beliefs of the decision that it is about, so that whoever applies the log
/// needs no look-up.
void set_origin(journal::Record& feedback, const journal::Record& decision);

}  // namespace weir::cli
