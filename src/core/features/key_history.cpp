#include "core/features/key_history.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr std::uint32_t kFirstCapacity = 8;

}  // namespace

// ---------------------------------------------------------------------------------- memory

KeyHistory& KeyHistory::operator=(KeyHistory&& other) noexcept {
  if (this != &other) {
    release();
    take(other);
  }
  return *this;
}

void KeyHistory::take(KeyHistory& other) noexcept {
  block_ = std::exchange(other.block_, nullptr);
  extras_ = std::move(other.extras_);
  capacity_ = std::exchange(other.capacity_, 0);
  head_ = std::exchange(other.head_, 0);
  tail_ = std::exchange(other.tail_, 0);
  edges_ = other.edges_;
  amount_bytes_ = other.amount_bytes_;
  has_outcomes_ = other.has_outcomes_;
}

void KeyHistory::release() noexcept {
  std::free(block_);
  block_ = nullptr;
  extras_.reset();
  capacity_ = head_ = tail_ = 0;
}

KeyHistory::Extras& KeyHistory::extras(const KeyPlan& plan) {
  if (!extras_) {
    extras_ = std::make_unique<Extras>();
    extras_->maxima.resize(plan.maxima.size());
  }
  return *extras_;
}

void KeyHistory::prefetch() const {
  constexpr std::size_t kLine = 64;
  for (std::size_t at = 0; at < edges_ * sizeof(Totals); at += kLine)
    __builtin_prefetch(block_ + at);
  if (!extras_) return;
  for (std::size_t at = 0; at < sizeof(Extras); at += kLine)
    __builtin_prefetch(reinterpret_cast<const std::byte*>(extras_.get()) + at);
}

void KeyHistory::prefetch_records(const KeyPlan& plan) const {
  if (block_ == nullptr) return;
  __builtin_prefetch(times() + tail_, 1);
  if (amount_bytes_ != 0) __builtin_prefetch(amounts() + std::size_t{tail_} * amount_bytes_, 1);
  for (std::size_t e = 1; e < plan.offsets.size(); ++e) {
    const std::uint32_t index = totals()[e].passed;
    __builtin_prefetch(times() + index);
    if (amount_bytes_ != 0) __builtin_prefetch(amounts() + std::size_t{index} * amount_bytes_);
    if (has_outcomes_) __builtin_prefetch(known() + index);
  }
  if (!extras_) return;
  __builtin_prefetch(extras_->pending.data());
  __builtin_prefetch(extras_->maxima.data());
}

void KeyHistory::prefetch_queues() const {
  if (!extras_) return;
  for (const MaxQueue& queue : extras_->maxima) {
    if (queue.front < queue.indices.size()) __builtin_prefetch(&queue.indices[queue.front]);
  }
}

std::size_t KeyHistory::memory_bytes() const {
  if (block_ == nullptr) return 0;
  const std::size_t record = 4 + amount_bytes_ + (has_outcomes_ ? sizeof(Known) : 0);
  std::size_t bytes = edges_ * sizeof(Totals) + capacity_ * record;
  if (extras_) {
    bytes += sizeof(Extras) + extras_->pending.capacity() * sizeof(LooseOutcome) +
             extras_->superseded.capacity() * sizeof(LooseOutcome) +
             extras_->frauds.capacity() * sizeof(FraudMark);
    for (const MaxQueue& queue : extras_->maxima) bytes += queue.indices.capacity() * 4;
  }
  return bytes;
}

std::uint64_t KeyHistory::amount(std::uint32_t index) const {
  if (amount_bytes_ == 4) return reinterpret_cast<const std::uint32_t*>(amounts())[index];
  std::uint64_t value = 0;  // 8-byte amounts may start at a multiple of 4 only.
  std::memcpy(&value, amounts() + std::size_t{index} * 8, 8);
  return value;
}

