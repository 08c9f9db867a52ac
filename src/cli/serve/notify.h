#pragma once

#include <string_view>

namespace weir::cli {

/// Tells systemd how the service is (`READY=1`, `STOPPING=1`) where it asked by NOTIFY_SOCKET; does
/// nothing elsewhere. The protocol of sd_notify(3), without its library.
void notify_supervisor(std::string_view state);

}  // namespace weir::cli
