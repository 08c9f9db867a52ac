// The part of KeyHistory that learns what became of its payments, and the part that is stored.
#include <algorithm>

#include "core/features/key_history.h"
#include "core/features/varint.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"

namespace weir {
namespace {

constexpr Seconds kMaxDelay = (1 << 30) - 1;

std::uint32_t outcome_bits(Outcome outcome) { return outcome == Outcome::kFraud ? 2 : 1; }

}  // namespace

std::uint32_t KeyHistory::find(std::uint32_t time, std::uint32_t id) const {
  if (empty()) return tail_;
  for (std::uint32_t i = after(Seconds{time} - 1); i < tail_ && times()[i] == time; ++i) {
    if (known()[i].id == id) return i;
  }
  return tail_;
}

KeyHistory::Match KeyHistory::apply(const KeyPlan& plan, const Feedback& feedback) {
  const Payment& payment = feedback.payment;
  LooseOutcome outcome{static_cast<std::uint32_t>(payment.event_time),
                       {static_cast<std::uint32_t>(payment.transaction_id), 0}};
  const std::uint32_t index = find(outcome.time, outcome.known.id);
  if (index == tail_) return Match::kUnmatched;
  const Seconds delay = std::clamp<Seconds>(feedback.known_at - payment.event_time, 0, kMaxDelay);
  outcome.known.delay_and_outcome =
      (static_cast<std::uint32_t>(delay) << 2) | outcome_bits(feedback.outcome);
  if (outcome.known_at() <= newest()) {
    settle(plan, index, outcome.known);
    return Match::kApplied;
  }
  auto& pending = extras(plan).pending;
  pending.insert(std::upper_bound(pending.begin(), pending.end(), outcome,
                                  [](const LooseOutcome& left, const LooseOutcome& right) {
                                    return left.known_at() < right.known_at();
                                  }),
                 outcome);
  return Match::kApplied;
}

/// Takes in what has become known by `time`.
void KeyHistory::settle_pending(const KeyPlan& plan, Seconds time) {
  auto& pending = extras_->pending;
  std::size_t settled = 0;
  for (; settled < pending.size() && pending[settled].known_at() <= time; ++settled) {
    const LooseOutcome& outcome = pending[settled];
    const std::uint32_t index = find(outcome.time, outcome.known.id);
    if (index != tail_) settle(plan, index, outcome.known);
  }
  pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(settled));
}

void KeyHistory::settle(const KeyPlan& plan, std::uint32_t index, Known outcome) {
  Known& record = known()[index];
  if (record.is_known()) {
    const bool is_later = outcome.delay() >= record.delay();
    extras(plan).superseded.push_back({times()[index], is_later ? record : outcome});
    if (!is_later) return;
  }
  if (record.outcome() != outcome.outcome()) {
    if (record.is_known()) count_outcome(plan, index, record.outcome(), false);
    record = outcome;
    count_outcome(plan, index, outcome.outcome(), true);
  }
  record = outcome;
}

/// Adds an outcome to (or takes it from) every edge that has passed its payment. A record is
/// unknown, not of the other outcome, while this runs on it.
void KeyHistory::count_outcome(const KeyPlan& plan,
                               std::uint32_t index,
                               Outcome outcome,
                               bool add) {
  const std::uint32_t one = add ? 1U : ~0U;
  const std::uint64_t kopecks = plan.genuine_sums ? amount(index) : 0;
  for (std::size_t e = 0; e < edges_; ++e) {
    Totals& edge = totals()[e];
    if (edge.passed <= index) continue;
    if (outcome == Outcome::kFraud) {
      edge.fraud += one;
    } else {
      edge.genuine += one;
      edge.genuine_sum += add ? kopecks : ~kopecks + 1;
    }
  }
  if (!plan.fraud_order) return;
  if (outcome == Outcome::kFraud) {
    add ? mark_fraud(index) : unmark_fraud(index);
    return;
  }
  auto& frauds = extras(plan).frauds;
  const auto next = std::upper_bound(
      frauds.begin(), frauds.end(), index,
      [](std::uint32_t value, const FraudMark& mark) { return value < mark.index; });
  if (next != frauds.begin()) std::prev(next)->genuine_after += one;
}

