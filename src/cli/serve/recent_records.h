#pragma once

#include <cstddef>
#include <vector>

#include "edge/journal/record.h"

namespace weir::cli {

/// The newest entries of a log, up to a number of them: each further one is written over the
/// oldest, whose texts have room for its own.
class RecentRecords {
 public:
  explicit RecentRecords(std::size_t most) : most_(most) { records_.reserve(most); }

  std::size_t size() const { return records_.size(); }
  bool full() const { return records_.size() == most_; }
  /// From the oldest, which is 0.
  const journal::Record& operator[](std::size_t index) const {
    const std::size_t at = oldest_ + index;
    return records_[at < records_.size() ? at : at - records_.size()];
  }
  /// From the newest, which is 0.
  const journal::Record& newest(std::size_t index) const { return (*this)[size() - 1 - index]; }

  void push(const journal::Record& record) {
    if (!full()) {
      records_.push_back(record);
      return;
    }
    records_[oldest_] = record;
    if (++oldest_ == records_.size()) oldest_ = 0;
  }

 private:
  std::size_t most_;
  std::size_t oldest_ = 0;
  std::vector<journal::Record> records_;
};

}  // namespace weir::cli
