#include "cli/stream/stream_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "cli/serve/notify.h"
#include "cli/stream/log_topics.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxBatchBytes = 64 * 1024 * 1024;
/// Events between two looks at commits and clocks.
constexpr std::size_t kLookEvery = 256;
/// How often a standby asks what is committed, and how long it then applies.
constexpr auto kFollowEvery = milliseconds(100);
constexpr auto kFollowAtMost = milliseconds(500);
/// The longest that outputs wait for the company of others; behind a backlog of events that are
/// older than this, whose answers nobody awaits within milliseconds, rather a full transaction.
constexpr auto kMostOpen = milliseconds(100);
constexpr auto kBacklogAge = milliseconds(1000);
constexpr auto kMostOpenInBacklog = milliseconds(1000);
constexpr auto kPublishEvery = milliseconds(200);
/// A client that cannot connect says so again within this time.
constexpr auto kFaultFades = std::chrono::seconds(15);

}  // namespace

StreamWorker::StreamWorker(const StreamOptions& options,
                           StreamAdmin& admin,
                           Progress& progress,
                           bool quiet)
    : options_(options), admin_(admin), progress_(progress), quiet_(quiet) {
  LoadedModel::load(options.bundle);  // A faulty bundle shows before any connection.
  make_member();
  partition_count_ = check_log_topics(consumer_->client(), options_,
                                      [this](const std::string& text) { say(text); });
  consumer_->subscribe();
}

StreamWorker::~StreamWorker() = default;

void StreamWorker::make_member() {
  kafka::Consumer::Options consumer;
  consumer.topic = options_.events;
  consumer.group = options_.group;
  consumer.instance = options_.instance;
  consumer.session = milliseconds(options_.session_timeout_ms);
  consumer_ = std::make_unique<kafka::Consumer>(options_.kafka, consumer,
                                                static_cast<kafka::Assignment&>(*this));
}

std::unique_ptr<StreamPartition> StreamWorker::make_partition(int number) {
  return std::make_unique<StreamPartition>(number, options_, counts_, doubts_[number]);
}

void StreamWorker::join_again(const Error& why) {
  assigned_at_.reset();
  say(fmt::format("{}; joining the group again", why.what()));
  if (!partitions_.empty()) on_revoked(true);
  consumer_.reset();  // First: the group knows one member under a name.
  make_member();
  consumer_->subscribe();
}

void StreamWorker::say(const std::string& text) const {
  if (!quiet_) fmt::print(stderr, "weir: {}\n", text);
}

std::vector<std::int64_t> StreamWorker::on_assigned(const std::vector<int>& partitions) {
  ++assigned_;
  ahead_.reset();
  // Its connections take a while to close, and others wait for this member's outputs.
  if (follower_) closing_ = std::async([old = std::move(follower_)]() mutable { old.reset(); });
  std::vector<std::int64_t> offsets;
  for (const int number : partitions) {
    auto kept = kept_.extract(number);
    auto partition = kept ? std::move(kept.mapped()) : make_partition(number);
    offsets.push_back(partition->take_over(*consumer_, progress_));
    say(fmt::format("partition {} from offset {}{}", number, offsets.back(),
                    partition->restoring() ? ", restoring" : ""));
    partitions_.emplace(number, std::move(partition));
  }
  if (!partitions.empty()) kept_.clear();
  if (partitions.empty()) say("standby: other members of the group have all partitions");
  assigned_at_ = Clock::now();
  return offsets;
}

void StreamWorker::on_revoked(bool lost) {
  ++(lost ? lost_ : revoked_);
  announced_ = false;
  if (!lost) commit_all();
  for (auto& [number, partition] : partitions_) {
    partition->let_go();
    // A state that is ahead of what was committed cannot be used again.
    if (!lost && partition->open_events() == 0) kept_.emplace(number, std::move(partition));
  }
  partitions_.clear();
}

void StreamWorker::follow() {
  const auto now = Clock::now();
  if (now - followed_ < kFollowEvery) return;
  followed_ = now;
  if (!follower_) {
    kafka::Consumer::Options reader;
    reader.topic = options_.events;
    reader.group = options_.group;
    reader.session = milliseconds(options_.session_timeout_ms);
    auto follower = std::make_unique<kafka::Consumer>(options_.kafka, reader,
                                                      static_cast<kafka::Assignment&>(*this));
    std::vector<std::pair<int, std::int64_t>> offsets;
    for (int number = 0; number < partition_count_; ++number) {
      auto& partition = kept_[number];
      if (!partition) partition = make_partition(number);
      offsets.emplace_back(number, partition->prepare(*follower, progress_));
    }
    follower->read(offsets);
    follower_ = std::move(follower);
    for (const auto& [number, offset] : offsets) {
      say(fmt::format("standby: follows partition {} from offset {}", number, offset));
    }
  }
  for (auto& [number, partition] : kept_) {
    partition->follow_until(follower_->committed(number, kFollowAnswer).value_or(0));
  }
  // The group must hear of this member in between.
  while (Clock::now() - now < kFollowAtMost) {
    if (!ahead_) ahead_ = follower_->poll(milliseconds(0));
    if (!ahead_) return;
    StreamPartition& partition = *kept_.at(ahead_->partition());
    if (ahead_->offset() >= partition.replay_until()) return;
    partition.apply(*ahead_);
    ahead_.reset();
  }
}

