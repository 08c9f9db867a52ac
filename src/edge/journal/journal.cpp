#include "edge/journal/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "core/transaction/error.h"

namespace weir::journal {
namespace {

constexpr std::size_t kMostUnfiled = 64 << 20;  // Bytes; then writers wait for SQLite after all.
constexpr std::int64_t kPrunedAtOnce = 500;     // Entries, and twice as many as were filed.
constexpr auto kTryAgain = std::chrono::milliseconds(100);
// At a share that counts the filer, once it runs, keeps the thread that answers waiting until the
// scheduler's next tick, 2 to 4 ms; of the least it is interrupted at once. It cannot raise its own
// again without a privilege, so where the least is too little another thread files: a quarter of a
// core where the thread that answers would have all of it.
constexpr int kPatientNiceness = 19;
constexpr int kHastyNiceness = 5;

}  // namespace

Durability parse_durability(std::string_view word) {
  if (word == "os") return Durability::kOs;
  if (word == "full") return Durability::kFull;
  throw UsageError(fmt::format(
      "--durability is \"{}\", wanted os (survives the end of the process) or full (survives a "
      "power cut)",
      word));
}

Journal::Lock::Lock(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "lock";
  file_ = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (file_ < 0) {
    throw Error(fmt::format("journal \"{}\": {}; choose a folder that can be written",
                            folder.string(), std::strerror(errno)));
  }
  if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
    close(file_);
    throw Error(
        fmt::format("journal \"{}\": another weir serve writes to it; stop that one or "
                    "choose another --journal",
                    folder.string()));
  }
}

Journal::Lock::~Lock() { close(file_); }

std::filesystem::path Journal::make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  // Payments are nobody else's to read.
  if (std::filesystem::create_directories(folder, error)) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  return folder;
}

Journal::Journal(const std::filesystem::path& folder, Durability durability)
    : lock_(make_folder(folder)), store_(folder, durability) {
  file_the_tail(folder);
  tail_.emplace(folder, durability == Durability::kFull);
  end_ = store_.end_position();
  patient_filer_ = std::thread([this] { run_filer(Unfiled::Filer::kPatient); });
  hasty_filer_ = std::thread([this] { run_filer(Unfiled::Filer::kHasty); });
}

Journal::~Journal() {
  ending_ = true;
  unfiled_.end();
  patient_filer_.join();
  hasty_filer_.join();
}

/// What the last writer did not come to.
void Journal::file_the_tail(const std::filesystem::path& folder) {
  const auto tail = Tail::read(folder, [this] { return store_.end_position(); });
  if (tail.bytes.empty()) return;
  EntryBatch left;
  left.append(tail.bytes, tail.position);
  std::string fault;
  if (!store_.write(left, fault)) {
    throw Error(fmt::format("journal \"{}\": {}; make room on the disk and start again",
                            folder.string(), fault));
  }
  // The tail is emptied next: by then the disk must have it.
  store_.checkpoint();
}

bool Journal::write(const EntryBatch& batch, std::string& fault) {
  if (batch.empty()) return true;
  // The first log entry comes after what was applied before there was a log.
  std::uint64_t next = end_ == 0 ? batch.entries().front().position : end_;
  for (const EntryBatch::Entry& entry : batch.entries()) {
    if (entry.position == next) {
      ++next;
      continue;
    }
    fault = entry.position < next ? fmt::format("entry {} is written already", entry.position)
                                  : fmt::format("entry {} where {} was due", entry.position, next);
    return false;
  }
  if (unfiled_.bytes() > kMostUnfiled &&
      !unfiled_.wait_below(kMostUnfiled, [this] { return failing_.load(); })) {
    std::lock_guard lock(fault_mutex_);
    fault = filing_fault_;
    return false;
  }
  if (!tail_->write(batch, unfiled_.filed_below(end_), fault)) return false;
  unfiled_.add(batch);
  end_ = next;
  return true;
}

bool Journal::file_all(std::string& fault) {
  int tries = 0;
  const auto give_up = [&] { return failing_ && ++tries > 3; };
  if (unfiled_.wait_below(1, give_up)) return true;
  std::lock_guard lock(fault_mutex_);
  fault = filing_fault_;
  return false;
}

bool Journal::file(const EntryBatch& batch) {
  std::lock_guard lock(store_mutex_);
  std::string fault;
  const bool written = store_.write(batch, fault);
  {
    std::lock_guard guard(fault_mutex_);
    filing_fault_ = std::move(fault);
  }
  failing_ = !written;
  return written;
}

void Journal::run_filer(Unfiled::Filer filer) {
  const bool patient = filer == Unfiled::Filer::kPatient;
  // Of this thread alone, on Linux.
  setpriority(PRIO_PROCESS, 0, patient ? kPatientNiceness : kHastyNiceness);
  for (;;) {
    const EntryBatch* batch = unfiled_.take(filer);
    if (batch == nullptr) {
      // The hasty one stays for what the other one may leave.
      if (ending_ && (patient || unfiled_.bytes() == 0)) return;
      if (patient) look_after_store(kPrunedAtOnce);
      continue;
    }
    if (file(*batch)) {
      const auto filed = static_cast<std::int64_t>(batch->size());
      unfiled_.filed();
      look_after_store(kPrunedAtOnce + 2 * filed);
      continue;
    }
    unfiled_.not_filed();
    if (ending_) return;
    std::this_thread::sleep_for(kTryAgain);
  }
}

void Journal::look_after_store(std::int64_t pruned) {
  prune(prune_before_, prune_below_, pruned);
  std::lock_guard lock(store_mutex_);
  store_.shorten();
}

void Journal::checkpoint() {
  std::lock_guard lock(store_mutex_);
  store_.checkpoint();
}

void Journal::prune_from_now_on(Seconds logged_before, std::uint64_t position_below) {
  prune_before_ = logged_before;
  prune_below_ = position_below;
}

std::int64_t Journal::prune(Seconds logged_before,
                            std::uint64_t position_below,
                            std::int64_t limit) {
  std::lock_guard lock(store_mutex_);
  return store_.prune(logged_before, position_below, limit);
}

}  // namespace weir::journal
