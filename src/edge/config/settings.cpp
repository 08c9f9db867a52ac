#include "edge/config/settings.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <sstream>

#include "core/transaction/error.h"
#include "core/transaction/nearest_name.h"

namespace weir::config {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string scalar_text(const toml::node& node,
                        const std::string& source,
                        const std::string& name) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* flag = node.as_boolean()) return flag->get() ? "true" : "false";
  throw UsageError(
      fmt::format("{}: line {}: {} must be a string, a number, true/false or an array of them",
                  source, node.source().begin.line, name));
}

[[noreturn]] void fail_unknown(const std::string& where,
                               const SettingName& name,
                               const std::vector<SettingName>& known) {
  std::vector<std::string> names;
  std::transform(known.begin(), known.end(), std::back_inserter(names),
                 [](const SettingName& setting) { return setting.section + "." + setting.key; });
  const std::string got = name.section + "." + name.key;
  throw UsageError(fmt::format("{}: unknown setting {}; did you mean {}?", where, got,
                               nearest_name(got, names)));
}

bool is_known(const SettingName& name, const std::vector<SettingName>& known) {
  return std::find(known.begin(), known.end(), name) != known.end();
}

}  // namespace

Settings parse_toml_settings(std::string_view text,
                             const std::string& source,
                             const std::vector<SettingName>& known) {
  toml::table document;
  try {
    document = toml::parse(text, source);
  } catch (const toml::parse_error& error) {
    throw UsageError(fmt::format("{}: line {}: {}", source, error.source().begin.line,
                                 std::string(error.description())));
  }
  Settings settings;
  for (const auto& [section, node] : document) {
    const std::string section_name(section.str());
    const auto* table = node.as_table();
    if (table == nullptr) {
      throw UsageError(
          fmt::format("{}: line {}: {} stands outside a section; write [section] above it", source,
                      node.source().begin.line, section_name));
    }
    for (const auto& [key, value] : *table) {
      const SettingName name{section_name, std::string(key.str())};
      if (!is_known(name, known)) {
        fail_unknown(fmt::format("{}: line {}", source, value.source().begin.line), name, known);
      }
      const std::string full_name = name.section + "." + name.key;
      if (const auto* array = value.as_array()) {
        for (const auto& item : *array)
          settings[name].push_back(scalar_text(item, source, full_name));
      } else {
        settings[name] = {scalar_text(value, source, full_name)};
      }
    }
  }
  return settings;
}

Settings parse_environment_settings(const std::vector<std::string>& environment,
                                    const std::vector<SettingName>& known) {
  constexpr std::string_view kPrefix = "WEIR_";
  Settings settings;
  for (const std::string& entry : environment) {
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with(kPrefix) || equals == std::string::npos) continue;
    const std::string variable = entry.substr(0, equals);
    const std::size_t separator = variable.find("__");
    if (separator == std::string::npos || separator < kPrefix.size()) continue;
    const SettingName name{lower(variable.substr(kPrefix.size(), separator - kPrefix.size())),
                           lower(variable.substr(separator + 2))};
    if (!is_known(name, known)) fail_unknown("environment variable " + variable, name, known);
    settings[name] = {entry.substr(equals + 1)};
  }
  return settings;
}

}  // namespace weir::config
