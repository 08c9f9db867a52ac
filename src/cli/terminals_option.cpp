#include "cli/terminals_option.h"

#include <filesystem>

#include "edge/files/staged.h"

namespace weir::cli {

std::optional<TerminalSet> read_terminals(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (!TerminalSet::is_range(text) && std::filesystem::is_regular_file(text)) {
    return TerminalSet::parse(files::read_text(text), text);
  }
  return TerminalSet::parse(text, "--terminals");
}

}  // namespace weir::cli
