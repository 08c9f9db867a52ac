#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace weir {

/// A parsed model file. Its decimals are float32, as XGBoost's, so that a number in JSON text is
/// rounded once: read as a double first, it could land on the neighbour of the float that was
/// written.
using ModelDocument = nlohmann::
    basic_json<std::map, std::vector, std::string, bool, std::int64_t, std::uint64_t, float>;

/// Both throw Error with `source` and the byte where reading stopped.
ModelDocument parse_json_document(std::string_view bytes, std::string_view source);
/// The part of Universal Binary JSON (draft 12) that XGBoost writes: numbers big-endian, objects
/// without a count, arrays with or without type and count. Reading costs memory in proportion to
/// the bytes and a bounded stack, whatever they hold.
ModelDocument parse_ubj_document(std::string_view bytes, std::string_view source);

}  // namespace weir
