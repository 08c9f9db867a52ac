#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "core/cleaning/clean_row.h"

namespace weir::files {

/// Where a raw row stood.
struct RawPlace {
  std::string_view file;
  std::uint64_t line = 0;  ///< From 1; the row's number in Parquet.
};

/// Rejected rows as one Parquet file: rule, field, value, file, line, amount_minor, is_fraud (both
/// empty where unreadable) and raw, the row as it came. Bytes that are no UTF-8 stand as `\xNN`.
class QuarantineWriter {
 public:
  explicit QuarantineWriter(const std::filesystem::path& path);
  ~QuarantineWriter();
  QuarantineWriter(const QuarantineWriter&) = delete;
  QuarantineWriter& operator=(const QuarantineWriter&) = delete;

  void add(const Reject& reject, const RawPlace& place, std::string_view raw);
  void close();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace weir::files
