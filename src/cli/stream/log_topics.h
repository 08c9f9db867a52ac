#pragma once

#include <functional>
#include <string>

#include "cli/stream/stream_options.h"
#include "edge/kafka/client.h"

namespace weir::cli {

/// Waits for a broker, checks that the three topics are there and fit together, and creates them
/// where the options say so. Gives the count of partitions of the events. Throws Error.
int check_log_topics(kafka::Client& client,
                     const StreamOptions& options,
                     const std::function<void(const std::string&)>& say);

}  // namespace weir::cli
