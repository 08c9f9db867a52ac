#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/transaction/payment.h"
#include "core/transaction/progress.h"
#include "edge/files/staged.h"

namespace weir::files {

/// The clean payments of a lake with `from` <= event_time < `to`, sorted by event_time,
/// transaction_id. Columns of labels are empty where the lake has none.
///
/// `location` is a folder or `s3://bucket/prefix` with `clean/date=YYYY-MM-DD/*.parquet` in it;
/// partitions outside the period are not opened. Files are read in parallel. Throws Error naming
/// the file for a missing or empty lake, a wrong column, an empty field and damaged Parquet, and
/// when the period holds no payment.
PaymentColumns read_lake(const std::string& location,
                         std::optional<Seconds> from,
                         std::optional<Seconds> to,
                         int threads,
                         Progress& progress);

/// The days that the lake's partitions cover, [first midnight, midnight after the last). Throws
/// Error for a missing lake or one whose files are not partitioned by date.
std::pair<Seconds, Seconds> lake_period(const std::string& location);

/// The payments of one Parquet file with the lake's columns, in the file's order.
PaymentColumns read_payment_file(const std::string& location);

/// Writes payments as one Parquet file of the lake's columns, one row group an `append`.
///
/// The same rows and appends give the same bytes. Throws Error with the path on a full disk.
class PaymentFileWriter {
 public:
  PaymentFileWriter(const std::filesystem::path& path, bool labelled);
  ~PaymentFileWriter();
  PaymentFileWriter(const PaymentFileWriter&) = delete;
  PaymentFileWriter& operator=(const PaymentFileWriter&) = delete;

  void append(const PaymentView& rows);
  void close();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// Rows of a row group of the lake's files.
inline constexpr std::size_t kRowGroupRows = 1 << 20;

/// Replaces `clean/` and `quarantine/` of a lake as a whole, on `commit`; before it, and when it
/// never comes, the lake stays as it was. `raw/` and other reports are never touched.
///
/// An S3 lake is staged in the system's temporary folder and uploaded on commit.
class LakeWriter {
 public:
  LakeWriter(const std::string& location, bool labelled);
  ~LakeWriter();
  LakeWriter(const LakeWriter&) = delete;
  LakeWriter& operator=(const LakeWriter&) = delete;

  /// Where the rejects go until commit.
  const std::filesystem::path& quarantine() const;
  /// A writer for one UTC day; different days may be written by different threads.
  std::unique_ptr<PaymentFileWriter> day(Seconds day) const;
  /// All payments of one UTC day, sorted by event_time, transaction_id.
  void write_day(const PaymentView& rows) const;
  /// Publishes the lake, with `report` (JSON text) as reports/clean.json.
  void commit(const std::string& report);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace weir::files