/// Copies the remembered records to the front of a new block.
void KeyHistory::move_to_block(const KeyPlan& plan,
                               std::uint32_t capacity,
                               std::uint8_t amount_bytes) {
  const std::size_t record = 4 + std::size_t{amount_bytes} + (plan.outcomes ? sizeof(Known) : 0);
  const std::size_t edges = plan.offsets.size();
  auto* block = static_cast<std::byte*>(std::malloc(edges * sizeof(Totals) + capacity * record));
  if (block == nullptr) throw std::bad_alloc();
  KeyHistory old;
  old.take(*this);
  extras_ = std::move(old.extras_);
  block_ = block;
  capacity_ = capacity;
  edges_ = static_cast<std::uint16_t>(edges);
  amount_bytes_ = amount_bytes;
  has_outcomes_ = plan.outcomes;
  if (old.block_ == nullptr) {
    std::fill_n(totals(), edges, Totals());
    return;
  }
  std::memcpy(block_, old.block_, edges * sizeof(Totals));
  head_ = old.head_;
  tail_ = old.tail_;
  const std::uint32_t count = tail_ - head_;
  std::memcpy(times(), old.times() + head_, count * 4);
  for (std::uint32_t i = 0; i < count && amount_bytes != 0; ++i) {
    const std::uint64_t value = old.amount(head_ + i);
    std::memcpy(amounts() + std::size_t{i} * amount_bytes, &value, amount_bytes);
  }
  if (has_outcomes_) std::memcpy(known(), old.known() + head_, count * sizeof(Known));
  shift_indices(head_);
}

/// Moves the remembered records to the front of their own block.
void KeyHistory::compact() {
  const std::uint32_t count = tail_ - head_;
  std::memmove(times(), times() + head_, count * 4);
  std::memmove(amounts(), amounts() + std::size_t{head_} * amount_bytes_,
               std::size_t{count} * amount_bytes_);
  if (has_outcomes_) std::memmove(known(), known() + head_, count * sizeof(Known));
  shift_indices(head_);
}

void KeyHistory::shift_indices(std::uint32_t shift) {
  head_ -= shift;
  tail_ -= shift;
  for (std::size_t e = 0; e < edges_; ++e) totals()[e].passed -= shift;
  if (!extras_) return;
  auto& frauds = extras_->frauds;
  frauds.erase(frauds.begin(), frauds.begin() + static_cast<std::ptrdiff_t>(extras_->fraud_front));
  extras_->fraud_front = 0;
  for (FraudMark& mark : frauds) mark.index -= shift;
  for (MaxQueue& queue : extras_->maxima) {
    queue.indices.erase(queue.indices.begin(),
                        queue.indices.begin() + static_cast<std::ptrdiff_t>(queue.front));
    queue.front = 0;
    queue.pushed -= shift;
    for (std::uint32_t& index : queue.indices) index -= shift;
  }
}

/// Bytes that an amount takes.
std::uint8_t KeyHistory::amount_width(const KeyPlan& plan, std::uint64_t amount) const {
  if (!plan.amounts) return 0;
  return amount > std::numeric_limits<std::uint32_t>::max() || amount_bytes_ == 8 ? 8 : 4;
}

/// Room for one more record, of this amount.
void KeyHistory::make_room(const KeyPlan& plan, std::uint64_t amount) {
  const std::uint8_t wanted = amount_width(plan, amount);
  if (block_ == nullptr) {
    move_to_block(plan, kFirstCapacity, wanted);
    return;
  }
  if (tail_ < capacity_ && wanted == amount_bytes_) return;
  const std::uint32_t count = tail_ - head_;
  // A payment more moves seven records on average, and a fifth of the memory is free. A block that
  // a busier time left behind is given back, or memory would follow each key's busiest month ever.
  const bool full = count >= capacity_ - capacity_ / 8;
  const bool sparse = count < capacity_ / 2 && capacity_ > 2 * kFirstCapacity;
  if (full || sparse || wanted != amount_bytes_) {
    WEIR_CHECK(count < kMaxRecords);
    move_to_block(plan, count + std::max(kFirstCapacity, count / 4), wanted);
  } else {
    compact();
  }
}

void KeyHistory::reserve(const KeyPlan& plan, std::uint32_t count) {
  move_to_block(plan, std::max(kFirstCapacity, count + count / 6), amount_width(plan, 0));
}

// ---------------------------------------------------------------------------------- payments

std::uint32_t KeyHistory::after(Seconds time) const {
  const std::uint32_t* begin = times();
  return static_cast<std::uint32_t>(
      std::upper_bound(begin + head_, begin + tail_, time,
                       [](Seconds value, std::uint32_t when) { return value < Seconds{when}; }) -
      begin);
}

