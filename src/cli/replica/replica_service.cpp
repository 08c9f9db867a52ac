#include "cli/replica/replica_service.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <random>

#include "cli/serve/answer_json.h"
#include "cli/serve/log_entry.h"
#include "cli/stream/decision_output.h"
#include "cli/stream/log_topics.h"
#include "core/pipeline/payment_hash.h"
#include "core/transaction/error.h"

namespace weir::cli {
namespace {

using http::Problem;
using journal::Record;
using journal::RecordKind;
using std::chrono::milliseconds;

constexpr int kEventsAtOnce = 512;
constexpr std::size_t kMostWaiting = 20'000;
constexpr auto kAskEvery = milliseconds(500);
/// Without an answer of a broker for so long the log counts as away.
constexpr double kAwaySeconds = 3;
/// The header by which a replica knows its own events again.
constexpr const char* kRequestHeader = "weir_request";

kafka::Settings settings_of_producer(const kafka::Settings& settings, milliseconds answer_within) {
  kafka::Settings own = settings;
  // What has not been written until the client is told so should not be written any more.
  own.properties.try_emplace("message.timeout.ms", std::to_string(answer_within.count()));
  own.properties.try_emplace("linger.ms", "0");
  return own;
}

std::string random_name() {
  std::random_device source;
  return fmt::format("{:08x}{:08x}", source(), source());
}

}  // namespace

ReplicaService::ReplicaService(StreamOptions options,
                               milliseconds answer_within,
                               LogOwner::Say say,
                               Progress& progress)
    : options_(std::move(options)),
      answer_within_(answer_within),
      say_(std::move(say)),
      wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      state_(kLogPartition, options_, counts_),
      outbox_(options_.batch),
      owner_(options_, outbox_, say_),
      name_(random_name()),
      began_(Clock::now()),
      started_at_(std::time(nullptr)) {
  LoadedModel::load(options_.bundle);  // A faulty bundle shows before any connection.
  kafka::Consumer::Options reader;
  reader.topic = options_.events;
  reader.group = options_.group;
  reader.session = milliseconds(options_.session_timeout_ms);
  follower_ = std::make_unique<kafka::Consumer>(options_.kafka, reader,
                                                static_cast<kafka::Assignment&>(*this));
  const int partitions = check_log_topics(follower_->client(), options_, say_);
  if (partitions != 1) {
    throw Error(fmt::format(
        "topic \"{}\" has {} partitions: weir serve answers from one ordered log; give it a topic "
        "with one partition, or decide with weir stream",
        options_.events, partitions));
  }
  producer_ = std::make_unique<kafka::Producer>(settings_of_producer(options_.kafka, answer_within),
                                                options_.events);
  // An owner's open transaction is not waited for: what it commits meanwhile is told later.
  reader.uncommitted = true;
  const auto committed =
      kafka::Consumer(options_.kafka, reader, static_cast<kafka::Assignment&>(*this))
          .committed(kLogPartition);
  next_ = state_.load(*follower_, committed, {}, progress);
  replay_until_ = committed.value_or(next_);
  outbox_.forget(replay_until_);
  drift_.emplace(model().bundle);
  end_at_start_ = follower_->watermarks(kLogPartition).second;
  answered_at_ = Clock::now().time_since_epoch().count();
  follower_->wake(wake_.get());
  follower_->read({{kLogPartition, next_}});
  brokers_ = std::thread([this] { listen_to_brokers(); });
}

ReplicaService::~ReplicaService() {
  stop_ = true;
  if (brokers_.joinable()) brokers_.join();
}

void ReplicaService::listen_to_brokers() {
  while (!stop_) {
    if (follower_->reachable(kLogPartition, 2 * kAskEvery)) {
      answered_at_ = Clock::now().time_since_epoch().count();
    }
    for (auto slept = milliseconds(0); slept < kAskEvery && !stop_; slept += milliseconds(100)) {
      std::this_thread::sleep_for(milliseconds(100));
    }
  }
}

double ReplicaService::seconds_without_answer() const {
  const Clock::time_point answered{Clock::duration(answered_at_)};
  return std::chrono::duration<double>(Clock::now() - answered).count();
}

std::optional<Problem> ReplicaService::not_ready() const {
  if (!caught_up_) {
    return Problem{503, "not_ready",
                   fmt::format("the log is being read: offset {} of {}", next_, end_at_start_),
                   std::nullopt, 1};
  }
  if (const double seconds = seconds_without_answer(); seconds > kAwaySeconds) {
    return Problem{503, "log_away",
                   fmt::format("no broker of the log has answered for {:.0f} s; send the request "
                               "again later",
                               seconds),
                   std::nullopt, 2};
  }
  if (outbox_.full()) {
    return Problem{503, "decisions_unwritten",
                   fmt::format("no process of group \"{}\" writes decisions to \"{}\"; payments "
                               "are taken again when one does",
                               options_.group, options_.decisions),
                   std::nullopt, 2};
  }
  return std::nullopt;
}

std::optional<Record> ReplicaService::known(const Payment& payment) const {
  return state_.decider().known(payment);
}

std::optional<std::uint64_t> ReplicaService::conflict(const Payment& payment) const {
  const auto* entry = model().pipeline.remembered(payment.transaction_id);
  if (entry == nullptr || entry->payment_hash == payment_hash(payment)) return std::nullopt;
  return entry->decision.position;
}

std::optional<Problem> ReplicaService::send(const Payment& payment, OnAnswer on_answer) {
  text_ = '{';
  append_payment_fields(text_, payment);
  text_ += '}';
  return append(payment.customer_id, std::move(on_answer));
}

std::optional<Problem> ReplicaService::send(const FeedbackRequest& request, OnAnswer on_answer) {
  text_ = '{';
  append_payment_fields(text_, *request.payment);
  text_ += fmt::format(",\"outcome\":\"{}\",\"source\":\"{}\"", outcome_name(request.outcome),
                       source_name(request.source));
  if (request.known_at) text_ += fmt::format(",\"known_at\":\"{}\"", rfc3339(*request.known_at));
  if (!request.note.empty()) {
    text_ += ",\"note\":";
    append_json_text(text_, request.note);
  }
  text_ += '}';
  return append(request.payment->customer_id, std::move(on_answer));
}

std::optional<Problem> ReplicaService::append(std::int64_t customer_id, OnAnswer on_answer) {
  if (auto problem = not_ready()) return problem;
  const std::uint64_t number = ++last_number_;
  const fmt::format_int key(customer_id);
  if (waiting_.size() >= kMostWaiting ||
      !producer_->offer({key.data(), key.size()}, text_, kRequestHeader,
                        fmt::format("{}:{}", name_, number), number)) {
    return Problem{
        503, "log_busy",
        fmt::format("{} requests wait for the log; send this one again later", waiting_.size()),
        std::nullopt, 1};
  }
  waiting_.emplace(number, Waiting{Clock::now() + answer_within_, std::move(on_answer)});
  return std::nullopt;
}

bool ReplicaService::poll() {
  std::uint64_t woken = 0;
  [[maybe_unused]] const ssize_t nobody_woke = read(wake_.get(), &woken, sizeof woken);
  int left = kEventsAtOnce;
  // Between messages come other reports, such as the end of the log.
  for (int empty = 0; left > 0 && empty < 3;) {
    if (outbox_.full()) break;
    if (const auto message = follower_->poll(milliseconds(0))) {
      apply(*message);
      --left;
    } else {
      ++empty;
    }
  }
  producer_->poll();
  for (const std::uint64_t number : producer_->client().take_lost()) {
    fail(number, {503, "log_away",
                  fmt::format("no broker took the event within {} ms; send it again: under the "
                              "same transaction_id it counts once",
                              answer_within_.count()),
                  std::nullopt, 2});
  }
  if (!caught_up_ && next_ >= end_at_start_) come_up();
  return left == 0;
}

void ReplicaService::on_end(int, std::int64_t next) {
  // The last offsets may hold no events but the marks of a producer's transactions.
  next_ = std::max(next_, next);
}

void ReplicaService::come_up() {
  caught_up_ = true;
  restore_seconds_ = std::chrono::duration<double>(Clock::now() - began_).count();
  owner_.start();
}

void ReplicaService::apply(const kafka::Message& message) {
  const std::int64_t offset = message.offset();
  if (offset < next_) return;
  Event event;
  event.value = message.value();
  event.schema = message.header("schema_version");
  event.logged_at = message.timestamp() / 1000;
  last_timestamp_ = message.timestamp();
  const bool silent = offset < replay_until_;
  EventDecider& decider = state_.decider();
  const EventAnswer kind = decider.apply(event, silent);
  next_ = offset + 1;
  if (decider.control()) controls_.emplace_back(position(), *decider.control());
  if (controls_.size() > kRemembered) controls_.pop_front();
  if (!silent) {
    outbox_.push(offset, [&](kafka::OutgoingBatch& batch) {
      if (kind == EventAnswer::kDecided) add_decision(batch, decider.record(), text_);
      if (kind == EventAnswer::kRefused) add_reject(batch, decider.fault(), message);
    });
  }
  if (kind == EventAnswer::kRefused) {
    Record refused;
    refused.rejected = decider.fault().rule;
    if (!silent) {
      count(tally_, kind, refused);
      uncounted_.push_back({offset, kind, std::move(refused)});
    }
    return answer(message, {nullptr, kind, nullptr, &decider.fault()});
  }
  Record record = decider.record();
  if (kind == EventAnswer::kDecided) {
    record.features = model().pipeline.last_features();
    if (!silent) drift_->observe(record.features, record.margin);
  } else if (record.kind == RecordKind::kFeedback) {
    const auto known = find(record.payment.transaction_id);
    const auto earlier = find_feedback(record.payment.transaction_id);
    record.damage_minor = damage_of(record, known ? &*known : nullptr, earlier);
    record.arm = known ? known->arm : std::string();
    if (kind == EventAnswer::kRepeated) {
      // As it was answered before, where that is remembered.
      const auto same = [&](const Record& other) {
        return other.source == record.source && other.outcome == record.outcome;
      };
      const auto first = std::find_if(earlier.rbegin(), earlier.rend(), same);
      if (first != earlier.rend()) record = *first;
    }
  }
  if (kind != EventAnswer::kRepeated) remember(record);
  record.features.clear();
  if (!silent) {
    count(tally_, kind, record);
    uncounted_.push_back({offset, kind, record});
  }
  answer(message, {nullptr, kind, &record, nullptr});
}

void ReplicaService::count(ServiceTally& tally, EventAnswer answer, const Record& record) {
  if (answer == EventAnswer::kRefused) {
    tally.add_reject(record.rejected);
  } else if (answer == EventAnswer::kRepeated) {
    ++tally.repeated;
  } else if (record.kind == RecordKind::kFeedback) {
    tally.add_feedback(record);
  } else {
    tally.add_decision(record);
  }
}

void ReplicaService::count_written() {
  const std::int64_t committed = outbox_.committed();
  while (!uncounted_.empty() && uncounted_.front().offset < committed) {
    const Uncounted& event = uncounted_.front();
    if (owner_.has_written(event.offset)) count(own_tally_, event.answer, event.record);
    uncounted_.pop_front();
  }
}

void ReplicaService::count_reject(std::string_view rule) {
  tally_.add_reject(rule);
  own_tally_.add_reject(rule);
}

void ReplicaService::answer(const kafka::Message& message, const LogAnswer& answer) {
  const auto header = message.header(kRequestHeader);
  if (!header || !header->starts_with(name_) || header->size() <= name_.size() + 1) return;
  std::uint64_t number = 0;
  std::from_chars(header->data() + name_.size() + 1, header->data() + header->size(), number);
  auto found = waiting_.extract(number);
  if (found) found.mapped().on_answer(answer);
}

void ReplicaService::fail(std::uint64_t number, const Problem& problem) {
  auto found = waiting_.extract(number);
  if (!found) return;
  LogAnswer answer;
  answer.failure = &problem;
  found.mapped().on_answer(answer);
}

void ReplicaService::remember(const Record& record) {
  if (recent_.full()) {
    const auto oldest = decided_.find(recent_[0].payment.transaction_id);
    if (oldest != decided_.end() && oldest->second == first_recent_) decided_.erase(oldest);
    ++first_recent_;
  }
  const std::uint64_t number = first_recent_ + recent_.size() - (recent_.full() ? 1 : 0);
  if (record.kind == RecordKind::kPayment) decided_[record.payment.transaction_id] = number;
  recent_.push(record);
}

std::optional<Record> ReplicaService::find(std::int64_t transaction_id) {
  const auto found = decided_.find(transaction_id);
  if (found == decided_.end()) return std::nullopt;
  return recent_[found->second - first_recent_];
}

std::vector<Record> ReplicaService::find_feedback(std::int64_t transaction_id) {
  std::vector<Record> found;
  const auto decided = decided_.find(transaction_id);
  if (decided == decided_.end()) return found;
  // Feedback comes after its payment.
  for (std::size_t i = decided->second - first_recent_; i < recent_.size(); ++i) {
    const Record& record = recent_[i];
    if (record.kind == RecordKind::kFeedback && record.payment.transaction_id == transaction_id) {
      found.push_back(record);
    }
  }
  return found;
}

std::optional<Control> ReplicaService::control_before(std::uint64_t position) {
  std::optional<Control> found;
  for (const auto& [at, control] : controls_) {
    if (at <= position) found = control;
  }
  return found;
}

Seconds ReplicaService::now() { return std::time(nullptr); }

void ReplicaService::tick() {
  const auto now = Clock::now();
  while (!waiting_.empty() && waiting_.begin()->second.deadline < now) {
    fail(waiting_.begin()->first,
         {504, "log_timeout",
          fmt::format("the log did not give the event back within {} ms; it may be in the log: "
                      "send it again, under the same transaction_id it counts once",
                      answer_within_.count()),
          std::nullopt, 1});
  }
  count_written();
  state_.reap_snapshot(false);
  const Seconds time = std::time(nullptr);
  if (snapshot_at_ == 0) snapshot_at_ = time;
  const Seconds age = std::abs(time - snapshot_at_);
  // One that is ahead of what is committed is of no use to a start right after it.
  const bool due =
      age >= options_.snapshot_every && (outbox_.empty() || age >= options_.snapshot_every + 10);
  if (!caught_up_ || !due || state_.snapshot_running()) return;
  snapshot_at_ = time;
  state_.begin_snapshot(next_);
}

void ReplicaService::stop() {
  owner_.stop();
  state_.reap_snapshot(true);
  if (!caught_up_) return;
  state_.begin_snapshot(next_);
  state_.reap_snapshot(true);
}

void ReplicaService::add_log(metrics::Exposition& page) const {
  using metrics::Metric;
  const auto number = [](auto value) { return static_cast<double>(value); };
  const LogOwner::Counts counts = owner_.counts();
  page.sample(Metric::kSnapshots, {"written"}, number(counts_.snapshots_written));
  page.sample(Metric::kSnapshots, {"failed"}, number(counts_.snapshots_failed));
  page.sample(Metric::kSnapshots, {"damaged"}, number(counts_.snapshots_damaged));
  const Seconds since = snapshot_at_ != 0 ? snapshot_at_ : started_at_;
  page.sample(Metric::kSnapshotAgeSeconds, number(std::time(nullptr) - since));
  page.sample(Metric::kReplayed, number(state_.decider().replayed()));
  page.sample(Metric::kStreamPartitions, owner_.owns() ? 1 : 0);
  const std::int64_t lag =
      std::max<std::int64_t>(0, follower_->high_watermark(kLogPartition) - next_);
  page.sample(Metric::kStreamLagMessages, number(lag));
  const bool behind = lag > 0 && last_timestamp_ > 0;
  page.sample(
      Metric::kStreamLagSeconds,
      behind ? std::max(0.0, number(std::time(nullptr)) - number(last_timestamp_) / 1e3) : 0);
  page.sample(Metric::kStreamTransactions, {"committed"}, number(counts.stream.commits));
  page.sample(Metric::kStreamTransactions, {"aborted"}, number(counts.aborts));
  page.sample(Metric::kStreamTransactions, {"repaired"}, number(counts.stream.repaired));
  page.histogram(Metric::kStreamCommitSeconds, {}, counts.stream.commit_seconds);
  page.histogram(Metric::kStreamBatchMessages, {}, counts.stream.batch_messages);
  page.sample(Metric::kStreamRebalances, {"assigned"}, number(counts.assigned));
  page.sample(Metric::kStreamRebalances, {"revoked"}, number(counts.revoked));
  page.sample(Metric::kStreamRebalances, {"lost"}, number(counts.lost));
  page.sample(Metric::kStreamRestoreSeconds, restore_seconds_);
}

}  // namespace weir::cli
