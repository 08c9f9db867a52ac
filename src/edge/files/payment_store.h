#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/cleaning/packed_payment.h"
#include "edge/files/big_vector.h"

namespace weir::files {

/// A temporary file that is gone with the process, however it ends.
class SpillFile {
 public:
  /// In `folder`, without a name. Throws Error.
  explicit SpillFile(const std::filesystem::path& folder);
  ~SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;

  /// Appends and gives the offset. Throws Error on a full disk.
  std::uint64_t append(const void* bytes, std::size_t size);
  void read(std::uint64_t offset, void* bytes, std::size_t size) const;
  std::uint64_t size() const { return size_; }

 private:
  std::filesystem::path folder_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// Payments by day, in memory up to a limit and in a spill file past it. Safe for many threads.
class PaymentStore {
 public:
  PaymentStore(std::filesystem::path spill_folder, std::uint64_t memory_limit);

  void add(std::int32_t day, BigVector<PackedPayment> rows);
  /// The days with rows, ascending.
  std::vector<std::int32_t> days() const;
  std::uint64_t row_count(std::int32_t day) const;
  /// Calls `visit` with the rows of a day, part by part. Different days may be visited at once.
  void visit(std::int32_t day,
             const std::function<void(std::span<const PackedPayment>)>& visit) const;
  /// Fills `sorted` with a day's rows, sorted by time and id, and forgets them.
  void take_sorted(std::int32_t day, BigVector<PackedPayment>& sorted);
  bool spilled() const { return spill_ != nullptr; }

 private:
  struct Part {
    std::uint64_t offset;
    std::size_t rows;
  };
  struct Day {
    std::vector<BigVector<PackedPayment>> rows;
    std::vector<Part> spilled;
  };
  void spill();

  std::filesystem::path folder_;
  std::uint64_t memory_limit_;
  std::uint64_t memory_ = 0;
  mutable std::mutex mutex_;
  std::map<std::int32_t, Day> days_;
  std::unique_ptr<SpillFile> spill_;
};

/// Fills `sorted` with the rows of `parts`, sorted by (second, transaction id).
void sort_day(std::span<const BigVector<PackedPayment>> parts, BigVector<PackedPayment>& sorted);

}  // namespace weir::files
