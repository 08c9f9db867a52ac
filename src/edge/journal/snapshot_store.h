#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace weir::journal {

struct SnapshotFile {
  std::uint64_t position = 0;  ///< Of the first log entry that is not in it.
  std::filesystem::path path;
};

/// The snapshots of a journal's folder: files `snapshot-<position>.state`, whole or absent. The
/// bytes carry their own checksum.
class SnapshotStore {
 public:
  static constexpr std::size_t kKept = 2;

  explicit SnapshotStore(std::filesystem::path folder);

  /// Newest first.
  std::vector<SnapshotFile> list() const;

  /// Writes aside, waits for the disk, renames, removes all but the newest two. False with `fault`
  /// set when the disk does not take it; then the older ones stay.
  bool write(std::uint64_t position, std::string_view bytes, std::string& fault) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace weir::journal
