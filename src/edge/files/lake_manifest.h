#pragma once

#include <optional>
#include <vector>

#include "edge/files/storage.h"

namespace weir::files {

/// The day files that the newest manifest names; nothing for a lake without manifests, which is a
/// plain `weir clean` lake. A job publishes a state by creating one manifest, so what is seen here
/// is whole whatever is being written beside it.
/// Throws Error naming a manifest that cannot be read.
std::optional<std::vector<Place>> published_files(const Place& lake);

}  // namespace weir::files
