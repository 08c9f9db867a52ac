#include "cli/replica/log_owner.h"

#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "cli/stream/take_over.h"
#include "core/transaction/error.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr auto kMemberAnswer = milliseconds(2000);
constexpr auto kMemberLook = milliseconds(100);
constexpr auto kTryAgain = milliseconds(1000);
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

std::pair<std::int64_t, std::int64_t> LogOwner::written() const {
  const std::lock_guard lock(mutex_);
  return written_;
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
    written_.second = part->next;
  }
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
  Doubt doubt;  // The outbox keeps no outputs of events that are committed.
  TakenOver taken = take_over(options_, kLogPartition, *member_, doubt, &stop_);
  const auto committed = taken.committed;
  outbox_.forget(committed.value_or(0));
  if (taken.written) outbox_.leave_out(taken.written->keys);
  {
    const std::lock_guard lock(mutex_);
    counts_.stream.repaired += taken.written.has_value();
    written_ = {committed.value_or(0), committed.value_or(0)};
  }
  {
    const std::lock_guard lock(stopping_);
    producer_ = std::move(taken.producer);
    if (stop_) producer_->stop_by(Clock::now() + kLastWrites);
  }
  owns_ = true;
  say_(fmt::format("owns the log from offset {}", committed.value_or(0)));
  return {committed.value_or(0)};
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
