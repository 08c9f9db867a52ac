#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// The candidate with the smallest edit distance to `word`, for "did you mean …?"; empty when there
/// is none.
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace weir
