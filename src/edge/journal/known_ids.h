#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::journal {

/// Tells most ids that were never seen without a look into the journal, which costs as much as the
/// rest of a payment: the newest are remembered one by one, of the older the greatest only. So it
/// helps where ids grow, however much they overtake one another on the way.
///
/// Add and look-up cost O(1); 2 MB.
class KnownIds {
 public:
  /// `greatest`: of the ids seen before.
  explicit KnownIds(std::int64_t greatest);

  void add(std::int64_t id);
  /// False only where the id was not added and is none of those before.
  bool may_have(std::int64_t id) const;

  /// Starts loading what a look-up will need.
  void prefetch(std::int64_t id) const {
    newer_.prefetch(id);
    older_.prefetch(id);
  }

  static constexpr std::size_t kRemembered = 1 << 16;  ///< Ids at least.

 private:
  /// Open addressing, at most half full.
  struct Set {
    Set();
    std::size_t slot_of(std::int64_t id) const;
    void prefetch(std::int64_t id) const { __builtin_prefetch(&slots[home_of(id)]); }
    std::size_t home_of(std::int64_t id) const;
    bool has(std::int64_t id) const { return slots[slot_of(id)] == id; }

    std::vector<std::int64_t> slots;
    std::size_t size = 0;
    std::int64_t greatest;
  };

  std::int64_t floor_;
  Set newer_;
  Set older_;
};

}  // namespace weir::journal
