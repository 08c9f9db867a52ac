#pragma once

#include <string_view>

namespace weir::cli {

/// The console: one HTML page with its style and script, which asks for nothing elsewhere.
std::string_view console_page();

}  // namespace weir::cli
