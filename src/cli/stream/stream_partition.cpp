#include "cli/stream/stream_partition.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/stream/decision_output.h"

namespace weir::cli {
namespace {

/// Between two looks whether the process was told to stop, and how long it then goes on trying to
/// commit.
constexpr auto kLook = std::chrono::milliseconds(100);
constexpr auto kLastTries = std::chrono::seconds(5);
/// Outputs that are sent before their transaction is full: small enough to be in the cache still.
constexpr std::size_t kPartBytes = 64 * 1024;
/// They take turns.
constexpr std::size_t kProducers = 2;

}  // namespace

StreamPartition::StreamPartition(int number,
                                 const StreamOptions& options,
                                 StreamCounts& counts,
                                 Doubt& doubt)
    : number_(number),
      options_(options),
      counts_(counts),
      state_(number, options, counts),
      doubt_(doubt) {}

std::int64_t StreamPartition::take_over(kafka::Consumer& consumer, Progress& progress) {
  restore_began_ = std::chrono::steady_clock::now();
  TakenOver taken = cli::take_over(options_, number_, consumer, doubt_);
  writer_ = std::make_unique<kafka::BatchWriter>(std::move(taken.producer), number_);
  settled_ = taken.settled;
  written_ = std::move(taken.written);
  counts_.repaired += written_.has_value();
  ended_ = false;
  told_lost_ = false;
  committed_begins_.clear();
  aborts_seen_ = 0;
  if (state_.loaded() && taken.committed && next_ <= *taken.committed && open_events() == 0 &&
      state_.stands_before(doubt_, next_)) {
    follow_until(*taken.committed);
    restore_seconds_ = 0;
  } else {
    load(consumer, taken.committed, doubt_, progress);
  }
  return next_;
}

std::int64_t StreamPartition::prepare(kafka::Consumer& consumer, Progress& progress) {
  if (!state_.loaded()) load(consumer, consumer.committed(number_, kFollowAnswer), {}, progress);
  return next_;
}

void StreamPartition::load(kafka::Consumer& consumer,
                           std::optional<std::int64_t> committed,
                           const Doubt& doubt,
                           Progress& progress) {
  batch_.clear();
  sent_bytes_ = 0;
  filling_events_ = 0;
  writing_events_ = 0;
  moved_on_ = false;
  next_ = state_.load(consumer, committed, doubt, progress);
  replay_until_ = committed.value_or(next_);
  committed_ = replay_until_;
}

bool StreamPartition::rewrites(std::int64_t offset, Seconds logged_at) const {
  return (doubt_.position && state_.decider().position_of(logged_at) >= *doubt_.position) ||
         (doubt_.offset && offset >= *doubt_.offset);
}

bool StreamPartition::holds() const {
  return written_ && (restoring() || next_ < written_->offsets ||
                      state_.decider().model().pipeline.position() < written_->positions);
}

void StreamPartition::apply(const kafka::Message& message) {
  if (message.offset() < next_ || moved_on_) return;
  Event event;
  event.value = message.value();
  event.schema = message.header("schema_version");
  event.logged_at = message.timestamp() / 1000;
  last_timestamp_ = message.timestamp();
  ended_ = false;
  const bool decided_before = message.offset() < replay_until_;
  const bool silent = decided_before && !(writer_ && rewrites(message.offset(), event.logged_at));
  if (decided_before && !silent && !written_) {
    written_ = OutputsReader(options_, number_).written(settled_);
  }
  const EventAnswer answer = decider().apply(event, silent);
  next_ = message.offset() + 1;
  if (!restoring() && restore_seconds_ == 0) {
    restore_seconds_ =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - restore_began_).count();
  }
  if (silent) {
    committed_ = std::max(committed_, next_);
    return;
  }
  if (filling_events_++ == 0) filling_ = {message.offset(), {}};
  const std::size_t outputs = batch_.size();
  if (answer == EventAnswer::kDecided) add_decision(batch_, decider().record(), text_);
  if (answer == EventAnswer::kRefused) add_reject(batch_, decider().fault(), message);
  if (written_) {
    if (batch_.size() != outputs) write_if_missing(message.offset());
    if (!holds()) written_.reset();
  }
  if (filling_.key.empty() && batch_.size() != 0) filling_.key = batch_.key(0);
  if (batch_.bytes() < kPartBytes) return;
  sent_bytes_ += batch_.bytes();
  writer_->add(batch_);
}

