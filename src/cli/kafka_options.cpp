#include "cli/kafka_options.h"

#include <CLI/CLI.hpp>

#include "edge/files/staged.h"

namespace weir::cli {

void add_kafka_options(CLI::App& command, kafka::Settings& settings, std::string& properties_file) {
  command.add_option("--brokers", settings.brokers, "Kafka's host:port, more between commas");
  command.add_option("--kafka-properties", properties_file,
                     "File of librdkafka properties, name=value a line: SASL, TLS, compression");
}

std::map<std::string, std::string> read_kafka_properties(const std::string& file) {
  if (file.empty()) return {};
  return kafka::parse_properties(files::read_text(file), file);
}

}  // namespace weir::cli