void StreamWorker::on_end(int partition, std::int64_t next) {
  const auto found = partitions_.find(partition);
  if (found != partitions_.end()) found->second->at_end(next);
}

void StreamWorker::run_batch(milliseconds wait) {
  try {
    decide(wait);
  } catch (const kafka::Fenced& error) {
    // So soon it is a rival under the same name; they would fence each other for ever.
    const auto session = milliseconds(options_.session_timeout_ms);
    if (!assigned_at_ || Clock::now() - *assigned_at_ < session) throw;
    join_again(error);
  } catch (const kafka::Unanswered& error) {
    join_again(error);
  }
}

void StreamWorker::decide(milliseconds wait) {
  // What waits for an earlier commit to end must not wait for further events.
  for (const auto& [number, partition] : partitions_) {
    if (partition->filling_events() != 0) wait = milliseconds(1);
  }
  const std::size_t most = std::min(kLookEvery, options_.batch);
  std::size_t events = 0;
  auto message = consumer_->poll(wait);
  if (message && !first_event_) first_event_ = Clock::now();
  while (message) {
    const auto found = partitions_.find(message->partition());
    if (found != partitions_.end()) found->second->apply(*message);
    if (++events >= most) break;
    message = consumer_->poll(milliseconds(0));
  }
  if (assigned_at_ && partitions_.empty()) {
    try {
      follow();
    } catch (const kafka::Unanswered&) {
      // Brokers are away or busy, or an open transaction holds the answer back: next time.
    }
  }
  events_ += events;
  const auto now = Clock::now();
  // Behind a queue, fewer and larger transactions; else each event's outputs are wanted at once.
  const bool queue = events >= most && now - emptied_ < most_open();
  if (!queue) emptied_ = now;
  for (auto& [number, partition] : partitions_) {
    const bool full = partition->filling_events() >= options_.batch ||
                      partition->filling_bytes() >= kMaxBatchBytes;
    if (queue && !full) continue;
    const bool was_on = !partition->moved_on();
    partition->begin_commit(*consumer_, full);
    if (was_on && partition->moved_on()) {
      say(
          fmt::format("partition {}: the group has moved on; its state is restored when it comes "
                      "back",
                      number));
    }
  }
  await_the_group(now);
  idle();
}

void StreamWorker::await_the_group(Clock::time_point now) {
  const bool moved_on = std::any_of(partitions_.begin(), partitions_.end(),
                                    [](const auto& entry) { return entry.second->moved_on(); });
  if (!moved_on) {
    moved_on_at_.reset();
  } else if (!moved_on_at_) {
    moved_on_at_ = now;
  } else if (now - *moved_on_at_ > milliseconds(options_.session_timeout_ms)) {
    // It knows this member as well as before, after all, and has nothing to tell.
    throw kafka::Fenced("the group refused a commit and has not said why");
  }
}

milliseconds StreamWorker::most_open() const {
  return milliseconds(static_cast<std::int64_t>(lag_seconds() * 1e3)) > kBacklogAge
             ? kMostOpenInBacklog
             : kMostOpen;
}

void StreamWorker::commit_all() {
  for (auto& [number, partition] : partitions_) partition->commit_all(*consumer_);
}

void StreamWorker::idle() {
  const auto now = Clock::now();
  if (now - published_ < kPublishEvery) return;
  published_ = now;
  const Seconds seconds = std::time(nullptr);
  for (auto* group : {&partitions_, &kept_}) {
    for (auto& [number, partition] : *group) partition->tick(seconds, *consumer_);
  }
  const std::string fault = consumer_->client().health().take_last();
  if (!fault.empty()) {
    if (fault != fault_) say(fmt::format("{}; trying again", fault));
    fault_ = fault;
    fault_at_ = now;
  } else if (events_ != events_at_fault_ || now - fault_at_ > kFaultFades) {
    fault_.clear();
  }
  events_at_fault_ = events_;
  publish();
  const bool ready = not_ready().empty();
  if (ready && !announced_) {
    say(fmt::format("ready, {} partitions", partitions_.size()));
    notify_supervisor("READY=1");
  }
  announced_ = ready;
}

bool StreamWorker::at_end() const {
  return !partitions_.empty() &&
         std::all_of(partitions_.begin(), partitions_.end(), [](const auto& entry) {
           return entry.second->ended() && entry.second->open_events() == 0;
         });
}

double StreamWorker::seconds() const {
  return first_event_ ? std::chrono::duration<double>(Clock::now() - *first_event_).count() : 0;
}

void StreamWorker::stop() {
  try {
    commit_all();
  } catch (const kafka::Fenced&) {
    throw;
  } catch (const Error& error) {
    // Nothing is lost: whoever reads the log next decides on them again, with the same bytes.
    say(fmt::format("the last events were not committed, the next start does: {}", error.what()));
    partitions_.clear();
  }
  follower_.reset();
  for (auto& [number, partition] : partitions_) {
    partition->reap_snapshot(true);
    if (!partition->restoring()) partition->begin_snapshot(std::time(nullptr));
    partition->reap_snapshot(true);
  }
  consumer_->close();
}

}  // namespace weir::cli
