#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

/// A bundle behind an address: `URL/model.json` and the files that it names.
struct BundleUrl {
  std::string url;               ///< Of the folder.
  std::filesystem::path folder;  ///< Where the last sound one is kept.
  std::string etag;              ///< Of the `model.json` that was read last; empty: none.

  /// Asks for `model.json`, with `If-None-Match`, and where its version is none of `running` for
  /// the rest; checks every hash before anything is kept. True when `folder` holds a new bundle.
  /// Throws Error naming the address. WEIR_BUNDLE_TOKEN, where set, goes along as a bearer token.
  bool fetch(const std::vector<std::string>& running);
};

/// Where the bundle of a role is kept: below the journal's folder.
std::filesystem::path kept_bundle(const std::filesystem::path& journal, std::string_view role);

/// The folder of the bundle at `source`: itself, or for an address the kept copy, brought up to
/// date. While the address gives no sound bundle an older copy does, which stderr tells; without
/// one throws Error.
std::string bundle_folder_of(const std::string& source,
                             const std::filesystem::path& journal,
                             std::string_view role);

}  // namespace weir::cli