void KeyHistory::put(const KeyPlan& plan, std::uint32_t index, const Payment& payment) {
  times()[index] = static_cast<std::uint32_t>(payment.event_time);
  std::memcpy(amounts() + std::size_t{index} * amount_bytes_, &payment.amount_minor, amount_bytes_);
  if (plan.outcomes) known()[index] = {static_cast<std::uint32_t>(payment.transaction_id), 0};
}

/// Adds the record to the totals of an edge that passes it.
void KeyHistory::pass(const KeyPlan& plan, Totals& totals, std::uint32_t index) const {
  const std::uint64_t kopecks = plan.amounts ? amount(index) : 0;
  totals.sum += kopecks;
  if (plan.squares) totals.squares += static_cast<WideSum>(kopecks) * kopecks;
  if (plan.outcomes) {
    const Outcome outcome = known()[index].outcome();
    totals.fraud += outcome == Outcome::kFraud;
    if (outcome == Outcome::kGenuine) {
      totals.genuine += 1;
      totals.genuine_sum += kopecks;
    }
  }
  totals.passed += 1;
}

/// Moves the edges to where they stand at `time`.
void KeyHistory::advance(const KeyPlan& plan, Seconds time) {
  const std::uint32_t* when = times();
  for (std::size_t e = 1; e < plan.offsets.size(); ++e) {
    Totals& edge = totals()[e];
    const Seconds until = time - plan.offsets[e];
    while (edge.passed < tail_ && Seconds{when[edge.passed]} <= until)
      pass(plan, edge, edge.passed);
  }
}

void KeyHistory::advance_maxima(const KeyPlan& plan) {
  for (std::size_t m = 0; m < plan.maxima.size(); ++m) {
    MaxQueue& queue = extras_->maxima[m];
    auto& indices = queue.indices;
    for (; queue.pushed < totals()[plan.maxima[m].newer].passed; ++queue.pushed) {
      while (indices.size() > queue.front && amount(indices.back()) <= amount(queue.pushed)) {
        indices.pop_back();
      }
      indices.push_back(queue.pushed);
    }
    const std::uint32_t oldest = totals()[plan.maxima[m].older].passed;
    while (queue.front < indices.size() && indices[queue.front] < oldest) ++queue.front;
    if (queue.front > 32 && queue.front > indices.size() / 2) {
      indices.erase(indices.begin(), indices.begin() + static_cast<std::ptrdiff_t>(queue.front));
      queue.front = 0;
    }
  }
}

/// Totals, fraud marks and queues out of the records alone.
void KeyHistory::rebuild(const KeyPlan& plan) {
  Totals sum;
  sum.passed = head_;
  // The furthest edge has passed the fewest.
  for (std::size_t e = edges_; e-- > 0;) {
    const std::uint32_t passed = after(newest() - plan.offsets[e]);
    while (sum.passed < passed) pass(plan, sum, sum.passed);
    totals()[e] = sum;
  }
  if (!extras_) return;
  extras_->frauds.clear();
  extras_->fraud_front = 0;
  for (std::uint32_t i = head_; i < tail_ && plan.fraud_order; ++i) {
    const Outcome outcome = known()[i].outcome();
    if (outcome == Outcome::kFraud) extras_->frauds.push_back({i, 0});
    if (outcome == Outcome::kGenuine && !extras_->frauds.empty()) {
      extras_->frauds.back().genuine_after += 1;
    }
  }
  for (MaxQueue& queue : extras_->maxima) queue = MaxQueue{{}, 0, head_};
  advance_maxima(plan);
}

void KeyHistory::forget(const KeyPlan& plan) {
  const Seconds until = newest() - plan.memory;
  while (Seconds{times()[head_]} <= until) ++head_;
  if (!extras_) return;
  auto& frauds = extras_->frauds;
  std::size_t& front = extras_->fraud_front;
  while (front < frauds.size() && frauds[front].index < head_) ++front;
  if (front > 32 && front > frauds.size() / 2) {
    frauds.erase(frauds.begin(), frauds.begin() + static_cast<std::ptrdiff_t>(front));
    front = 0;
  }
  if (!extras_->superseded.empty()) {
    std::erase_if(extras_->superseded,
                  [&](const LooseOutcome& old) { return Seconds{old.time} <= until; });
  }
}

