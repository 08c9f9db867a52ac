#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace weir::cli {

/// The command line with settings from a TOML file and the environment put before the user's own
/// flags.
///
/// Order, the last wins: defaults, TOML (`--config FILE`, else `weir.toml` here), environment
/// (`WEIR_FEATURES__LABEL_DELAY=7d`), flags. Every long option of every command is a setting
/// `[command] option_name`. Throws UsageError for an unknown one.
std::vector<std::string> merge_settings(const CLI::App& weir, std::vector<std::string> arguments);

/// docs/reference/config.md: every setting of every command, from the flags themselves.
std::string settings_reference(const CLI::App& weir);

}  // namespace weir::cli
