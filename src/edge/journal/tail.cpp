#include "edge/journal/tail.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/transaction/byte_io.h"
#include "core/transaction/error.h"

namespace weir::journal {
namespace {

constexpr std::uint64_t kTurn = 1 << 20;  // Bytes after which the other file is looked at.
constexpr std::uint64_t kKept = 8 << 20;  // A file that grew longer is cut back to this.
constexpr std::uint64_t kStep = 64 << 10;
constexpr std::size_t kHead = 24;

std::filesystem::path file_in(const std::filesystem::path& folder, int number) {
  return folder / fmt::format("tail-{}", number);
}

std::uint64_t hash_of(std::string_view head, std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), XXH3_64bits(head.data(), head.size()));
}

template <typename Value>
Value value_at(std::string_view bytes, std::size_t at) {
  Value value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

struct Frame {
  std::uint64_t position;
  std::uint64_t entries;
  std::string bytes;
};
using Frames = std::vector<Frame>;

std::string whole_file(const std::filesystem::path& path) {
  std::string bytes;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return bytes;
  char part[1 << 16];
  for (;;) {
    const ssize_t got = ::read(file, part, sizeof(part));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    bytes.append(part, static_cast<std::size_t>(got));
  }
  close(file);
  return bytes;
}

Frames frames_of(const std::filesystem::path& path) {
  Frames found;
  const std::string bytes = whole_file(path);
  std::string_view rest = bytes;
  while (rest.size() >= kHead) {
    const std::size_t size = value_at<std::uint32_t>(rest, 0);
    const std::uint64_t entries = value_at<std::uint32_t>(rest, 4);
    const auto position = value_at<std::uint64_t>(rest, 8);
    if (size == 0 || entries == 0 || size > rest.size() - kHead) break;
    if (!found.empty() && position != found.back().position + found.back().entries) {
      break;
    }
    const std::string_view entry_bytes = rest.substr(kHead, size);
    if (value_at<std::uint64_t>(rest, 16) != hash_of(rest.substr(0, 16), entry_bytes)) break;
    found.push_back({position, entries, std::string(entry_bytes)});
    rest.remove_prefix(kHead + size);
  }
  return found;
}

}  // namespace

Tail::Tail(const std::filesystem::path& folder, bool sync) : sync_(sync) {
  for (int i = 0; i < 2; ++i) {
    const auto path = file_in(folder, i);
    File& file = files_[i];
    file.descriptor = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (file.descriptor < 0 || ftruncate(file.descriptor, 0) != 0) {
      throw Error(fmt::format("journal \"{}\": {}; choose a folder that can be written",
                              path.string(), std::strerror(errno)));
    }
    if (sync) fsync(file.descriptor);
  }
  if (!sync) return;
  // Their names too.
  const int parent = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) return;
  fsync(parent);
  close(parent);
}

Tail::~Tail() {
  for (const File& file : files_) {
    if (file.descriptor >= 0) close(file.descriptor);
  }
}

bool Tail::lengthen(File& file, std::uint64_t length, std::string& fault) {
  static const std::string kZeros(kStep, '\0');
  while (file.length < length) {
    const ssize_t put =
        pwrite(file.descriptor, kZeros.data(), kZeros.size(), static_cast<off_t>(file.length));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      fault = std::strerror(put < 0 ? errno : ENOSPC);
      return false;
    }
    file.length += static_cast<std::uint64_t>(put);
  }
  return true;
}

bool Tail::write(const EntryBatch& batch, std::uint64_t filed, std::string& fault) {
  if (batch.empty()) return true;
  const std::uint64_t position = batch.entries().front().position;
  File& other = files_[1 - turn_];
  if (files_[turn_].end >= kTurn && other.position <= filed) {
    if (other.length > kKept && ftruncate(other.descriptor, kKept) == 0) other.length = kKept;
    other.end = 0;
    turn_ = 1 - turn_;
  }
  File& file = files_[turn_];
  head_.clear();
  put_bytes(head_, static_cast<std::uint32_t>(batch.bytes().size()));
  put_bytes(head_, static_cast<std::uint32_t>(batch.size()));
  put_bytes(head_, position);
  put_bytes(head_, hash_of(head_, batch.bytes()));
  const std::uint64_t size = head_.size() + batch.bytes().size();
  if (!lengthen(file, file.end + size, fault)) return false;
  std::string_view head = head_;
  std::string_view bytes = batch.bytes();
  std::uint64_t at = file.end;
  while (!head.empty() || !bytes.empty()) {
    const iovec parts[] = {{const_cast<char*>(head.data()), head.size()},
                           {const_cast<char*>(bytes.data()), bytes.size()}};
    const ssize_t put = pwritev(file.descriptor, parts, 2, static_cast<off_t>(at));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      fault = std::strerror(put < 0 ? errno : ENOSPC);
      return false;
    }
    at += static_cast<std::uint64_t>(put);
    const std::size_t of_head = std::min(head.size(), static_cast<std::size_t>(put));
    head.remove_prefix(of_head);
    bytes.remove_prefix(static_cast<std::size_t>(put) - of_head);
  }
  if (sync_ && fdatasync(file.descriptor) != 0) {
    fault = std::strerror(errno);
    return false;
  }
  file.end += size;
  file.position = position + batch.size();
  return true;
}

Tail::Entries Tail::read(const std::filesystem::path& folder,
                         const std::function<std::uint64_t()>& end) {
  Frames files[2];
  for (int i = 0; i < 2; ++i) files[i] = frames_of(file_in(folder, i));
  const auto first = [](const Frames& file) { return file.empty() ? 0 : file.front().position; };
  if (first(files[1]) < first(files[0])) std::swap(files[0], files[1]);
  std::uint64_t position = end();
  if (position == 0) position = first(files[files[0].empty() ? 1 : 0]);
  Entries found{position, {}};
  for (const Frames& file : files) {
    for (const Frame& frame : file) {
      if (frame.position > position) return found;
      if (frame.position + frame.entries <= position) continue;
      // Of a frame that SQLite has a part of, the rest.
      EntryReader rest(frame.bytes, frame.position);
      while (rest.position() < position) rest.skip();
      found.bytes += rest.bytes();
      position = frame.position + frame.entries;
    }
  }
  return found;
}

}  // namespace weir::journal
