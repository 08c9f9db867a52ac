#include "cli/command.h"

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <csignal>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir::cli {
namespace {

// Set by a signal handler, so it must be a global.
volatile std::sig_atomic_t stop_signal = 0;
volatile std::sig_atomic_t reload_signal = 0;
volatile std::sig_atomic_t log_signal = 0;

class TerminalProgress : public Progress {
 public:
  explicit TerminalProgress(bool silent) : silent_(silent), bar_(isatty(STDERR_FILENO) != 0) {}
  ~TerminalProgress() override { clear(); }

  void begin(std::string_view step, std::uint64_t total, std::string_view unit) override {
    step_ = step;
    unit_ = unit;
    total_ = total;
    start_ = shown_ = Clock::now();
    done_ = 0;
    draw();
  }

  void update(std::uint64_t done) override {
    if (stop_signal != 0) throw Interrupted("interrupted; nothing half-written was left behind");
    done_ = done;
    if (!bar_ || Clock::now() - shown_ < std::chrono::milliseconds(100)) return;
    draw();
  }

  void end() override {
    if (step_.empty() || silent_) return;
    clear();
    const double seconds = elapsed();
    fmt::print(stderr, "{}: {} {} in {:.1f} s", step_, with_suffix(done_), unit_, seconds);
    if (seconds > 0.05)
      fmt::print(stderr, " ({} {}/s)",
                 with_suffix(static_cast<std::uint64_t>(static_cast<double>(done_) / seconds)),
                 unit_);
    fmt::print(stderr, "\n");
    step_.clear();
  }

 private:
  using Clock = std::chrono::steady_clock;

  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  static std::string with_suffix(std::uint64_t count) {
    if (count >= 10'000'000) return fmt::format("{:.1f} M", static_cast<double>(count) / 1e6);
    if (count >= 10'000) return fmt::format("{:.1f} k", static_cast<double>(count) / 1e3);
    return fmt::format("{}", count);
  }

  void draw() {
    if (silent_ || !bar_) return;
    shown_ = Clock::now();
    const double share =
        total_ == 0 ? 0.0 : std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    const auto filled = static_cast<std::size_t>(share * 30);
    std::string line = fmt::format("\r\033[K{:<12} ", step_);
    if (total_ != 0)
      line += fmt::format("[{:#<{}}{:.<{}}] {:3.0f} % ", "", filled, "", 30 - filled, share * 100);
    line += fmt::format("{} {}", with_suffix(done_), unit_);
    if (share > 0.02) line += fmt::format(", {:.0f} s left", elapsed() * (1 - share) / share);
    fmt::print(stderr, "{}", line);
  }

  void clear() const {
    if (bar_ && !silent_) fmt::print(stderr, "\r\033[K");
  }

  bool silent_;
  bool bar_;
  std::string step_;
  std::string unit_;
  std::uint64_t total_ = 0;
  std::uint64_t done_ = 0;
  Clock::time_point start_;
  Clock::time_point shown_;
};

}  // namespace

std::unique_ptr<Progress> Terminal::make_progress() const {
  return std::make_unique<TerminalProgress>(quiet || json);
}

CLI::App* add_command(CLI::App& weir,
                      Terminal& terminal,
                      const std::string& name,
                      const std::string& description,
                      const std::string& example) {
  CLI::App* command = weir.add_subcommand(name, description);
  command->footer("Example:\n  " + example);
  command->option_defaults()->always_capture_default()->multi_option_policy(
      CLI::MultiOptionPolicy::TakeLast);
  command->add_flag("--json", terminal.json, "Print the result as one JSON document");
  command->add_flag("--quiet", terminal.quiet, "No progress on stderr");
  return command;
}

CLI::Option* add_time_option(CLI::App& command,
                             const std::string& flag,
                             std::optional<Seconds>& value,
                             const std::string& description) {
  return command
      .add_option_function<std::string>(
          flag,
          [flag, &value](const std::string& text) {
            value = parse_date(text);
            if (!value) value = parse_datetime(text);
            if (!value) {
              throw UsageError(fmt::format(
                  "{} is \"{}\", wanted a date like 2019-08-22 or a time like 2019-08-22 12:00:00",
                  flag, text));
            }
          },
          description)
      ->type_name("DATE");
}

void add_period_options(CLI::App& command,
                        std::optional<Seconds>& from,
                        std::optional<Seconds>& to) {
  add_time_option(command, "--from", from,
                  "First day of the period; the first there is if not given");
  add_time_option(command, "--to", to, "The day after the period's last; the end if not given");
}

CLI::Option* add_duration_option(CLI::App& command,
                                 const std::string& flag,
                                 std::optional<Seconds>& value,
                                 const std::string& description) {
  return command
      .add_option_function<std::string>(
          flag,
          [flag, &value](const std::string& text) {
            value = parse_duration(text);
            if (!value) {
              throw UsageError(
                  fmt::format("{} is \"{}\", wanted a duration like 7d, 36h or 15m", flag, text));
            }
          },
          description)
      ->type_name("DURATION");
}

void catch_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stop_signal = 1; };
  action.sa_flags = SA_RESETHAND;  // A second Ctrl-C ends the process at once.
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

void catch_reload_signal() {
  struct sigaction action = {};
  action.sa_handler = [](int) { reload_signal = 1; };
  sigaction(SIGHUP, &action, nullptr);
  action.sa_handler = [](int) { log_signal = 1; };
  sigaction(SIGUSR1, &action, nullptr);
}

bool stop_requested() { return stop_signal != 0; }

bool take_reload_request() {
  if (reload_signal == 0) return false;
  reload_signal = 0;
  return true;
}

bool take_log_request() {
  if (log_signal == 0) return false;
  log_signal = 0;
  return true;
}

}  // namespace weir::cli
