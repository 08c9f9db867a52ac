#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/transaction/payment.h"

namespace weir::files {

/// Writes feedback as one Parquet file, staged: the payment's columns, `outcome` and `source` text,
/// `known_at`, then what the decision believed: `model_probability`, `takeover_probability`,
/// `card_probability`, `terminal_probability` float32 (all -1 where no decision of weir's is
/// behind it) and `challenged` bool. One row group an `append`. Throws Error on a full disk.
class FeedbackTableWriter {
 public:
  explicit FeedbackTableWriter(const std::filesystem::path& target);
  ~FeedbackTableWriter();
  FeedbackTableWriter(const FeedbackTableWriter&) = delete;
  FeedbackTableWriter& operator=(const FeedbackTableWriter&) = delete;

  void append(std::span<const Feedback> feedback);
  /// The file appears.
  void commit();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// What such a file holds, in its order. Errors name the file and the column.
std::vector<Feedback> read_feedback(const std::string& location);

}  // namespace weir::files
