#include "edge/kafka/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/transaction/error.h"

namespace weir::kafka {
namespace {

/// What weir sets itself; another value would break what it promises.
constexpr std::array<std::string_view, 9> kOwn = {
    "bootstrap.servers",  "metadata.broker.list", "group.id",
    "group.instance.id",  "transactional.id",     "isolation.level",
    "enable.auto.commit", "enable.idempotence",   "enable.auto.offset.store"};

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

std::map<std::string, std::string> parse_properties(std::string_view text,
                                                    const std::string& source) {
  std::map<std::string, std::string> properties;
  std::size_t number = 0;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const auto equals = line.find('=');
    const std::string_view name = trim(line.substr(0, equals));
    if (equals == std::string_view::npos || name.empty()) {
      throw UsageError(fmt::format("{} line {}: wanted name=value, such as security.protocol=SSL",
                                   source, number));
    }
    if (std::find(kOwn.begin(), kOwn.end(), name) != kOwn.end()) {
      throw UsageError(fmt::format(
          "{} line {}: {} is set by weir (--brokers, --group, --instance; exactly-once stands on "
          "the rest); remove the line",
          source, number, name));
    }
    properties[std::string(name)] = trim(line.substr(equals + 1));
  }
  return properties;
}

}  // namespace weir::kafka
