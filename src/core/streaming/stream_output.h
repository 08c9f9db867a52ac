#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/streaming/event.h"

namespace weir {

/// One message that a stream writes.
struct StreamOutput {
  bool is_reject = false;  ///< For the topic of rejects; else of decisions.
  std::string key;
  std::string value;
  std::vector<std::pair<const char*, std::string>> headers;
};

/// The broker's limit for a message is 1 MiB; what is larger than this stays in the log only.
inline constexpr std::size_t kMaxOriginalBytes = 512 * 1024;

/// An event that was refused; `original` is its beginning, of `original_bytes` in all.
StreamOutput reject_output(const EventFault& fault,
                           std::string_view original,
                           std::uint64_t original_bytes,
                           int partition,
                           std::int64_t offset);

}  // namespace weir
