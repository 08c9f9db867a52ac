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

}  // namespace

StreamPartition::StreamPartition(int number, const StreamOptions& options, StreamCounts& counts)
    : number_(number), options_(options), counts_(counts), state_(number, options, counts) {}

std::int64_t StreamPartition::take_over(kafka::Consumer& consumer, Progress& progress) {
  restore_began_ = std::chrono::steady_clock::now();
  const std::string id = fmt::format("weir.{}.{}.{}", options_.group, options_.events, number_);
  writer_ = std::make_unique<kafka::BatchWriter>(
      std::make_unique<kafka::TransactionalProducer>(
          options_.kafka, id, std::vector{options_.decisions, options_.rejects},
          std::chrono::seconds(options_.connect_timeout)),
      number_);
  const auto committed = consumer.committed(number_);
  ended_ = false;
  if (state_.loaded() && committed && next_ <= *committed && open_events() == 0) {
    follow_until(*committed);
    restore_seconds_ = 0;
  } else {
    load(consumer, committed, progress);
  }
  return next_;
}

std::int64_t StreamPartition::prepare(kafka::Consumer& consumer, Progress& progress) {
  if (!state_.loaded()) load(consumer, consumer.committed(number_, kFollowAnswer), progress);
  return next_;
}

void StreamPartition::load(kafka::Consumer& consumer,
                           std::optional<std::int64_t> committed,
                           Progress& progress) {
  batch_.clear();
  sent_bytes_ = 0;
  filling_events_ = 0;
  writing_events_ = 0;
  moved_on_ = false;
  next_ = state_.load(consumer, committed, progress);
  replay_until_ = committed.value_or(next_);
  committed_ = replay_until_;
}

void StreamPartition::apply(const kafka::Message& message) {
  if (message.offset() < next_ || moved_on_) return;
  Event event;
  event.value = message.value();
  event.schema = message.header("schema_version");
  event.logged_at = message.timestamp() / 1000;
  last_timestamp_ = message.timestamp();
  ended_ = false;
  const bool silent = message.offset() < replay_until_;
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
  ++filling_events_;
  if (answer == EventAnswer::kDecided) add_decision(batch_, decider().record(), text_);
  if (answer == EventAnswer::kRefused) add_reject(batch_, decider().fault(), message);
  if (batch_.bytes() < kPartBytes) return;
  sent_bytes_ += batch_.bytes();
  writer_->add(batch_);
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
}

void StreamPartition::begin_commit(const kafka::Consumer& consumer, bool wait) {
  if (moved_on_ || !writer_) return;
  settle(wait);
  if (moved_on_ || writing_events_ != 0 || filling_events_ == 0) return;
  writer_->commit(batch_, consumer, next_);
  sent_bytes_ = 0;
  writing_events_ = std::exchange(filling_events_, 0);
  writing_next_ = next_;
}

void StreamPartition::commit_all(const kafka::Consumer& consumer) {
  while (!moved_on_ && writer_ && open_events() != 0) {
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
