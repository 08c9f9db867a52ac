#pragma once

#include <map>
#include <string>

#include "cli/command.h"
#include "edge/kafka/settings.h"

namespace weir::cli {

/// `--brokers` and `--kafka-properties`.
void add_kafka_options(CLI::App& command, kafka::Settings& settings, std::string& properties_file);

/// librdkafka's properties from a file; none for an empty name.
std::map<std::string, std::string> read_kafka_properties(const std::string& file);

}  // namespace weir::cli
