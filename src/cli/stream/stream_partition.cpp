#include "cli/stream/stream_partition.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "cli/serve/answer_json.h"
#include "cli/serve/history.h"
#include "core/streaming/stream_output.h"
#include "edge/files/staged.h"
#include "edge/journal/snapshot_store.h"

namespace weir::cli {
namespace {

constexpr std::size_t kDecisions = 0;
constexpr std::size_t kRejects = 1;

}  // namespace

StreamPartition::StreamPartition(int number, const StreamOptions& options, StreamCounts& counts)
    : number_(number), options_(options), counts_(counts) {}

StreamPartition::~StreamPartition() { reap_snapshot(true); }

std::filesystem::path StreamPartition::folder() const {
  return options_.state / options_.group / fmt::format("{}-{}", options_.events, number_) /
         decider_->model().version();
}

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
  if (decider_ && committed && next_ <= *committed && open_events() == 0) {
    follow_until(*committed);
    restore_seconds_ = 0;
  } else {
    load(consumer, committed, progress);
  }
  return next_;
}

std::int64_t StreamPartition::prepare(kafka::Consumer& consumer, Progress& progress) {
  if (!decider_) load(consumer, consumer.committed(number_), progress);
  return next_;
}

void StreamPartition::load(kafka::Consumer& consumer,
                           std::optional<std::int64_t> committed,
                           Progress& progress) {
  decider_ = std::make_unique<EventDecider>(LoadedModel::load(options_.bundle), options_.cleaning,
                                            options_.reasons);
  batch_.clear();
  filling_events_ = 0;
  writing_events_ = 0;
  moved_on_ = false;
  next_ = restore(consumer, committed, progress);
  replay_until_ = committed.value_or(next_);
  committed_ = replay_until_;
}

std::int64_t StreamPartition::restore(kafka::Consumer& consumer,
                                      std::optional<std::int64_t> committed,
                                      Progress& progress) {
  const auto [low, high] = consumer.watermarks(number_);
  const std::string place = fmt::format("topic \"{}\" partition {}", options_.events, number_);
  if (committed && (*committed < low || *committed > high)) {
    throw Error(fmt::format(
        "{}: group \"{}\" has read up to offset {}, the log holds {} to {}: it was cut or made "
        "anew; see docs/operating/stream.md, \"A lost log\"",
        place, options_.group, *committed, low, high));
  }
  const journal::SnapshotStore store(folder());
  for (const auto& snapshot : store.list()) {
    const auto offset = static_cast<std::int64_t>(snapshot.position);
    // One that is ahead of the group stands for outputs that nobody has written.
    if (offset > committed.value_or(low) || offset < low) continue;
    try {
      decider_->restore(files::read_text(snapshot.path), offset);
      return offset;
    } catch (const Error& error) {
      ++counts_.snapshots_damaged;
      fmt::print(stderr, "weir: snapshot \"{}\": {}; it is set aside, an older one is tried\n",
                 snapshot.path.string(), error.what());
      std::error_code ignored;
      std::filesystem::rename(snapshot.path, snapshot.path.string() + ".unusable", ignored);
    }
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
  std::string fault;
  std::filesystem::create_directories(folder());
  if (!store.write(static_cast<std::uint64_t>(low), decider_->snapshot(low), fault)) {
    throw Error(fmt::format("\"{}\": the snapshot of the history was not written: {}",
                            folder().string(), fault));
  }
  return low;
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
  const EventAnswer answer = decider_->apply(event, silent);
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
  if (answer == EventAnswer::kDecided) add_decision();
  if (answer == EventAnswer::kRefused) add_reject(message);
}

void StreamPartition::add_decision() {
  const journal::Record& record = decider_->record();
  text_.clear();
  append_decision(text_, record);
  const fmt::format_int key(record.payment.transaction_id);
  const fmt::format_int position(record.position);
  const std::string_view degraded =
      (record.degraded & journal::kDegradedNoReasons) != 0 ? "no_reasons" : "";
  const std::array<kafka::Header, 3> headers = {
      kafka::Header{"model_version", record.model},
      kafka::Header{"position", {position.data(), position.size()}},
      kafka::Header{"degraded", degraded}};
  batch_.add(kDecisions, {key.data(), key.size()}, text_, headers);
}

void StreamPartition::add_reject(const kafka::Message& message) {
  const auto original = message.value().value_or("");
  const StreamOutput reject =
      reject_output(decider_->fault(), original, original.size(), number_, message.offset());
  std::vector<kafka::Header> headers;
  for (const auto& [name, value] : reject.headers) headers.push_back({name, value});
  batch_.add(kRejects, reject.key, reject.value, headers);
}

void StreamPartition::settle(bool wait) {
  if (writing_events_ == 0 || (!wait && !writer_->idle())) return;
  const auto result = writer_->wait();
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
  writer_->write(batch_, consumer, next_);
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
  reap_snapshot(false);
  if (snapshot_at_ == 0) snapshot_at_ = now;
  if (now - snapshot_at_ < options_.snapshot_every || restoring() || snapshot_child_ != 0) return;
  commit_all(consumer);
  begin_snapshot(now);
}

void StreamPartition::begin_snapshot(Seconds now) {
  if (snapshot_child_ != 0 || open_events() != 0 || !decider_) return;
  snapshot_at_ = now;
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
      written = journal::SnapshotStore(folder()).write(static_cast<std::uint64_t>(next_),
                                                       decider_->snapshot(next_), fault);
    } catch (const std::exception&) {
    }
    _exit(written ? 0 : 1);
  }
  snapshot_child_ = child;
}

void StreamPartition::reap_snapshot(bool wait) {
  if (snapshot_child_ == 0) return;
  int status = 0;
  if (waitpid(snapshot_child_, &status, wait ? 0 : WNOHANG) == 0) return;
  snapshot_child_ = 0;
  const bool written = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  ++(written ? counts_.snapshots_written : counts_.snapshots_failed);
}

}  // namespace weir::cli
