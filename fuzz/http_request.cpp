// The bytes of one HTTP connection, cut in two where the first byte says, and the JSON in its
// bodies.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/cleaning/json_row.h"
#include "edge/http/request_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = bytes.size() * data[0] / 255;
  weir::http::RequestParser parser({.header_bytes = 1024, .body_bytes = 4096});
  static weir::JsonRowParser rows;
  for (const std::string_view part : {bytes.substr(0, cut), bytes.substr(cut)}) {
    parser.append(part);
    for (; parser.advance() == weir::http::RequestParser::State::kComplete; parser.next()) {
      static_cast<void>(parser.request().header("Authorization"));
      static_cast<void>(rows.clean(parser.request().body, {}));
    }
    parser.take_expects_continue();
  }
  return 0;
}