void KeyHistory::mark_fraud(std::uint32_t index) {
  auto& frauds = extras_->frauds;
  const auto next = std::lower_bound(
      frauds.begin(), frauds.end(), index,
      [](const FraudMark& mark, std::uint32_t value) { return mark.index < value; });
  const auto genuine_in = [&](std::uint32_t begin, std::uint32_t end) {
    std::uint32_t count = 0;
    for (std::uint32_t i = begin; i < end; ++i) count += known()[i].outcome() == Outcome::kGenuine;
    return count;
  };
  const std::uint32_t end = next == frauds.end() ? tail_ : next->index;
  FraudMark mark{index, 0};
  if (next == frauds.begin()) {
    mark.genuine_after = genuine_in(index + 1, end);
  } else {
    // The new fraud cuts the stretch after its neighbour in two: count the shorter part. Frauds of
    // an episode become known one after the other, so the left part is short then.
    FraudMark& previous = *std::prev(next);
    const bool from_left = previous.index >= head_ && index - previous.index < end - index;
    const std::uint32_t whole = previous.genuine_after;
    mark.genuine_after =
        from_left ? whole - genuine_in(previous.index + 1, index) : genuine_in(index + 1, end);
    previous.genuine_after = whole - mark.genuine_after;
  }
  frauds.insert(next, mark);
}

void KeyHistory::unmark_fraud(std::uint32_t index) {
  auto& frauds = extras_->frauds;
  const auto mark =
      std::lower_bound(frauds.begin(), frauds.end(), index,
                       [](const FraudMark& one, std::uint32_t value) { return one.index < value; });
  WEIR_CHECK(mark != frauds.end() && mark->index == index);
  if (mark != frauds.begin()) std::prev(mark)->genuine_after += mark->genuine_after;
  frauds.erase(mark);
}

// ---------------------------------------------------------------------------------- storage

void KeyHistory::serialize(const KeyPlan& plan, std::string& bytes) const {
  write_varint(bytes, tail_ - head_);
  std::uint32_t before = 0;
  for (std::uint32_t i = head_; i < tail_; ++i) {
    write_varint(bytes, times()[i] - before);
    before = times()[i];
    if (plan.amounts) write_varint(bytes, amount(i));
    if (plan.outcomes) {
      write_varint(bytes, known()[i].id);
      write_varint(bytes, known()[i].delay_and_outcome);
    }
  }
  if (!plan.outcomes) return;
  for (const auto list : {&Extras::pending, &Extras::superseded}) {
    const std::vector<LooseOutcome> none;
    const std::vector<LooseOutcome>& outcomes = extras_ ? (*extras_).*list : none;
    write_varint(bytes, outcomes.size());
    for (const LooseOutcome& outcome : outcomes) {
      write_varint(bytes, outcome.time);
      write_varint(bytes, outcome.known.id);
      write_varint(bytes, outcome.known.delay_and_outcome);
    }
  }
}

bool KeyHistory::restore(const KeyPlan& plan, std::string_view& bytes) {
  release();
  VarintReader reader(bytes);
  const std::uint64_t count = reader.read();
  // A record takes at least one byte, so a damaged count cannot ask for more memory than the file.
  if (count == 0 || count > bytes.size() || count > kMaxRecords) return false;
  reserve(plan, static_cast<std::uint32_t>(count));
  Payment payment;
  for (; tail_ < count; ++tail_) {
    payment.event_time += static_cast<Seconds>(reader.read32());
    const std::uint64_t kopecks = plan.amounts ? reader.read() : 0;
    Known record;
    if (plan.outcomes) {
      record.id = reader.read32();
      record.delay_and_outcome = reader.read32();
    }
    if (reader.failed() || payment.event_time > Seconds{0xFFFF'FFFF} ||
        kopecks > static_cast<std::uint64_t>(kMaxAmountMinor) ||
        (record.delay_and_outcome & 3) == 3) {
      return false;
    }
    if (const std::uint8_t width = amount_width(plan, kopecks); width != amount_bytes_) {
      move_to_block(plan, capacity_, width);
    }
    payment.amount_minor = static_cast<std::int64_t>(kopecks);
    put(plan, tail_, payment);
    if (plan.outcomes) known()[tail_] = record;
  }
  if (plan.outcomes) {
    for (const auto list : {&Extras::pending, &Extras::superseded}) {
      const std::uint64_t size = reader.read();
      if (size > bytes.size()) return false;
      for (std::uint64_t i = 0; i < size; ++i) {
        LooseOutcome outcome;
        outcome.time = reader.read32();
        outcome.known.id = reader.read32();
        outcome.known.delay_and_outcome = reader.read32();
        const std::uint32_t bits = outcome.known.delay_and_outcome & 3;
        if (reader.failed() || bits == 0 || bits == 3) return false;
        (extras(plan).*list).push_back(outcome);
      }
    }
  }
  if (reader.failed()) return false;
  if (plan.outcomes || !plan.maxima.empty()) extras(plan);
  rebuild(plan);
  bytes = reader.rest();
  return true;
}

}  // namespace weir
