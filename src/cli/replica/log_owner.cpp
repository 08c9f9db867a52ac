#include "cli/replica/log_owner.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/transaction/error.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr auto kMemberAnswer = milliseconds(2000);
constexpr auto kMemberLook = milliseconds(100);
constexpr auto kTryAgain = milliseconds(1000);
constexpr std::size_t kTimesRemembered = 16;
/// How long the end of the process goes on writing.
constexpr auto kLastWrites = std::chrono::seconds(5);

}  // namespace

LogOwner::LogOwner(const StreamOptions& options, Outbox& outbox, Say say)
    : options_(options), outbox_(outbox), say_(std::move(say)) {}

LogOwner::~LogOwner() { stop(); }

void LogOwner::start() {
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
}

void LogOwner::stop() {
  {
    const std::lock_guard lock(stopping_);
    stop_ = true;
    if (producer_) producer_->stop_by(Clock::now() + kLastWrites);
  }
  if (thread_.joinable()) thread_.join();
}

LogOwner::Counts LogOwner::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

bool LogOwner::has_written(std::int64_t offset) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(written_.begin(), written_.end(), [&](const auto& range) {
    return range.first <= offset && offset < range.second;
  });
}

void LogOwner::run() {
  while (!stop_) {
    try {
      be_member();
    } catch (const std::exception& error) {
      // Whatever it is, payments are answered without it; somebody else may own the log.
      let_go();
      if (fault_ != error.what()) say_(fmt::format("{}; joining the group again", error.what()));
      fault_ = error.what();
      for (auto waited = milliseconds(0); waited < kTryAgain && !stop_; waited += kMemberLook) {
        std::this_thread::sleep_for(kMemberLook);
      }
    }
    member_.reset();
  }
}

void LogOwner::be_member() {
  kafka::Consumer::Options member;
  member.topic = options_.events;
  member.group = options_.group;
  member.session = milliseconds(options_.session_timeout_ms);
  member.reads = false;
  member_ = std::make_unique<kafka::Consumer>(options_.kafka, member,
                                              static_cast<kafka::Assignment&>(*this));
  member_->subscribe();
  moved_on_.reset();
  while (!stop_) {
    member_->poll(producer_ ? milliseconds(0) : kMemberLook);
    // A group that knows this member as well as before, after all, has nothing to tell.
    if (moved_on_ && Clock::now() - *moved_on_ > member.session) {
      throw Error("the group refused a commit and has not said why");
    }
    if (producer_) {
      write(milliseconds(20));
    } else {
      follow();
    }
  }
  while (producer_ && write(milliseconds(0))) continue;
  let_go();
  member_->close();
}

void LogOwner::follow() {
  try {
    const auto committed = member_->committed(kLogPartition, kMemberAnswer);
    if (committed) outbox_.forget(*committed);
  } catch (const Error&) {
    // Brokers are away or busy: nothing is committed meanwhile either.
  }
}

bool LogOwner::write(milliseconds wait) {
  const Outbox::Part* part = outbox_.take(wait);
  if (part == nullptr) return false;
  const auto began = Clock::now();
  if (!producer_->commit(part->batch, kLogPartition,
                         member_->read_up_to(kLogPartition, part->next))) {
    // The group tells what has become of the partition.
    let_go();
    moved_on_ = Clock::now();
    return false;
  }
  {
    const std::lock_guard lock(mutex_);
    ++counts_.stream.commits;
    counts_.stream.commit_seconds.observe(
        std::chrono::duration<double>(Clock::now() - began).count());
    counts_.stream.batch_messages.observe(static_cast<double>(part->events));
    written_.back().second = part->next;
  }
  doubt_ = {};
  fault_.clear();
  outbox_.forget(part->next);
  return true;
}

void LogOwner::let_go() {
  const std::lock_guard lock(stopping_);
  owns_ = false;
  if (!producer_) return;
  {
    const std::lock_guard counting(mutex_);
    counts_.aborts += producer_->aborts();
  }
  producer_.reset();
}

std::vector<std::int64_t> LogOwner::on_assigned(const std::vector<int>& partitions) {
  moved_on_.reset();
  {
    const std::lock_guard lock(mutex_);
    ++counts_.assigned;
  }
  if (partitions.empty()) {
    say_("another process owns the log");
    return {};
  }
  TakenOver taken = take_over(options_, kLogPartition, *member_, doubt_, &stop_);
  const std::int64_t committed = taken.committed.value_or(0);
  outbox_.forget(committed);
  make_good(taken);
  {
    const std::lock_guard lock(mutex_);
    written_.emplace_back(committed, committed);
    if (written_.size() > kTimesRemembered) written_.pop_front();
  }
  {
    const std::lock_guard lock(stopping_);
    producer_ = std::move(taken.producer);
    if (stop_) producer_->stop_by(Clock::now() + kLastWrites);
  }
  owns_ = true;
  say_(fmt::format("owns the log from offset {}", committed));
  return {committed};
}

void LogOwner::make_good(TakenOver& taken) {
  if (taken.written) {
    const std::lock_guard lock(mutex_);
    ++counts_.stream.repaired;
  } else if (doubt_) {
    taken.written = OutputsReader(options_, kLogPartition).written(taken.settled);
  } else {
    return;
  }
  outbox_.leave_out(taken.written->keys);
  const kafka::OutgoingBatch lost = outbox_.lost(doubt_, taken.written->keys);
  if (lost.size() == 0) return;
  say_(fmt::format(
      "{} outputs from before the group's offset are not there, since a broker has not completed "
      "their transaction; they are written now",
      lost.size()));
  if (!taken.producer->commit(lost, kLogPartition,
                              member_->read_up_to(kLogPartition, outbox_.committed()))) {
    throw Error("the group has moved on before lost outputs were written");
  }
  const std::lock_guard lock(mutex_);
  ++counts_.stream.repaired;
}

void LogOwner::on_revoked(bool lost) {
  moved_on_.reset();
  {
    const std::lock_guard lock(mutex_);
    ++(lost ? counts_.lost : counts_.revoked);
  }
  let_go();
}

}  // namespace weir::cli
