#pragma once

#include <string>

namespace weir {

/// docs/reference/features.md: the vocabulary and the built-in specs, out of the tables that the
/// code works with.
std::string features_reference();

}  // namespace weir
