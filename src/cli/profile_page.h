#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "core/profiling/data_profile.h"

namespace weir::cli {

/// profile.html. `cleaning` is the lake's reports/clean.json, or null where it has none.
std::string format_profile_page(const DataProfile& profile,
                                const std::string& input,
                                const nlohmann::ordered_json& cleaning);

}  // namespace weir::cli
