#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "core/cleaning/packed_payment.h"
#include "core/cleaning/report.h"
#include "edge/files/payment_store.h"
#include "edge/files/quarantine.h"
#include "edge/files/workers.h"

namespace weir::files {

/// Rows whose id may have come before, in log order, with their text. On disk: a file delivered
/// twice makes as many as there are rows.
class RepeatedIds {
 public:
  explicit RepeatedIds(std::filesystem::path spill_folder);

  /// `file`: its number, `line` from 1. Called in log order.
  void add(const PackedPayment& row,
           std::int32_t day,
           std::uint32_t file,
           std::uint64_t line,
           std::string_view raw);
  std::uint64_t size() const { return count_; }

  /// Compares each with the row of its id in `store`. Equal: duplicate_row. Different:
  /// duplicate_id, to the quarantine. No such row (the filter was wrong): it is the first, and
  /// joins the store.
  void resolve(PaymentStore& store,
               const std::vector<std::string>& file_names,
               QuarantineWriter& quarantine,
               CleanReport& report,
               int threads,
               Progress& progress);

 private:
  struct Entry {
    PackedPayment row;
    std::int32_t day = 0;
    std::uint32_t file = 0;
    std::uint64_t line = 0;
    std::uint64_t raw_size = 0;
  };
  void flush();
  void for_each(const std::function<void(const Entry&, std::string_view raw)>& visit);

  std::filesystem::path folder_;
  std::unique_ptr<SpillFile> spill_;
  std::vector<char> buffer_;
  std::uint64_t count_ = 0;
};

}  // namespace weir::files
