#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/transaction/error.h"

namespace weir {

/// Appends the bytes of a number (this machine's order; snapshots do not travel).
template <typename Value>
void put_bytes(std::string& bytes, Value value) {
  static_assert(std::is_arithmetic_v<Value>);
  char raw[sizeof(Value)];
  std::memcpy(raw, &value, sizeof(Value));
  bytes.append(raw, sizeof(Value));
}

/// Reads back what put_bytes wrote. Throws Error at the end of the bytes.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::size_t count) {
    if (count > rest_.size())
      throw Error("snapshot: ends early; restore an older snapshot and replay the log");
    const std::string_view part = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return part;
  }
  template <typename Value>
  Value get() {
    static_assert(std::is_arithmetic_v<Value>);
    Value value;
    std::memcpy(&value, take(sizeof(Value)).data(), sizeof(Value));
    return value;
  }
  bool empty() const { return rest_.empty(); }
  /// What has not been read yet.
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace weir
