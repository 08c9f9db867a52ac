#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/features/feature_spec.h"
#include "core/features/load_step.h"
#include "core/transaction/payment.h"

namespace weir {

class KeyHistory;

/// What an engine met that was out of the ordinary. Counted by key history: a payment late for its
/// customer and its terminal counts twice.
struct FeatureCounters {
  std::uint64_t late = 0;                ///< Older than its key's newest; inserted in order.
  std::uint64_t too_late = 0;            ///< Older than all that is remembered; not stored.
  std::uint64_t feedback_applied = 0;    ///< Outcomes that reached their payment.
  std::uint64_t feedback_unmatched = 0;  ///< Outcomes of a payment never seen or forgotten.

  friend bool operator==(const FeatureCounters&, const FeatureCounters&) = default;
};

/// The live features: applies a log of payments and feedback in order.
///
/// A payment's features hold at its event time t: payments with event_time <= t that came earlier
/// in the log, itself included, and outcomes with known_at <= t that came earlier in the log. A
/// late payment (older than its key's newest) gets the features of its own time and is inserted in
/// order. A key remembers the longest window of the spec plus kLateAllowance, counted back from its
/// newest payment; a payment older than that is scored as if its key were new, and not stored.
///
/// Cost: O(1) amortised in the number of payments for what comes in order, O(remembered payments of
/// the key) for what comes late. Not thread-safe; engines share nothing.
class FeatureEngine {
 public:
  /// A payment this much late still sees whole windows.
  static constexpr Seconds kLateAllowance = kSecondsPerDay;

  explicit FeatureEngine(FeatureSpec spec);
  ~FeatureEngine();
  FeatureEngine(FeatureEngine&&) noexcept;
  FeatureEngine& operator=(FeatureEngine&&) noexcept;

  const FeatureSpec& spec() const;

  /// The features of `payment`, into `row` (spec().size() floats), then the payment is stored.
  /// event_time must lie in 1970..2105 and amount_minor in 0..kMaxAmountMinor (cleaning sees to
  /// it).
  void apply(const Payment& payment, std::span<float> row);
  /// The outcome of an earlier payment. The later known_at wins, whatever the order of arrival.
  void apply(const Feedback& feedback);

  /// The two halves of apply, for state partitioned by customer and by terminal: each fills its own
  /// columns only (the customer's half also those of the payment itself and of the pair).
  void apply_customer(const Payment& payment, std::span<float> row);
  void apply_customer(const Feedback& feedback);
  void apply_terminal(const Payment& payment, std::span<float> row);
  void apply_terminal(const Feedback& feedback);

  /// Starts loading what apply(payment) will need into the cache.
  void prefetch(const Payment& payment) const;
  /// What one step finds for the next.
  struct Coming {
    const KeyHistory* customer = nullptr;
    const KeyHistory* terminal = nullptr;
    const KeyHistory* pair = nullptr;
  };
  /// One step of it, for a payment that comes soon; the steps before it are done, in order and with
  /// no key forgotten in between.
  void prefetch(const Payment& payment, LoadStep step, Coming& coming) const;

  /// Forgets every key whose newest payment is not after `before`: bounds the memory when keys come
  /// and go for years. Touches no feature of a key that pays again within the remembered time.
  void forget_idle(Seconds before);

  FeatureCounters counters() const;
  std::size_t customers() const;
  std::size_t terminals() const;
  /// Bytes held for keys and payments.
  std::size_t memory_bytes() const;

  /// All that is known of one key (the customer's include its pairs'); empty for an unknown key.
  /// Equal histories give equal bytes.
  std::string serialize_customer(std::int64_t customer_id) const;
  std::string serialize_terminal(std::int64_t terminal_id) const;
  /// Replaces what is known of the key; empty bytes forget it. Throws Error on damage.
  void restore_customer(std::int64_t customer_id, std::string_view bytes);
  void restore_terminal(std::int64_t terminal_id, std::string_view bytes);

  /// The whole state: versioned, with a checksum; the same state gives the same bytes.
  std::string snapshot() const;
  /// Throws Error naming `source` when the bytes are damaged, of another version or of another
  /// spec.
  static FeatureEngine restore(FeatureSpec spec, std::string_view bytes, std::string_view source);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
