#pragma once

#include <optional>
#include <string>

namespace weir::files {

/// `reports/<name>.json` of a lake (a folder or `s3://bucket/prefix`); nothing when it has none.
std::optional<std::string> read_report(const std::string& lake, const std::string& name);

}  // namespace weir::files
