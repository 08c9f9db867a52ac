#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "core/profiling/data_profile.h"
#include "core/transaction/progress.h"

namespace weir::cli {

struct ProfileOptions {
  std::string input;  ///< A lake, or raw files, which are cleaned first.
  std::string out;    ///< Folder for profile.html and profile.json.
  std::optional<Seconds> from;
  std::optional<Seconds> to;
  std::optional<Seconds> split;  ///< Where the second period of the drift begins.
  std::string terminals;         ///< For cleaning raw files.
  int threads = 0;               ///< 0: all cores.
};

struct ProfileResult {
  DataProfile profile;
  std::string json;  ///< profile.json
  std::string html_path;
  std::string json_path;
};

/// Throws Error as read_lake() and run_clean() do, UsageError when --split leaves a period empty.
ProfileResult run_profile(const ProfileOptions& options, Progress& progress);

void add_profile_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli
