#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "core/transaction/byte_io.h"
#include "core/transaction/payment.h"

namespace weir {

/// The feedback of the last day, so that what a producer sends twice counts once.
///
/// The same again is: of the same payment, source, outcome and `known_at`; where no `known_at` was
/// sent, the outcome that this source told last. About 150 bytes a piece of feedback.
class FeedbackMemory {
 public:
  /// How long, by logging time, feedback is known again.
  static constexpr Seconds kWindow = kSecondsPerDay;

  /// False for what is known already. `timed`: the sender said when it became known.
  bool add(const Feedback& feedback, bool timed, Seconds logged_at);

  std::size_t size() const { return entries_.size(); }
  void append_snapshot(std::string& bytes) const;
  /// Throws Error for damage.
  void restore_snapshot(ByteReader& reader);

 private:
  struct Entry {
    std::uint64_t exact = 0;   // Hash of all that makes it the same.
    std::uint64_t source = 0;  // Hash of payment and source.
    Seconds logged_at = 0;
    Outcome outcome = Outcome::kGenuine;
  };
  struct Newest {
    Seconds logged_at = 0;
    Outcome outcome = Outcome::kGenuine;
  };

  void insert(const Entry& entry);
  void forget(Seconds oldest);

  std::deque<Entry> entries_;  // Oldest first.
  std::unordered_set<std::uint64_t> exact_;
  std::unordered_map<std::uint64_t, Newest> newest_;  // By payment and source.
};

}  // namespace weir
