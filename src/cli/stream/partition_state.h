#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "cli/stream/event_decider.h"
#include "cli/stream/outputs_reader.h"
#include "cli/stream/stream_options.h"
#include "core/transaction/progress.h"
#include "edge/kafka/consumer.h"

namespace weir::cli {

/// The state of one partition of the log, in memory and as snapshots in a folder.
class PartitionState {
 public:
  PartitionState(int number, const StreamOptions& options, StreamCounts& counts);
  ~PartitionState();

  /// Reads the bundle anew and the newest snapshot at or before what the group has `committed`, and
  /// before the `doubt` where there is one, or the history; gives the offset that the state
  /// stands at. Throws Error where the log no longer has what is missing.
  std::int64_t load(kafka::Consumer& consumer,
                    std::optional<std::int64_t> committed,
                    const Doubt& doubt,
                    Progress& progress);
  bool loaded() const { return decider_ != nullptr; }
  /// The state, at offset `next`, has no event yet whose output is in doubt.
  bool stands_before(const Doubt& doubt, std::int64_t next) const;
  EventDecider& decider() { return *decider_; }
  const EventDecider& decider() const { return *decider_; }

  /// Writes a snapshot that stands at `next`, in a child process; not while another is written.
  void begin_snapshot(std::int64_t next);
  bool snapshot_running() const { return snapshot_child_ != 0; }
  /// Takes in what became of it.
  void reap_snapshot(bool wait);

 private:
  std::filesystem::path folder() const;
  /// Makes a state without events.
  void begin();
  /// Restores the newest snapshot from `low` to `most`; gives its offset.
  std::optional<std::int64_t> restore(std::int64_t low, std::int64_t most, const Doubt& doubt);

  int number_;
  const StreamOptions& options_;
  StreamCounts& counts_;
  std::unique_ptr<EventDecider> decider_;
  int snapshot_child_ = 0;
};

}  // namespace weir::cli
