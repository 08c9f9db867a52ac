#pragma once

#include <map>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/stream/stream_options.h"
#include "edge/kafka/settings.h"

namespace weir::cli {

/// `--brokers` and `--kafka-properties`.
void add_kafka_options(CLI::App& command, kafka::Settings& settings, std::string& properties_file);

/// What else tells which log it is and how to take part in it: topics, group, time-outs.
void add_log_options(CLI::App& command,
                     StreamOptions& options,
                     std::optional<Seconds>& connect_timeout);

/// librdkafka's properties from a file; none for an empty name.
std::map<std::string, std::string> read_kafka_properties(const std::string& file);

}  // namespace weir::cli
