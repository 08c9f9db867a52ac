#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "edge/journal/entry_batch.h"

namespace weir::journal {

/// Entries that are durable in the tail and not in SQLite yet, in memory: for whoever moves them
/// there, and for readers. Any thread may call anything.
///
/// They are kept in parts of a few thousand, so that what a burst left is moved little by little,
/// and nothing that is held grows long.
class Unfiled {
 public:
  void add(const EntryBatch& batch);
  void add(std::string_view bytes, std::uint64_t position);

  /// Of two who file, one at a time: who has the processor when nobody else wants it, and who takes
  /// its share of it once much waits, or somebody waits for it.
  enum class Filer : std::uint8_t { kPatient, kHasty };
  /// Above it the hasty one files.
  static constexpr std::size_t kMuch = 4 << 20;  // Bytes.

  /// Waits for entries that are this one's to file, then for more of them for a while, and gives
  /// the oldest part; `filed` or `not_filed` must follow. Null where none came for a while.
  const EntryBatch* take(Filer filer);
  /// What `take` gave is in SQLite.
  void filed();
  /// It is not, and will be given again.
  void not_filed();
  /// Waits until less than `bytes` are here. False where `stop` says so before.
  bool wait_below(std::size_t bytes, const std::function<bool()>& stop);
  /// Nobody waits any more, for anything.
  void end();

  /// Position below which everything is in SQLite, given that the log ends at `end`.
  std::uint64_t filed_below(std::uint64_t end) const;
  std::size_t bytes() const;

  /// Of those that were decided.
  std::optional<Record> find_payment(std::int64_t transaction_id) const;
  std::vector<Record> find_feedback(std::int64_t transaction_id) const;
  /// The newest control event before `position`.
  std::optional<Record> control_before(std::uint64_t position) const;
  std::optional<Record> newest() const;
  std::optional<Record> oldest() const;
  /// Of the payments; -1 for none. Like the next, costs a look at every entry.
  std::int64_t max_transaction_id() const;
  /// Those of [from, to).
  std::vector<Record> range(std::uint64_t from, std::uint64_t to) const;

 private:
  bool may_take(Filer filer) const;
  /// Every entry, oldest first, with the batch that holds it.
  template <typename Visit>
  void each(const Visit& visit) const;
  /// Where the next entries go; a new one where the newest is full or being filed.
  EntryBatch& open_part();

  mutable std::mutex mutex_;
  std::condition_variable arrived_;   // The patient one waits for it.
  std::condition_variable gathered_;  // The hasty one.
  std::condition_variable left_;
  std::deque<EntryBatch> parts_;   // Oldest first; none is empty but for a moment.
  std::vector<EntryBatch> spare_;  // For their memory, which is dear to grow.
  std::size_t bytes_ = 0;
  bool taken_ = false;     // The oldest is being filed.
  bool in_haste_ = false;  // Somebody waits: file what is there at once.
  bool end_ = false;
};

}  // namespace weir::journal
