#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/cleaning/text_rows.h"
#include "edge/files/storage.h"

namespace weir::files {

/// A part of a raw file: whole lines, the last with its '\n'.
struct TextChunk {
  std::unique_ptr<char[]> bytes;
  std::size_t capacity = 0;
  std::size_t size = 0;
  /// 0, or the length of a line too long to be held, of which `bytes` has the beginning.
  std::uint64_t oversized = 0;
  bool first = false;  ///< Of its file.

  const char* begin() const { return bytes.get(); }
  const char* end() const { return bytes.get() + size; }
};

/// Gives a raw file in parts of some megabytes.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  /// False at the end. Throws Error naming the file for damaged data.
  virtual bool next(TextChunk& chunk) = 0;
  /// Bytes of the file read so far.
  virtual std::uint64_t position() const = 0;
};

enum class InputFormat : std::uint8_t { kText, kJson, kParquet };

/// A raw file whose beginning has been looked at.
struct RawFile {
  Place place;
  std::uint64_t bytes = 0;
  InputFormat format = InputFormat::kText;
  TextLayout text;  ///< Parquet is handed on as text.
};

/// The files that the words of a command line name, in log order: as given, those of a folder or
/// pattern by name. A folder with `raw/` in it means that one. Throws Error for what is missing.
std::vector<Place> find_raw_files(const std::vector<std::string>& inputs);

/// Looks at the beginning: format (by content, not by name), header, labels. Throws Error for an
/// empty file and a header that lacks a field.
RawFile inspect(const Place& place, const ColumnNames& names);

std::unique_ptr<ChunkSource> open_chunks(const RawFile& file, const ColumnNames& names);

}  // namespace weir::files
