#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "edge/files/storage.h"

namespace weir::files {

/// The bytes of a file, decompressed where it begins like zstd or gzip.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills `target`; gives less than `size` at the end only. Throws Error naming the file and the
  /// byte for damaged or truncated data.
  virtual std::size_t read(char* target, std::size_t size) = 0;
  /// How much of the file itself has been read.
  virtual std::uint64_t position() const = 0;
};

std::unique_ptr<ByteStream> open_bytes(const Place& place);

}  // namespace weir::files
