#pragma once

#include <optional>
#include <string>

#include "core/cleaning/terminals.h"

namespace weir::cli {

/// The value of `--terminals`: a range, a list or a file's name; nothing for an empty text.
std::optional<TerminalSet> read_terminals(const std::string& text);

}  // namespace weir::cli
