#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/features/feature_arithmetic.h"
#include "core/features/key_plan.h"
#include "core/transaction/payment.h"

namespace weir {

/// The remembered payments of one key, in order, with running totals at every edge of the plan.
///
/// One block of memory a key: totals, then times (4 bytes a payment), amounts (4; 8 once one needs
/// it) and outcomes (8), the latter two only when the plan wants them. Every call must be given the
/// plan that the history was made with.
class KeyHistory {
 public:
  enum class Arrival : std::uint8_t { kInOrder, kLate, kTooLate };
  enum class Match : std::uint8_t { kApplied, kUnmatched };

  /// Of one key; indices stay far from the end of their 32 bits.
  static constexpr std::uint32_t kMaxRecords = 1U << 30;

  KeyHistory() = default;
  ~KeyHistory() { release(); }
  KeyHistory(KeyHistory&& other) noexcept { take(other); }
  KeyHistory& operator=(KeyHistory&& other) noexcept;

  bool empty() const { return block_ == nullptr || head_ == tail_; }
  /// Of the newest payment; the history must not be empty.
  Seconds newest() const { return times()[tail_ - 1]; }

  /// Writes the plan's columns of `row`, then stores the payment.
  Arrival apply(const KeyPlan& plan, const Payment& payment, std::span<float> row);
  Match apply(const KeyPlan& plan, const Feedback& feedback);

  /// This object alone.
  void prefetch_self() const { __builtin_prefetch(this); }
  /// The totals and what else stands by itself.
  void prefetch() const;
  /// The cache lines that the next payment will read; the block itself must be near by now.
  void prefetch_records(const KeyPlan& plan) const;
  /// The largest amounts; what stands by itself must be near by now.
  void prefetch_queues() const;
  std::size_t memory_bytes() const;

  /// The logical content only: equal histories give equal bytes, whatever way they came about.
  void serialize(const KeyPlan& plan, std::string& bytes) const;
  /// Reads what serialize wrote off the front of `bytes`; false on damage.
  bool restore(const KeyPlan& plan, std::string_view& bytes);

 private:
  /// Over all payments up to an edge, since ever and modulo 2^n: only differences mean anything.
  struct Totals {
    std::uint32_t passed = 0;  // Index of the first record not passed.
    std::uint32_t fraud = 0;
    std::uint32_t genuine = 0;
    std::uint64_t sum = 0;
    std::uint64_t genuine_sum = 0;
    WideSum squares = 0;
  };
  /// Low bits of the transaction id, and what is known: known_at as seconds after the payment.
  struct Known {
    std::uint32_t id = 0;
    std::uint32_t delay_and_outcome = 0;

    bool is_known() const { return (delay_and_outcome & 3) != 0; }
    Outcome outcome() const {
      return (delay_and_outcome & 3) == 0   ? Outcome::kUnanswered
             : (delay_and_outcome & 3) == 1 ? Outcome::kGenuine
                                            : Outcome::kFraud;
    }
    std::uint32_t delay() const { return delay_and_outcome >> 2; }
  };
  /// A known fraud and how many known genuine payments follow it before the next known fraud.
  struct FraudMark {
    std::uint32_t index;
    std::uint32_t genuine_after;
  };
  /// An outcome that is not in its record: not yet known (pending), or overtaken by a later one.
  struct LooseOutcome {
    std::uint32_t time;  // Of the payment.
    Known known;
    Seconds known_at() const { return Seconds{time} + known.delay(); }
  };
  /// Indices of records whose amounts descend: the front is the largest of its window.
  struct MaxQueue {
    std::vector<std::uint32_t> indices;
    std::size_t front = 0;
    std::uint32_t pushed = 0;  // Index of the first record not looked at.
  };
  struct Extras {
    std::vector<LooseOutcome> pending;     // By known_at, then arrival; known_at > newest.
    std::vector<LooseOutcome> superseded;  // In order of arrival; for late payments.
    std::vector<FraudMark> frauds;         // By index; those before fraud_front are forgotten.
    std::size_t fraud_front = 0;
    std::vector<MaxQueue> maxima;
  };

  Totals* totals() const { return reinterpret_cast<Totals*>(block_); }
  std::uint32_t* times() const {
    return reinterpret_cast<std::uint32_t*>(block_ + edges_ * sizeof(Totals));
  }
  std::byte* amounts() const { return reinterpret_cast<std::byte*>(times() + capacity_); }
  std::uint64_t amount(std::uint32_t index) const;
  Known* known() const {
    return reinterpret_cast<Known*>(amounts() + std::size_t{amount_bytes_} * capacity_);
  }

  void take(KeyHistory& other) noexcept;
  void release() noexcept;
  Extras& extras(const KeyPlan& plan);
  std::uint8_t amount_width(const KeyPlan& plan, std::uint64_t amount) const;
  void make_room(const KeyPlan& plan, std::uint64_t amount);
  /// Of an empty history, for as many payments and those of the next days.
  void reserve(const KeyPlan& plan, std::uint32_t count);
  void compact();
  void shift_indices(std::uint32_t shift);
  void move_to_block(const KeyPlan& plan, std::uint32_t capacity, std::uint8_t amount_bytes);
  void put(const KeyPlan& plan, std::uint32_t index, const Payment& payment);
  void pass(const KeyPlan& plan, Totals& totals, std::uint32_t index) const;
  void advance(const KeyPlan& plan, Seconds time);
  void advance_maxima(const KeyPlan& plan);
  void forget(const KeyPlan& plan);
  void rebuild(const KeyPlan& plan);
  void insert_late(const KeyPlan& plan, const Payment& payment);
  void write_row(const KeyPlan& plan, const Payment& payment, std::span<float> row) const;
  float column_value(const KeyPlan::Column& column, std::uint64_t own_amount) const;
  std::uint64_t largest(const KeyPlan::Column& column) const;
  void write_late_row(const KeyPlan& plan, const Payment& payment, std::span<float> row) const;
  /// Index of the first record later than `time`.
  std::uint32_t after(Seconds time) const;
  /// Index of a payment, or tail_.
  std::uint32_t find(std::uint32_t time, std::uint32_t id) const;
  void settle_pending(const KeyPlan& plan, Seconds time);
  void settle(const KeyPlan& plan, std::uint32_t index, Known outcome);
  void count_outcome(const KeyPlan& plan, std::uint32_t index, Outcome outcome, bool add);
  void mark_fraud(std::uint32_t index);
  void unmark_fraud(std::uint32_t index);
  Outcome outcome_at(std::uint32_t index, Seconds time) const;

  std::byte* block_ = nullptr;
  std::unique_ptr<Extras> extras_;
  std::uint32_t capacity_ = 0;
  std::uint32_t head_ = 0;  // Of the remembered records, as indices into the block.
  std::uint32_t tail_ = 0;
  std::uint16_t edges_ = 0;
  std::uint8_t amount_bytes_ = 0;  // 0, 4 or 8.
  bool has_outcomes_ = false;
};

}  // namespace weir
