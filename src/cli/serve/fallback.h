#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "core/decision/policy.h"
#include "core/transaction/payment.h"

namespace weir::cli {

/// What answers while the journal cannot be written: rules that need no state.
struct FallbackRules {
  std::optional<std::int64_t> challenge_over_minor;
  std::optional<std::int64_t> decline_over_minor;
  std::size_t most_waiting = 100'000;  ///< Payments; above it nothing is answered.

  Action action_of(const Payment& payment) const {
    if (decline_over_minor && payment.amount_minor > *decline_over_minor) return Action::kDecline;
    if (challenge_over_minor && payment.amount_minor > *challenge_over_minor) {
      return Action::kChallenge;
    }
    return Action::kApprove;
  }
};

/// Payments that were answered by rules and are not recorded, in the order of their answers.
class UnrecordedPayments {
 public:
  struct Entry {
    Payment payment;
    Action told = Action::kApprove;
  };

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  void push(const Payment& payment, Action told) {
    numbers_[payment.transaction_id] = first_ + entries_.size();
    entries_.push_back({payment, told});
  }
  Entry pop() {
    const Entry entry = entries_.front();
    entries_.pop_front();
    ++first_;
    numbers_.erase(entry.payment.transaction_id);
    return entry;
  }
  /// Null where the id does not wait.
  const Entry* find(std::int64_t transaction_id) const {
    const auto found = numbers_.find(transaction_id);
    return found == numbers_.end() ? nullptr : &entries_[found->second - first_];
  }

 private:
  std::deque<Entry> entries_;
  std::uint64_t first_ = 0;  // Number of the front; they count up for ever.
  std::unordered_map<std::int64_t, std::uint64_t> numbers_;
};

}  // namespace weir::cli
