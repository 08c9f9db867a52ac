#include "edge/files/simulation_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "core/simulation/raw_rows.h"
#include "core/transaction/error.h"
#include "edge/files/staged.h"

namespace weir::files {
namespace fs = std::filesystem;
namespace {

constexpr double kRowsPerUnit = 60'000;

/// Lets units of work through one after another, in their order.
class Turnstile {
 public:
  /// False when the work was stopped.
  bool wait_for(std::int64_t unit) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || next_ == unit; });
    return !stopped_;
  }
  void pass() {
    {
      const std::lock_guard lock(mutex_);
      ++next_;
    }
    changed_.notify_all();
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t next_ = 0;
  bool stopped_ = false;
};

/// The raw files, one after another.
class RawFileWriter {
 public:
  RawFileWriter(const SimulationSpec& spec, fs::path folder)
      : spec_(spec), folder_(std::move(folder)) {}
  ~RawFileWriter() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  RawFileWriter(const RawFileWriter&) = delete;
  RawFileWriter& operator=(const RawFileWriter&) = delete;

  /// Opens the next file when `day` begins one.
  void begin_day(std::int64_t day) {
    if (day != 0 && (spec_.days_per_file == 0 || day % spec_.days_per_file != 0)) return;
    close();
    path_ = folder_ / raw_file_name(spec_, day);
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail();
    names_.push_back(path_.filename());
    write(raw_header(spec_.format));
  }

  void write(std::string_view text) {
    bytes_ += static_cast<std::int64_t>(text.size());
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail();
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  void close() {
    if (descriptor_ < 0) return;
    const int result = ::close(descriptor_);
    descriptor_ = -1;
    if (result != 0) fail();
  }

  const std::vector<fs::path>& names() const { return names_; }
  std::int64_t bytes() const { return bytes_; }

 private:
  [[noreturn]] void fail() const {
    throw Error(fmt::format("cannot write \"{}\": {}; free some space or choose another --out",
                            path_.string(), std::strerror(errno)));
  }

  const SimulationSpec& spec_;
  fs::path folder_;
  fs::path path_;
  int descriptor_ = -1;
  std::vector<fs::path> names_;
  std::int64_t bytes_ = 0;
};

/// Threads draw and format blocks of customers of a day side by side; ids and files are handed out
/// in the blocks' order.
class Production {
 public:
  Production(const Simulator& simulator, const fs::path& raw)
      : simulator_(simulator), spec_(simulator.spec()), writer_(spec_, raw) {
    const double rows_per_customer = std::max(spec_.mean_payments_per_day, 0.01);
    block_ = spec_.order == RowOrder::kTime
                 ? spec_.customers
                 : std::clamp(static_cast<std::int64_t>(kRowsPerUnit / rows_per_customer),
                              std::int64_t{1}, spec_.customers);
    blocks_a_day_ = (spec_.customers + block_ - 1) / block_;
  }

  void run(int threads, Progress& progress) {
    progress.begin("simulating", static_cast<std::uint64_t>(spec_.expected_payments()), "rows");
    std::vector<std::jthread> workers;
    const Stopper stopper{*this};  // Before the threads are joined, however this ends.
    for (int i = 0; i < threads; ++i) workers.emplace_back([this] { work(); });
    std::unique_lock lock(mutex_);
    while (finished_workers_ < threads) {
      finished_.wait_for(lock, std::chrono::milliseconds(50));
      lock.unlock();
      progress.update(rows_written_.load());
      lock.lock();
    }
    if (failure_) std::rethrow_exception(failure_);
    lock.unlock();
    workers.clear();
    writer_.close();
    progress.update(rows_written_.load());
    progress.end();
  }

  SimulationFiles result() const { return {counts_, writer_.names(), writer_.bytes()}; }

 private:
  struct Stopper {
    Production& production;
    ~Stopper() { production.stop(); }
  };

  void stop() {
    numbering_.stop();
    writing_.stop();
  }

  void work() {
    try {
      while (work_on(next_unit_.fetch_add(1))) {
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stop();
    }
    const std::lock_guard lock(mutex_);
    ++finished_workers_;
    finished_.notify_all();
  }

  /// False when all is done or the work was stopped.
  bool work_on(std::int64_t unit) {
    if (unit >= spec_.days * blocks_a_day_) return false;
    const std::int64_t day = unit / blocks_a_day_;
    const std::int64_t begin = unit % blocks_a_day_ * block_;
    const auto payments =
        simulator_.payments(day, begin, std::min(begin + block_, spec_.customers));
    if (!numbering_.wait_for(unit)) return false;
    const std::int64_t first_id = next_id_;
    next_id_ += static_cast<std::int64_t>(payments.size());
    numbering_.pass();
    RawRows rows = format_rows(spec_, day, first_id, payments);
    if (!writing_.wait_for(unit)) return false;
    if (begin == 0) writer_.begin_day(day);
    writer_.write(rows.text);
    for (RawRows::LaterCopy& copy : rows.later_copies) {
      copies_.emplace(copy.day, std::move(copy.line));
    }
    if (begin + block_ >= spec_.customers) {
      const auto [first, last] = copies_.equal_range(day);
      for (auto copy = first; copy != last; ++copy) writer_.write(copy->second);
      copies_.erase(first, last);
    }
    counts_ += rows.counts;
    rows_written_ += static_cast<std::uint64_t>(rows.counts.written.rows);
    writing_.pass();
    return true;
  }

  const Simulator& simulator_;
  const SimulationSpec& spec_;
  std::int64_t block_ = 1;
  std::int64_t blocks_a_day_ = 1;
  std::atomic<std::int64_t> next_unit_ = 0;
  std::atomic<std::uint64_t> rows_written_ = 0;

  Turnstile numbering_;
  std::int64_t next_id_ = 0;  // Of whose turn it is.

  Turnstile writing_;  // From here: of whose turn it is.
  RawFileWriter writer_;
  std::multimap<std::int64_t, std::string> copies_;  // By the day after whose rows they stand.
  PlantedCounts counts_;

  std::mutex mutex_;
  std::condition_variable finished_;
  int finished_workers_ = 0;
  std::exception_ptr failure_;
};

/// Removes the folder again if it was made here and nothing came of it.
class NewFolder {
 public:
  explicit NewFolder(const fs::path& folder) : folder_(folder), existed_(fs::exists(folder)) {}
  ~NewFolder() {
    std::error_code ignored;
    if (!existed_ && fs::is_empty(folder_, ignored)) fs::remove(folder_, ignored);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

 private:
  fs::path folder_;
  bool existed_;
};

}  // namespace

SimulationFiles write_simulation(const Simulator& simulator,
                                 const fs::path& folder,
                                 int threads,
                                 Progress& progress) {
  const NewFolder parent(folder);
  // Two folders, so that a lake beside them is never replaced.
  StagedFolder raw(folder / "raw");
  StagedFolder truth(folder / "truth");
  SimulationFiles files;
  {
    Production production(simulator, raw.path());
    production.run(threads, progress);
    files = production.result();
  }
  for (fs::path& name : files.raw) name = folder / "raw" / name;
  write_text(truth.path() / "windows.csv", format_windows(simulator.episodes()));
  write_text(truth.path() / "planted.json", format_planted(simulator.spec(), files.counts));
  raw.commit();
  truth.commit();
  return files;
}

}  // namespace weir::files
