#include "edge/files/raw_input.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <cstring>

#include "edge/files/byte_stream.h"
#include "edge/files/raw_parquet.h"

namespace weir::files {
namespace {

constexpr std::size_t kChunkBytes = 4 << 20;
constexpr std::size_t kHeadBytes = 1 << 17;
constexpr std::size_t kKeptOfOversized = 1024;

/// Cuts a byte stream at line ends.
class LineChunks : public ChunkSource {
 public:
  explicit LineChunks(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

  bool next(TextChunk& chunk) override {
    // One byte more, for the line end that a last line may lack.
    if (chunk.capacity < kChunkBytes + 1) {
      chunk.bytes = std::make_unique_for_overwrite<char[]>(kChunkBytes + 1);
      chunk.capacity = kChunkBytes + 1;
    }
    char* const bytes = chunk.bytes.get();
    std::copy(carry_.begin(), carry_.end(), bytes);
    const std::size_t size =
        carry_.size() + stream_->read(bytes + carry_.size(), kChunkBytes - carry_.size());
    carry_.clear();
    if (size == 0) return false;
    chunk.first = std::exchange(first_, false);
    chunk.oversized = 0;
    if (size < kChunkBytes) {  // The end of the file.
      chunk.size = size;
      if (bytes[size - 1] != '\n') bytes[chunk.size++] = '\n';
      return true;
    }
    const auto* last = static_cast<const char*>(memrchr(bytes, '\n', size));
    if (last == nullptr) {
      chunk.oversized = size + skip_line();
      chunk.size = kKeptOfOversized;
      return true;
    }
    chunk.size = static_cast<std::size_t>(last - bytes) + 1;
    carry_.assign(bytes + chunk.size, bytes + size);
    return true;
  }

  std::uint64_t position() const override { return stream_->position(); }

 private:
  /// Reads to the end of a line that is too long to be held; gives what was skipped of it.
  std::uint64_t skip_line() {
    std::vector<char> block(kHeadBytes);
    std::uint64_t skipped = 0;
    for (;;) {
      const std::size_t size = stream_->read(block.data(), block.size());
      const auto* end = static_cast<const char*>(std::memchr(block.data(), '\n', size));
      if (end != nullptr) {
        carry_.assign(end + 1, static_cast<const char*>(block.data() + size));
        return skipped + static_cast<std::uint64_t>(end - block.data());
      }
      skipped += size;
      if (size < block.size()) return skipped;
    }
  }

  std::unique_ptr<ByteStream> stream_;
  std::vector<char> carry_;  // The beginning of the next line.
  bool first_ = true;
};

bool is_data_name(std::string_view name) {
  for (const std::string_view packed : {".zst", ".gz"}) {
    if (name.ends_with(packed)) name.remove_suffix(packed.size());
  }
  for (const std::string_view ending :
       {".txt", ".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"}) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

void add_folder(Place folder, std::vector<Place>& files) {
  if (describe(folder / "raw").type() == arrow::fs::FileType::Directory) folder = folder / "raw";
  const std::size_t before = files.size();
  for (const auto& info : list_files(folder)) {
    if (!is_data_name(info.path())) continue;
    files.push_back(
        {folder.system, info.path(),
         folder.is_local() ? info.path() : folder.system->type_name() + "://" + info.path()});
  }
  if (files.size() == before) {
    throw Error(fmt::format(
        "folder \"{}\" holds no raw data; wanted files named .txt, .csv, .tsv, .json, .jsonl or "
        ".parquet, also with .zst or .gz",
        folder.location));
  }
}

void add_matches(const std::string& pattern, std::vector<Place>& files) {
  glob_t found = {};
  const int state = ::glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<std::string> names(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (state != 0 || names.empty()) {
    throw Error(fmt::format("no file matches \"{}\"; check the path", pattern));
  }
  for (const std::string& name : names) {
    Place place = open_place(name);
    if (describe(place).IsDirectory()) {
      add_folder(std::move(place), files);
    } else {
      files.push_back(std::move(place));
    }
  }
}

}  // namespace

std::vector<Place> find_raw_files(const std::vector<std::string>& inputs) {
  std::vector<Place> files;
  for (const std::string& input : inputs) {
    Place place = open_place(input);
    const auto type = describe(place).type();
    if (type == arrow::fs::FileType::Directory) {
      add_folder(std::move(place), files);
    } else if (type == arrow::fs::FileType::File) {
      files.push_back(std::move(place));
    } else if (place.is_local() && input.find_first_of("*?[") != std::string::npos) {
      add_matches(input, files);
    } else if (type != arrow::fs::FileType::NotFound) {
      throw Error(fmt::format("\"{}\" is no plain file; write it to a file first", input));
    } else {
      throw Error(
          fmt::format("\"{}\" does not exist; wanted a file, a folder or a pattern", input));
    }
  }
  if (files.empty()) throw UsageError("no input; name a file, a folder or a pattern");
  return files;
}

RawFile inspect(const Place& place, const ColumnNames& names) {
  RawFile file;
  file.place = place;
  file.bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, describe(place).size()));
  std::string head(kHeadBytes, '\0');
  head.resize(open_bytes(place)->read(head.data(), head.size()));
  if (!head.starts_with("PAR1")) {
    file.text = inspect_text(head, names, place.location);
    file.format = file.text.is_json() ? InputFormat::kJson : InputFormat::kText;
    return file;
  }
  file.format = InputFormat::kParquet;
  file.text.columns = inspect_parquet(place, names);
  file.text.labelled = file.text.columns->labelled();
  if (file.text.columns->column(Field::kTimeSeconds) != RowLayout::kAbsent) {
    TextChunk chunk;
    if (open_parquet_chunks(place, names)->next(chunk)) {
      file.text.time_origin = find_time_origin({chunk.begin(), chunk.size}, *file.text.columns);
    }
  }
  return file;
}

std::unique_ptr<ChunkSource> open_chunks(const RawFile& file, const ColumnNames& names) {
  if (file.format == InputFormat::kParquet) return open_parquet_chunks(file.place, names);
  return std::make_unique<LineChunks>(open_bytes(file.place));
}

}  // namespace weir::files
