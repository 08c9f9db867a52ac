#pragma once

#include <map>
#include <string>
#include <string_view>

namespace weir::kafka {

/// How to reach a cluster.
struct Settings {
  std::string brokers = "127.0.0.1:9092";  ///< `host:port`, more between commas.
  /// librdkafka's own properties (SASL, TLS, compression, …), by name.
  std::map<std::string, std::string> properties;
};

/// Reads a properties file: `name=value` a line, `#` begins a comment. Throws UsageError naming
/// `source` and the line for anything else, and for a property on which exactly-once stands.
std::map<std::string, std::string> parse_properties(std::string_view text,
                                                    const std::string& source);

}  // namespace weir::kafka