void StreamPartition::write_if_missing(std::int64_t offset) {
  std::vector<bool> marks(batch_.size());
  marks.back() = written_->keys.contains(std::string(batch_.key(batch_.size() - 1)));
  if (marks.back()) {
    batch_.drop(marks);
  } else if (offset < replay_until_ && !std::exchange(told_lost_, true)) {
    ++counts_.repaired;
    fmt::print(stderr,
               "weir: partition {}: the group is past offset {} but its output is not there, since "
               "a broker has not completed its transaction; what is missing is written now\n",
               number_, offset);
  }
}

void StreamPartition::settle(bool wait) {
  if (writing_events_ == 0 || (!wait && !writer_->idle())) return;
  auto result = writer_->wait_for(kLook);
  while (!result) {
    if (stop_requested() && !std::exchange(stopping_, true)) {
      writer_->stop_by(std::chrono::steady_clock::now() + kLastTries);
    }
    result = writer_->wait_for(kLook);
  }
  if (!result->committed) {
    moved_on_ = true;
    return;
  }
  ++counts_.commits;
  counts_.commit_seconds.observe(result->seconds);
  counts_.batch_messages.observe(static_cast<double>(writing_events_));
  committed_ = writing_next_;
  writing_events_ = 0;
  doubt_ = {};
  if (!writing_.key.empty()) committed_begins_.push_back(std::move(writing_));
  if (committed_begins_.size() > kProducers) committed_begins_.pop_front();
  if (std::exchange(aborts_seen_, writer_->aborts()) != writer_->aborts()) check_committed();
}

void StreamPartition::check_committed() {
  OutputsReader outputs(options_, number_);
  const WrittenOutputs written = outputs.written(outputs.ends());
  for (const Begin& begin : committed_begins_) {
    if (written.keys.contains(begin.key)) continue;
    doubt_.add({std::nullopt, begin.offset});
    throw kafka::Unanswered(
        fmt::format("partition {}: outputs from offset {} on, which a broker had answered as "
                    "committed, are not there",
                    number_, begin.offset));
  }
}

void StreamPartition::begin_commit(const kafka::Consumer& consumer, bool wait) {
  if (moved_on_ || !writer_ || holds()) return;
  settle(wait);
  if (moved_on_ || writing_events_ != 0 || filling_events_ == 0) return;
  writer_->commit(batch_, consumer, next_);
  sent_bytes_ = 0;
  writing_events_ = std::exchange(filling_events_, 0);
  writing_next_ = next_;
  writing_ = std::exchange(filling_, {});
}

void StreamPartition::commit_all(const kafka::Consumer& consumer) {
  while (!moved_on_ && writer_ && !holds() && open_events() != 0) {
    begin_commit(consumer, true);
    settle(true);
  }
}

void StreamPartition::let_go() {
  if (!writer_) return;
  aborts_ += writer_->aborts();
  writer_.reset();
}

void StreamPartition::tick(Seconds now, const kafka::Consumer& consumer) {
  state_.reap_snapshot(false);
  if (snapshot_at_ == 0) snapshot_at_ = now;
  if (now - snapshot_at_ < options_.snapshot_every || restoring() || state_.snapshot_running()) {
    return;
  }
  commit_all(consumer);
  begin_snapshot(now);
}

void StreamPartition::begin_snapshot(Seconds now) {
  if (open_events() != 0 || !state_.loaded() || moved_on_) return;
  snapshot_at_ = now;
  state_.begin_snapshot(next_);
}

}  // namespace weir::cli
