#include "core/model/model_document.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <concepts>
#include <utility>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr int kDeepest = 64;  // XGBoost's own documents nest 7 deep.

class UbjReader {
 public:
  UbjReader(std::string_view bytes, std::string_view source) : bytes_(bytes), source_(source) {}

  ModelDocument document() {
    ModelDocument result = value(next("a value"), 0);
    if (position_ != bytes_.size()) {
      fail(fmt::format("{} more bytes after the end of the document", bytes_.size() - position_));
    }
    return result;
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(
        fmt::format("model \"{}\": byte {} of the UBJ document: {}; the file is damaged or not a "
                    "model saved by XGBoost as .ubj, save or train it again",
                    source_, position_, what));
  }

  std::size_t remaining() const { return bytes_.size() - position_; }

  char next(std::string_view wanted) {
    if (remaining() == 0) fail(fmt::format("the file ends where {} should follow", wanted));
    return bytes_[position_++];
  }

  bool take(char mark) {
    if (remaining() == 0 || bytes_[position_] != mark) return false;
    ++position_;
    return true;
  }

  template <std::unsigned_integral Bits>
  Bits big_endian() {
    if (remaining() < sizeof(Bits)) fail("the file ends inside a number");
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(Bits); ++i) {
      bits = bits << 8 | static_cast<unsigned char>(bytes_[position_++]);
    }
    return static_cast<Bits>(bits);
  }

  /// Bytes of a number of this type; 0 for anything else.
  static std::size_t width(char type) {
    switch (type) {
      case 'i':
      case 'U':
        return 1;
      case 'I':
        return 2;
      case 'l':
      case 'd':
        return 4;
      case 'L':
      case 'D':
        return 8;
      default:
        return 0;
    }
  }

  ModelDocument number(char type) {
    switch (type) {
      case 'i':
        return static_cast<std::int8_t>(big_endian<std::uint8_t>());
      case 'U':
        return big_endian<std::uint8_t>();
      case 'I':
        return static_cast<std::int16_t>(big_endian<std::uint16_t>());
      case 'l':
        return static_cast<std::int32_t>(big_endian<std::uint32_t>());
      case 'L':
        return static_cast<std::int64_t>(big_endian<std::uint64_t>());
      case 'd':
        return std::bit_cast<float>(big_endian<std::uint32_t>());
      default:  // 'D'
        return static_cast<float>(std::bit_cast<double>(big_endian<std::uint64_t>()));
    }
  }

  std::size_t count(std::size_t smallest_item) {
    const char type = next("a length");
    if (width(type) == 0 || type == 'd' || type == 'D') fail("a length is not an integer");
    const auto length = number(type).get<std::int64_t>();
    if (length < 0 || static_cast<std::uint64_t>(length) > remaining() / smallest_item) {
      fail(fmt::format("a length of {} where {} bytes are left", length, remaining()));
    }
    return static_cast<std::size_t>(length);
  }

  std::string text() {
    const std::size_t length = count(1);
    std::string result(bytes_.substr(position_, length));
    position_ += length;
    return result;
  }

  ModelDocument array(int depth) {
    ModelDocument result = ModelDocument::array();
    if (take('$')) {
      const char type = next("a type");
      if (width(type) == 0) fail(fmt::format("an array of unknown type {:#04x}", type));
      if (!take('#')) fail("a typed array without its length");
      const std::size_t length = count(width(type));
      result.get_ref<ModelDocument::array_t&>().reserve(length);
      for (std::size_t i = 0; i < length; ++i) result.push_back(number(type));
    } else if (take('#')) {
      const std::size_t length = count(1);
      for (std::size_t i = 0; i < length; ++i) result.push_back(value(next("a value"), depth));
    } else {
      while (!take(']')) result.push_back(value(next("a value or ]"), depth));
    }
    return result;
  }

  ModelDocument object(int depth) {
    ModelDocument result = ModelDocument::object();
    while (!take('}')) {
      std::string key = text();
      result[std::move(key)] = value(next("a value"), depth);
    }
    return result;
  }

  ModelDocument value(char type, int depth) {
    if (depth >= kDeepest) fail(fmt::format("nested deeper than {}", kDeepest));
    switch (type) {
      case '{':
        return object(depth + 1);
      case '[':
        return array(depth + 1);
      case 'S':
        return text();
      case 'C':
        return std::string(1, next("a character"));
      case 'Z':
        return nullptr;
      case 'T':
        return true;
      case 'F':
        return false;
      default:
        if (width(type) == 0) fail(fmt::format("unknown type {:#04x}", type));
        return number(type);
    }
  }

  std::string_view bytes_;
  std::string_view source_;
  std::size_t position_ = 0;
};

}  // namespace

ModelDocument parse_json_document(std::string_view bytes, std::string_view source) {
  try {
    return ModelDocument::parse(bytes);
  } catch (const ModelDocument::exception& error) {
    throw Error(
        fmt::format("model \"{}\": not a JSON document: {}; the file is damaged or not a model "
                    "saved by XGBoost as .json, save or train it again",
                    source, error.what()));
  }
}

ModelDocument parse_ubj_document(std::string_view bytes, std::string_view source) {
  return UbjReader(bytes, source).document();
}

}  // namespace weir
