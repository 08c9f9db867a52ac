#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace weir::files {

/// A file that appears under its name only when it is whole: written beside as
/// `<name>.partial-<pid>`, renamed by `commit`, removed by the destructor otherwise.
class StagedFile {
 public:
  explicit StagedFile(std::filesystem::path target);
  ~StagedFile();
  StagedFile(const StagedFile&) = delete;
  StagedFile& operator=(const StagedFile&) = delete;

  /// Where to write until `commit`.
  const std::filesystem::path& path() const { return staging_; }
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path staging_;
  bool committed_ = false;
};

/// A folder that appears, or replaces an older one, only when it is whole. Refuses to replace a
/// folder that lacks the marker file `.weir`, which `commit` writes: never deletes a stranger's
/// files.
class StagedFolder {
 public:
  explicit StagedFolder(std::filesystem::path target);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;

  const std::filesystem::path& path() const { return staging_; }
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path staging_;
  bool committed_ = false;
};

/// Writes `text` as the whole file, staged. Throws Error with the path and the system's reason.
void write_text(const std::filesystem::path& target, std::string_view text);

/// The whole file. Throws Error when it is missing, a folder or unreadable.
std::string read_text(const std::filesystem::path& source);

/// The whole of a large file without a copy. Nobody may shorten it meanwhile.
class MappedFile {
 public:
  /// Throws Error when it is missing or unreadable.
  explicit MappedFile(const std::filesystem::path& source);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// Valid as long as this object.
  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace weir::files
