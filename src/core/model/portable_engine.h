#pragma once

#include <memory>

#include "core/model/scorer.h"

namespace weir {

/// The layout of ScorerKind::kPortable; nullptr when the forest does not fit it (deeper than 10, or
/// more than 256 inputs in use).
std::unique_ptr<const Scorer::Engine> make_portable_engine(const Forest& forest);

}  // namespace weir
