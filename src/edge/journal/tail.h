#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "edge/journal/entry_batch.h"

namespace weir::journal {

/// The newest entries of the log, in two plain files `tail-0` and `tail-1` that take turns: what
/// makes a commit durable costs one write (and one sync), and SQLite has the entries when it is
/// convenient.
///
/// A file is frames from its start: size (u32), entries (u32), position of the first (u64), a hash
/// of what precedes and of the bytes (u64), the bytes. It ends where the next frame is none: what
/// an earlier turn left there goes on at another position. Files keep their length, so that a
/// commit changes nothing but bytes.
///
/// Used by one thread at a time.
class Tail {
 public:
  /// Opens the files, empty: what they held must be in SQLite by now. `sync`: each write waits for
  /// the disk. Throws Error.
  Tail(const std::filesystem::path& folder, bool sync);
  ~Tail();
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;

  /// Appends all entries or none; their positions are one after the other. `filed`: the position
  /// below which SQLite has everything, safely. False with `fault` set when the disk is full or
  /// fails; then the same entries, and more, may be tried again.
  bool write(const EntryBatch& batch, std::uint64_t filed, std::string& fault);

  /// Entries as bytes; the first has `position`.
  struct Entries {
    std::uint64_t position = 0;
    std::string bytes;
  };
  /// The entries in `folder` that go on from where SQLite has them end, as `end` says (0: there are
  /// none, and the log begins anywhere); nothing of what comes after a gap. Other processes may ask
  /// while one writes, so `end` is asked after the files were read.
  static Entries read(const std::filesystem::path& folder,
                      const std::function<std::uint64_t()>& end);

 private:
  struct File {
    int descriptor = -1;
    std::uint64_t end = 0;       // Of its frames.
    std::uint64_t length = 0;    // Of the file.
    std::uint64_t position = 0;  // After its last entry.
  };
  bool lengthen(File& file, std::uint64_t length, std::string& fault);

  bool sync_;
  File files_[2];
  int turn_ = 0;
  std::string head_;
};

}  // namespace weir::journal
