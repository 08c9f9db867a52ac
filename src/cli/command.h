#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/transaction/payment.h"
#include "core/transaction/progress.h"

// CLI11 is slow to compile: only sources that declare flags include it.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace weir::cli {

/// What every command shares: how it may talk to the user.
///
/// A command's result goes to stdout (a table, or one JSON document with --json), progress and
/// errors to stderr. It throws Error for failed work (exit code 1) and UsageError for wrong use
/// (2).
class Terminal {
 public:
  /// A progress bar when stderr is a terminal, else a plain line a step; silent with --quiet or
  /// --json.
  std::unique_ptr<Progress> make_progress() const;
  bool json = false;
  bool quiet = false;
};

/// Adds a command with the flags that all commands have. `example` is shown at the end of its
/// --help.
CLI::App* add_command(CLI::App& weir,
                      Terminal& terminal,
                      const std::string& name,
                      const std::string& description,
                      const std::string& example);

/// A flag that takes a date (`2019-08-22`, midnight UTC) or `2019-08-22 12:00:00`; UsageError
/// otherwise.
CLI::Option* add_time_option(CLI::App& command,
                             const std::string& flag,
                             std::optional<Seconds>& value,
                             const std::string& description);

/// `--from` and `--to`: the half-open period [from, to).
void add_period_options(CLI::App& command,
                        std::optional<Seconds>& from,
                        std::optional<Seconds>& to);

/// A flag that takes `7d`, `36h`, `15m` or seconds; UsageError otherwise.
CLI::Option* add_duration_option(CLI::App& command,
                                 const std::string& flag,
                                 std::optional<Seconds>& value,
                                 const std::string& description);

/// Turns SIGINT and SIGTERM into Interrupted, thrown by the next Progress::update.
void catch_signals();

/// SIGINT or SIGTERM came, for a loop of its own.
bool stop_requested();

/// From now on SIGHUP does not end the process.
void catch_reload_signal();
/// SIGHUP came since the last call.
bool take_reload_request();
/// SIGUSR1 came since the last call, after `catch_reload_signal`.
bool take_log_request();

// One a command, each in a file of its name.

}  // namespace weir::cli
