#pragma once

#include "cli/command.h"

namespace weir::cli {

/// `weir produce`: a period of a lake, or a file of events, into Kafka or REST.
void add_produce_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli
