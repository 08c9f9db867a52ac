#pragma once

#include <filesystem>

#include "core/model/bundle.h"

namespace weir::registry {

/// Reads a bundle folder; every hash is checked, and that its forest and its policy
/// can be read and fit its features. Throws Error
/// naming the folder and the file that is missing or damaged.
Bundle load_bundle(const std::filesystem::path& folder);

/// Writes a bundle folder as a whole: aside, then renamed. The same bundle gives the same bytes.
/// Replaces an older bundle there; throws Error when the folder holds anything else.
/// Returns the version that the bundle got.
std::string save_bundle(const Bundle& bundle, const std::filesystem::path& folder);

}  // namespace weir::registry