KeyHistory::Arrival KeyHistory::apply(const KeyPlan& plan,
                                      const Payment& payment,
                                      std::span<float> row) {
  const Seconds time = payment.event_time;
  if (!empty() && time < newest()) {
    write_late_row(plan, payment, row);
    if (time <= newest() - plan.memory) return Arrival::kTooLate;
    insert_late(plan, payment);
    return Arrival::kLate;
  }
  make_room(plan, static_cast<std::uint64_t>(payment.amount_minor));
  if (plan.outcomes || !plan.maxima.empty()) extras(plan);
  if (plan.outcomes) settle_pending(plan, time);
  advance(plan, time);
  put(plan, tail_, payment);
  ++tail_;
  pass(plan, totals()[0], tail_ - 1);
  if (!plan.maxima.empty()) advance_maxima(plan);
  forget(plan);
  write_row(plan, payment, row);
  return Arrival::kInOrder;
}

void KeyHistory::insert_late(const KeyPlan& plan, const Payment& payment) {
  make_room(plan, static_cast<std::uint64_t>(payment.amount_minor));
  const std::uint32_t index = after(payment.event_time);
  const std::uint32_t moved = tail_ - index;
  const Seconds now = newest();
  std::memmove(times() + index + 1, times() + index, std::size_t{moved} * 4);
  std::memmove(amounts() + std::size_t{index + 1} * amount_bytes_,
               amounts() + std::size_t{index} * amount_bytes_, std::size_t{moved} * amount_bytes_);
  if (plan.outcomes) {
    std::memmove(known() + index + 1, known() + index, std::size_t{moved} * sizeof(Known));
  }
  put(plan, index, payment);
  ++tail_;
  for (std::size_t e = 0; e < plan.offsets.size(); ++e) {
    if (payment.event_time <= now - plan.offsets[e]) pass(plan, totals()[e], index);
  }
  if (!extras_) return;
  for (FraudMark& mark : extras_->frauds) mark.index += mark.index >= index;
  for (MaxQueue& queue : extras_->maxima) queue = MaxQueue{{}, 0, head_};
  advance_maxima(plan);
}

// ---------------------------------------------------------------------------------- features

/// As feature_value, but looks only at what the aggregate needs.
inline float KeyHistory::column_value(const KeyPlan::Column& column,
                                      std::uint64_t own_amount) const {
  const Totals& newer = totals()[column.newer];
  const Totals& older = totals()[column.older];
  // Read where they are needed: most aggregates want one or two of them.
  const auto count = [&] { return newer.passed - older.passed; };
  const auto sum = [&] { return newer.sum - older.sum; };
  const auto fraud = [&] { return newer.fraud - older.fraud; };
  const auto genuine = [&] { return newer.genuine - older.genuine; };
  const auto now = [&] { return times()[tail_ - 1]; };
  switch (column.aggregate) {
    case Aggregate::kCount:
      return arithmetic::whole(count());
    case Aggregate::kSum:
      return arithmetic::roubles(sum());
    case Aggregate::kMean:
      return arithmetic::mean(sum(), count());
    case Aggregate::kStd:
      return arithmetic::standard_deviation(count(), sum(), newer.squares - older.squares);
    case Aggregate::kMax:
      return arithmetic::roubles(largest(column));
    case Aggregate::kAmountToMean:
      return arithmetic::ratio_to_mean(own_amount, sum(), count());
    case Aggregate::kAmountToMax:
      return arithmetic::ratio(own_amount, largest(column));
    case Aggregate::kAmountToGenuineMean:
      return arithmetic::ratio_to_mean(own_amount, newer.genuine_sum - older.genuine_sum,
                                       genuine());
    case Aggregate::kTimeSinceLast:
      return arithmetic::whole(tail_ - head_ >= 2 && tail_ - 2 >= older.passed
                                   ? now() - times()[tail_ - 2]
                                   : static_cast<std::uint64_t>(column.window));
    case Aggregate::kKnownFraudCount:
      return arithmetic::whole(fraud());
    case Aggregate::kKnownGenuineCount:
      return arithmetic::whole(genuine());
    case Aggregate::kRisk:
      return arithmetic::share(fraud(), genuine());
    case Aggregate::kTimeSinceFirstKnownFraud: {
      const auto& frauds = extras_->frauds;
      const auto first = std::lower_bound(
          frauds.begin() + static_cast<std::ptrdiff_t>(extras_->fraud_front), frauds.end(),
          older.passed,
          [](const FraudMark& mark, std::uint32_t index) { return mark.index < index; });
      return arithmetic::whole(first != frauds.end() ? now() - times()[first->index]
                                                     : static_cast<std::uint64_t>(column.window));
    }
    case Aggregate::kTimeSinceLastKnownFraud:
    case Aggregate::kKnownGenuineSinceLastKnownFraud: {
      const auto& frauds = extras_->frauds;
      const bool in_window =
          extras_->fraud_front < frauds.size() && frauds.back().index >= older.passed;
      if (column.aggregate == Aggregate::kTimeSinceLastKnownFraud) {
        return arithmetic::whole(in_window ? now() - times()[frauds.back().index]
                                           : static_cast<std::uint64_t>(column.window));
      }
      return arithmetic::whole(in_window ? frauds.back().genuine_after : genuine());
    }
    default:
      WEIR_CHECK(false);  // Of the payment itself.
  }
}

