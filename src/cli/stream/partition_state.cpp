#include "cli/stream/partition_state.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/serve/history.h"
#include "core/transaction/error.h"
#include "edge/files/staged.h"
#include "edge/journal/snapshot_store.h"

namespace weir::cli {

PartitionState::PartitionState(int number, const StreamOptions& options, StreamCounts& counts)
    : number_(number), options_(options), counts_(counts) {}

PartitionState::~PartitionState() { reap_snapshot(true); }

std::filesystem::path PartitionState::folder() const {
  return options_.state / options_.group / fmt::format("{}-{}", options_.events, number_) /
         decider_->model().version();
}

void PartitionState::begin() {
  decider_ = std::make_unique<EventDecider>(LoadedModel::load(options_.bundle), options_.cleaning,
                                            options_.reasons, options_.keep_answers);
}

bool PartitionState::stands_before(const Doubt& doubt, std::int64_t next) const {
  return (!doubt.position || decider_->model().pipeline.position() <= *doubt.position) &&
         (!doubt.offset || next <= *doubt.offset);
}

std::optional<std::int64_t> PartitionState::restore(std::int64_t low,
                                                    std::int64_t most,
                                                    const Doubt& doubt) {
  for (const auto& snapshot : journal::SnapshotStore(folder()).list()) {
    const auto offset = static_cast<std::int64_t>(snapshot.position);
    if (offset > most || offset < low) continue;
    try {
      decider_->restore(files::MappedFile(snapshot.path).bytes(), offset);
      if (stands_before(doubt, offset)) return offset;
      begin();
    } catch (const Error& error) {
      ++counts_.snapshots_damaged;
      fmt::print(stderr, "weir: snapshot \"{}\": {}; it is set aside, an older one is tried\n",
                 snapshot.path.string(), error.what());
      std::error_code ignored;
      std::filesystem::rename(snapshot.path, snapshot.path.string() + ".unusable", ignored);
    }
  }
  return std::nullopt;
}

std::int64_t PartitionState::load(kafka::Consumer& consumer,
                                  std::optional<std::int64_t> committed,
                                  const Doubt& doubt,
                                  Progress& progress) {
  begin();
  const auto [low, high] = consumer.watermarks(number_);
  const std::string place = fmt::format("topic \"{}\" partition {}", options_.events, number_);
  if (committed && (*committed < low || *committed > high)) {
    throw Error(fmt::format(
        "{}: group \"{}\" has read up to offset {}, the log holds {} to {}: it was cut or made "
        "anew; see docs/operating/stream.md, \"A lost log\"",
        place, options_.group, *committed, low, high));
  }
  // A snapshot that is ahead of the group stands for outputs that nobody has written.
  const std::int64_t most = committed.value_or(low);
  if (const auto offset = restore(low, most, doubt)) return *offset;
  if (low > 0) {
    // Outputs in doubt from before all that can be made again stay as they are.
    if (const auto offset = restore(low, most, {})) return *offset;
  }
  if (committed && low > 0) {
    throw Error(fmt::format(
        "{}: the log begins at offset {} and no usable snapshot of bundle {} is in \"{}\", so the "
        "state cannot be rebuilt; give the --state that this group wrote, or start under a new "
        "--group with a --history",
        place, low, decider_->model().version(), options_.state.string()));
  }
  if (options_.history.empty()) return low;
  apply_history(decider_->model().pipeline, options_.history, options_.history_to,
                decider_->model().bundle.manifest.label_delay, options_.threads, progress);
  // The next start must not need the lake again.
  const journal::SnapshotStore store(folder());
  std::string fault;
  std::filesystem::create_directories(folder());
  if (!store.write(static_cast<std::uint64_t>(low), decider_->snapshot(low), fault)) {
    throw Error(fmt::format("\"{}\": the snapshot of the history was not written: {}",
                            folder().string(), fault));
  }
  return low;
}

void PartitionState::begin_snapshot(std::int64_t next) {
  if (snapshot_child_ != 0) return;
  std::error_code ignored;
  std::filesystem::create_directories(folder(), ignored);
  // The child's memory is a copy, made page by page as this process changes its own.
  const int child = fork();
  if (child < 0) {
    ++counts_.snapshots_failed;
    return;
  }
  if (child == 0) {
    closefrom(3);  // Connections to the brokers stay this process's parent's alone.
    std::string fault;
    bool written = false;
    try {
      written = journal::SnapshotStore(folder()).write(static_cast<std::uint64_t>(next),
                                                       decider_->snapshot(next), fault);
    } catch (const std::exception&) {
    }
    _exit(written ? 0 : 1);
  }
  snapshot_child_ = child;
}

void PartitionState::reap_snapshot(bool wait) {
  if (snapshot_child_ == 0) return;
  int status = 0;
  if (waitpid(snapshot_child_, &status, wait ? 0 : WNOHANG) == 0) return;
  snapshot_child_ = 0;
  const bool written = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  ++(written ? counts_.snapshots_written : counts_.snapshots_failed);
}

}  // namespace weir::cli
