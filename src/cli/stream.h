#pragma once

#include "cli/command.h"

namespace weir::cli {

/// `weir stream`: Kafka topic → topic, exactly once.
void add_stream_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli
