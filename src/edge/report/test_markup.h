#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir::report {

/// Nothing when every tag of `markup` is closed in order and text and attributes have no bare `<`,
/// `&` or quote; else what is wrong and where.
inline std::string find_markup_fault(std::string_view markup) {
  std::vector<std::string> open;
  const auto at = [&](std::size_t i) { return std::string(markup.substr(i, 60)); };
  for (std::size_t i = 0; i < markup.size(); ++i) {
    if (markup[i] == '&') {
      const std::size_t end = markup.find(';', i);
      if (end == std::string_view::npos || end - i > 6) return "bare & at " + at(i);
      continue;
    }
    if (markup[i] == '>') return "bare > at " + at(i);
    if (markup[i] != '<') continue;
    std::size_t end = i + 1;
    for (char quote = 0; end < markup.size(); ++end) {
      const char c = markup[end];
      if (quote == 0 && c == '>') break;
      if (c == '<') return "bare < in the tag " + at(i);
      if (c == '"') quote = quote == 0 ? '"' : '\0';
    }
    if (end == markup.size()) return "unfinished tag " + at(i);
    const std::string tag(markup.substr(i + 1, end - i - 1));
    const std::string name = tag.substr(
        tag.starts_with('/'), tag.find_first_of(" /", 1) - (tag.starts_with('/') ? 1 : 0));
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != name) return "unexpected </" + name + "> at " + at(i);
      open.pop_back();
    } else if (!tag.ends_with('/') && !tag.starts_with('!') && name != "meta") {
      open.push_back(name);
      if (name == "style") end = markup.find("</style>", end) - 1;
    }
    i = end;
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

}  // namespace weir::report
