#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "cli/stream/partition_state.h"
#include "cli/stream/take_over.h"
#include "core/transaction/progress.h"
#include "edge/kafka/batch_writer.h"

namespace weir::cli {

/// The longest that a standby waits for what is committed, which an open transaction holds back:
/// the group must hear of it meanwhile, and may give it the partition.
inline constexpr std::chrono::milliseconds kFollowAnswer{500};

/// One partition of the log: its state, and the transaction that is open for it.
///
/// State, outputs and consumed offset move together: the state stands at `next()`, the outputs of
/// everything before it that is not committed yet are in a transaction that is being committed and
/// in one that is being filled, and a snapshot is taken only where nothing is open.
class StreamPartition {
 public:
  /// `doubt` outlives it, and serves the next one of this number.
  StreamPartition(int number, const StreamOptions& options, StreamCounts& counts, Doubt& doubt);

  /// Becomes the partition's only writer, restores what the last one committed and gives the offset
  /// to read from. Keeps the state it has where that is the committed one, or one before it.
  /// Outputs that were lost before that offset are written again, those that are seen after it are
  /// not.
  std::int64_t take_over(kafka::Consumer& consumer, Progress& progress);

  /// For a standby, which owns nothing: restores, and gives the offset to follow the log from.
  std::int64_t prepare(kafka::Consumer& consumer, Progress& progress);
  /// Events before `committed` have been decided by the owner: they are applied without outputs.
  void follow_until(std::int64_t committed) {
    replay_until_ = std::max(replay_until_, committed);
    committed_ = std::max(committed_, committed);
  }

  /// Applies the event; its outputs go into the open transaction.
  void apply(const kafka::Message& message);
  /// Begins to commit what is open, unless an earlier commit is under way and `wait` is false.
  void begin_commit(const kafka::Consumer& consumer, bool wait);
  /// Commits all that is open and waits for it.
  void commit_all(const kafka::Consumer& consumer);
  /// The group has moved on before a commit: the state is ahead and must be dropped.
  bool moved_on() const { return moved_on_; }
  /// Nobody writes any more; the state stays.
  void let_go();

  /// Takes a snapshot in a child process when it is time, after a commit of all that is open; `now`
  /// in seconds.
  void tick(Seconds now, const kafka::Consumer& consumer);
  void begin_snapshot(Seconds now);
  void reap_snapshot(bool wait) { state_.reap_snapshot(wait); }

  int number() const { return number_; }
  std::int64_t next() const { return next_; }
  /// Applied and not committed.
  std::size_t open_events() const { return filling_events_ + writing_events_; }
  /// The same of what no commit has begun for.
  std::size_t filling_events() const { return filling_events_; }
  std::size_t filling_bytes() const { return sent_bytes_ + batch_.bytes(); }
  std::int64_t replay_until() const { return replay_until_; }
  bool restoring() const { return next_ < replay_until_; }
  /// The log had no more events before this offset.
  void at_end(std::int64_t next) {
    if (next >= replay_until_) next_ = std::max(next_, replay_until_);
    if (!restoring()) written_.reset();  // Whose event could come now?
    ended_ = true;
  }
  bool ended() const { return ended_ && !restoring(); }
  std::int64_t last_timestamp() const { return last_timestamp_; }
  std::uint64_t aborts() const { return aborts_ + (writer_ ? writer_->aborts() : 0); }
  double restore_seconds() const { return restore_seconds_; }
  EventDecider& decider() { return state_.decider(); }

 private:
  void load(kafka::Consumer& consumer,
            std::optional<std::int64_t> committed,
            const Doubt& doubt,
            Progress& progress);
  /// After a transaction had to be aborted: what its producer committed before it may have gone
  /// with it. Throws Unanswered then, and `doubt_` says from where on outputs are missing.
  void check_committed();
  /// Before what is committed, an event whose output may be lost.
  bool rewrites(std::int64_t offset, Seconds logged_at) const;
  /// Of the last output, the event's at `offset`.
  void write_if_missing(std::int64_t offset);
  /// Outputs are being made good, in one transaction that is not complete yet.
  bool holds() const;
  /// Takes in what became of the commit under way; waits for it where asked to.
  void settle(bool wait);

  int number_;
  const StreamOptions& options_;
  StreamCounts& counts_;
  PartitionState state_;
  std::unique_ptr<kafka::BatchWriter> writer_;
  kafka::OutgoingBatch batch_;
  std::int64_t next_ = -1;          // Offset of the first event that is not in the state.
  std::int64_t committed_ = -1;     // The same of what is committed.
  std::int64_t replay_until_ = -1;  // Events before it were decided and written already.
  std::size_t filling_events_ = 0;
  std::size_t sent_bytes_ = 0;  // Of their outputs, those handed over already.
  std::size_t writing_events_ = 0;
  std::int64_t writing_next_ = -1;  // What the commit under way stands for.
  /// Of a transaction: its first event, and the key of its first output.
  struct Begin {
    std::int64_t offset = -1;
    std::string key;
  };
  Begin filling_;
  Begin writing_;
  std::deque<Begin> committed_begins_;  // The last one of each producer.
  std::uint64_t aborts_seen_ = 0;
  bool moved_on_ = false;
  bool stopping_ = false;
  std::int64_t last_timestamp_ = 0;
  std::uint64_t aborts_ = 0;
  bool ended_ = false;
  Seconds snapshot_at_ = 0;
  std::chrono::steady_clock::time_point restore_began_;
  double restore_seconds_ = 0;
  Doubt& doubt_;        // Of outputs before what is committed, until the next commit.
  OutputEnds settled_;  // Outputs before these will not change.
  std::optional<WrittenOutputs> written_;  // While outputs are made good.
  bool told_lost_ = false;
  std::string text_;
};

}  // namespace weir::cli
