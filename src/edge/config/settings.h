#pragma once

#include <compare>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

/// One setting of a command, as its flag without the dashes: section `clean`, key `label_delay`.
struct SettingName {
  std::string section;
  std::string key;

  friend auto operator<=>(const SettingName&, const SettingName&) = default;
};

/// Values by name, each a list of texts as they would stand on the command line.
using Settings = std::map<SettingName, std::vector<std::string>>;

/// Reads `[section] key = value` settings from TOML text.
///
/// Strings, numbers, booleans and arrays of them. Throws UsageError naming `source`, the place, and
/// for an unknown section or key the nearest known one.
Settings parse_toml_settings(std::string_view text,
                             const std::string& source,
                             const std::vector<SettingName>& known);

/// Reads settings from environment variables `WEIR_SECTION__KEY`, given as `NAME=value` texts.
///
/// Variables without `__` (WEIR_PYTHON) are not settings. Throws UsageError for an unknown name.
Settings parse_environment_settings(const std::vector<std::string>& environment,
                                    const std::vector<SettingName>& known);

}  // namespace weir::config