void KeyHistory::write_row(const KeyPlan& plan,
                           const Payment& payment,
                           std::span<float> row) const {
  const auto own_amount = static_cast<std::uint64_t>(payment.amount_minor);
  for (const KeyPlan::Column& column : plan.columns) {
    row[column.index] = column_value(column, own_amount);
  }
}

/// Kopecks of the largest amount of the column's window.
std::uint64_t KeyHistory::largest(const KeyPlan::Column& column) const {
  const MaxQueue& queue = extras_->maxima[column.maximum];
  return queue.front < queue.indices.size() ? amount(queue.indices[queue.front]) : 0;
}

/// From the definition, over the remembered records: what comes late is rare.
void KeyHistory::write_late_row(const KeyPlan& plan,
                                const Payment& payment,
                                std::span<float> row) const {
  const Seconds time = payment.event_time;
  const auto own_amount = static_cast<std::uint64_t>(payment.amount_minor);
  for (const KeyPlan::Column& column : plan.columns) {
    const Seconds delay = plan.offsets[column.newer];
    const std::uint32_t begin = after(time - delay - column.window);
    const std::uint32_t end = after(time - delay);
    WindowFacts facts;
    facts.seconds = static_cast<std::uint64_t>(column.window);
    std::uint32_t first_fraud = tail_;
    std::uint32_t last_fraud = tail_;
    const auto add = [&](std::uint64_t kopecks) {
      facts.count += 1;
      facts.sum += kopecks;
      facts.squares += static_cast<WideSum>(kopecks) * kopecks;
      facts.max = std::max(facts.max, kopecks);
    };
    for (std::uint32_t i = begin; i < end; ++i) {
      add(plan.amounts ? amount(i) : 0);
      const Outcome outcome = plan.outcomes ? outcome_at(i, time) : Outcome::kUnanswered;
      if (outcome == Outcome::kGenuine) {
        facts.known_genuine += 1;
        facts.genuine_sum += plan.amounts ? amount(i) : 0;
        facts.genuine_since_fraud += 1;
      } else if (outcome == Outcome::kFraud) {
        facts.known_fraud += 1;
        if (first_fraud == tail_) first_fraud = i;
        last_fraud = i;
        facts.genuine_since_fraud = 0;
      }
    }
    if (delay == 0) add(own_amount);
    std::uint32_t since = tail_;
    if (column.aggregate == Aggregate::kTimeSinceLast && end > begin) since = end - 1;
    if (column.aggregate == Aggregate::kTimeSinceFirstKnownFraud) since = first_fraud;
    if (column.aggregate == Aggregate::kTimeSinceLastKnownFraud) since = last_fraud;
    if (since != tail_) facts.seconds = static_cast<std::uint64_t>(time - Seconds{times()[since]});
    row[column.index] = feature_value(column.aggregate, time, own_amount, facts);
  }
}

Outcome KeyHistory::outcome_at(std::uint32_t index, Seconds time) const {
  const Known& record = known()[index];
  const std::uint32_t when = times()[index];
  if (!record.is_known()) return Outcome::kUnanswered;
  if (Seconds{when} + record.delay() <= time) return record.outcome();
  const LooseOutcome* latest = nullptr;
  for (const LooseOutcome& old : extras_->superseded) {
    if (old.time == when && old.known.id == record.id && old.known_at() <= time &&
        (latest == nullptr || old.known_at() >= latest->known_at())) {
      latest = &old;
    }
  }
  return latest == nullptr ? Outcome::kUnanswered : latest->known.outcome();
}

}  // namespace weir
