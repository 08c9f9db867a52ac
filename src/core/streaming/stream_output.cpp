#include "core/streaming/stream_output.h"

#include <fmt/format.h>

#include "core/cleaning/text_rows.h"

namespace weir {
namespace {

constexpr std::size_t kMaxDetailBytes = 500;

}  // namespace

StreamOutput reject_output(const EventFault& fault,
                           std::string_view original,
                           std::uint64_t original_bytes,
                           int partition,
                           std::int64_t offset) {
  const std::string source = fmt::format("{}:{}", partition, offset);
  return {true,
          source,
          std::string(original.substr(0, kMaxOriginalBytes)),
          {{"rule", fault.rule},
           {"field", fault.field},
           {"detail", to_utf8(std::string_view(fault.detail).substr(0, kMaxDetailBytes))},
           {"source", source},
           {"original_bytes", std::to_string(original_bytes)}}};
}

}  // namespace weir
