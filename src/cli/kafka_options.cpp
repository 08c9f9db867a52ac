#include "cli/kafka_options.h"

#include <CLI/CLI.hpp>

#include "edge/files/staged.h"

namespace weir::cli {

void add_kafka_options(CLI::App& command, kafka::Settings& settings, std::string& properties_file) {
  command.add_option("--brokers", settings.brokers, "Kafka's host:port, more between commas");
  command.add_option("--kafka-properties", properties_file,
                     "File of librdkafka properties, name=value a line: SASL, TLS, compression");
}

void add_log_options(CLI::App& command,
                     StreamOptions& options,
                     std::optional<Seconds>& connect_timeout) {
  command.add_option("--events", options.events, "Topic of payments and feedback");
  command.add_option("--decisions", options.decisions, "Topic of decisions");
  command.add_option("--rejects", options.rejects, "Topic of events that broke a rule");
  command.add_option("--group", options.group, "Consumer group: one log, one state");
  command.add_option("--create-topics", options.create_topics,
                     "Create missing topics with so many partitions");
  add_duration_option(command, "--connect-timeout", connect_timeout,
                      "How long to wait for a broker at the start; 30s if not given");
  command.add_option("--session-timeout-ms", options.session_timeout_ms,
                     "Without a sign of life for so long a member loses its partitions");
}

std::map<std::string, std::string> read_kafka_properties(const std::string& file) {
  if (file.empty()) return {};
  return kafka::parse_properties(files::read_text(file), file);
}

}  // namespace weir::cli
