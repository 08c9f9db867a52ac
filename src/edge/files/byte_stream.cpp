#include "edge/files/byte_stream.h"

#include <arrow/io/interfaces.h>
#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace weir::files {
namespace {

constexpr std::size_t kBlock = 1 << 18;

class PlainBytes : public ByteStream {
 public:
  explicit PlainBytes(const Place& place)
      : name_(place.location),
        file_(value_or_throw(place.system->OpenInputFile(place.path), "read", name_)) {}

  std::size_t read(char* target, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      const auto count =
          value_or_throw(file_->ReadAt(static_cast<std::int64_t>(position_),
                                       static_cast<std::int64_t>(size - done), target + done),
                         "read", name_);
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
      position_ += static_cast<std::uint64_t>(count);
    }
    return done;
  }
  std::uint64_t position() const override { return position_; }

 private:
  std::string name_;
  std::shared_ptr<arrow::io::RandomAccessFile> file_;
  std::uint64_t position_ = 0;
};

/// What both decompressors share: a block of compressed bytes and the texts of their errors.
class PackedBytes : public ByteStream {
 public:
  PackedBytes(const Place& place, const char* format)
      : name_(place.location), format_(format), source_(place), block_(kBlock) {}
  std::uint64_t position() const override { return source_.position(); }

 protected:
  /// Reads the next block; false at the end of the file.
  bool refill() {
    length_ = source_.read(block_.data(), block_.size());
    used_ = 0;
    return length_ != 0;
  }
  std::uint64_t byte() const { return source_.position() - length_ + used_; }
  Error damaged(const char* why) const {
    return Error(fmt::format("\"{}\": damaged {} data at byte {}: {}; fetch the file again", name_,
                             format_, byte(), why));
  }
  Error truncated() const {
    return Error(fmt::format(
        "\"{}\" is cut off: its {} data ends in the middle after byte {}; fetch the file again",
        name_, format_, source_.position()));
  }

  std::string name_;
  const char* format_;
  PlainBytes source_;
  std::vector<char> block_;
  std::size_t length_ = 0;
  std::size_t used_ = 0;
};

class ZstdBytes : public PackedBytes {
 public:
  explicit ZstdBytes(const Place& place)
      : PackedBytes(place, "zstd"), context_(ZSTD_createDCtx(), ZSTD_freeDCtx) {}

  std::size_t read(char* target, std::size_t size) override {
    ZSTD_outBuffer output{target, size, 0};
    while (output.pos < size) {
      if (used_ == length_ && !refill()) {
        if (in_frame_) throw truncated();
        break;
      }
      ZSTD_inBuffer input{block_.data(), length_, used_};
      const std::size_t state = ZSTD_decompressStream(context_.get(), &output, &input);
      if (ZSTD_isError(state) != 0) throw damaged(ZSTD_getErrorName(state));
      used_ = input.pos;
      in_frame_ = state != 0;
    }
    return output.pos;
  }

 private:
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
  bool in_frame_ = false;
};

class GzipBytes : public PackedBytes {
 public:
  explicit GzipBytes(const Place& place) : PackedBytes(place, "gzip") {
    constexpr int kGzipOnly = 16;
    WEIR_CHECK(inflateInit2(&stream_, kGzipOnly + MAX_WBITS) == Z_OK);
  }
  ~GzipBytes() override { inflateEnd(&stream_); }
  GzipBytes(const GzipBytes&) = delete;
  GzipBytes& operator=(const GzipBytes&) = delete;

  std::size_t read(char* target, std::size_t size) override {
    std::size_t done = 0;
    while (done < size) {
      if (used_ == length_ && !refill()) {
        if (in_member_) throw truncated();
        break;
      }
      stream_.next_in = reinterpret_cast<Bytef*>(block_.data() + used_);
      stream_.avail_in = static_cast<uInt>(length_ - used_);
      stream_.next_out = reinterpret_cast<Bytef*>(target + done);
      const std::size_t room = std::min<std::size_t>(size - done, 1U << 30);
      stream_.avail_out = static_cast<uInt>(room);
      const int state = inflate(&stream_, Z_NO_FLUSH);
      used_ = length_ - stream_.avail_in;
      done += room - stream_.avail_out;
      if (state == Z_STREAM_END) {
        in_member_ = false;
        inflateReset(&stream_);  // Files may hold several members one after another.
      } else if (state == Z_OK || state == Z_BUF_ERROR) {
        in_member_ = true;
      } else {
        throw damaged(stream_.msg != nullptr ? stream_.msg : "cannot be decoded");
      }
    }
    return done;
  }

 private:
  z_stream stream_ = {};
  bool in_member_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> open_bytes(const Place& place) {
  std::array<char, 4> magic{};
  const std::size_t size = PlainBytes(place).read(magic.data(), magic.size());
  const std::string_view start(magic.data(), size);
  if (start.starts_with("\x28\xB5\x2F\xFD")) return std::make_unique<ZstdBytes>(place);
  if (start.starts_with("\x1F\x8B")) return std::make_unique<GzipBytes>(place);
  for (const auto& [ending, format] : {std::pair{".zst", "zstd"}, std::pair{".gz", "gzip"}}) {
    if (size != 0 && place.path.ends_with(ending)) {
      throw Error(fmt::format("\"{}\" is no {} data, though its name says so; fetch the file again",
                              place.location, format));
    }
  }
  return std::make_unique<PlainBytes>(place);
}

}  // namespace weir::files
