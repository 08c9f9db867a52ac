#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/transaction/byte_io.h"
#include "core/transaction/payment.h"

namespace weir::cli {

/// The reasons of the last while by transaction id: the part of an answer that the pipeline's
/// memory of decisions does not hold. Few payments have any.
class KeptReasons {
 public:
  void add(std::int64_t transaction_id, std::string_view reasons, Seconds logged_at) {
    if (reasons.empty() || !reasons_.emplace(transaction_id, reasons).second) return;
    order_.push_back({transaction_id, logged_at});
  }
  std::string_view find(std::int64_t transaction_id) const {
    const auto found = reasons_.find(transaction_id);
    return found != reasons_.end() ? std::string_view(found->second) : std::string_view();
  }
  void forget(Seconds oldest) {
    while (!order_.empty() && order_.front().logged_at < oldest) {
      reasons_.erase(order_.front().transaction_id);
      order_.pop_front();
    }
  }
  void append_snapshot(std::string& bytes) const {
    put_bytes(bytes, static_cast<std::uint64_t>(order_.size()));
    for (const Entry& entry : order_) {
      const std::string& text = reasons_.at(entry.transaction_id);
      put_bytes(bytes, entry.transaction_id);
      put_bytes(bytes, entry.logged_at);
      put_bytes(bytes, static_cast<std::uint64_t>(text.size()));
      bytes += text;
    }
  }
  void restore_snapshot(ByteReader& reader) {
    *this = {};
    const auto count = reader.get<std::uint64_t>();
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto id = reader.get<std::int64_t>();
      const auto logged_at = reader.get<Seconds>();
      add(id, reader.take(reader.get<std::uint64_t>()), logged_at);
    }
  }

 private:
  struct Entry {
    std::int64_t transaction_id = 0;
    Seconds logged_at = 0;
  };
  std::deque<Entry> order_;  // Oldest first.
  std::unordered_map<std::int64_t, std::string> reasons_;
};

}  // namespace weir::cli
