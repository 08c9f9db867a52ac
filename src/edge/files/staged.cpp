#include "edge/files/staged.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "core/transaction/error.h"

namespace weir::files {
namespace fs = std::filesystem;
namespace {

constexpr const char* kMarker = ".weir";

fs::path staging_name(const fs::path& target) {
  return target.parent_path() / fmt::format("{}.partial-{}", target.filename().string(), getpid());
}

/// A trailing slash would make filename() empty.
fs::path without_slash(fs::path path) { return path.has_filename() ? path : path.parent_path(); }

void make_parent(const fs::path& target) {
  if (!target.has_parent_path()) return;
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error) {
    throw Error(fmt::format("cannot make folder \"{}\": {}; choose another output path",
                            target.parent_path().string(), error.message()));
  }
}

}  // namespace

StagedFile::StagedFile(fs::path target)
    : target_(without_slash(std::move(target))), staging_(staging_name(target_)) {
  if (fs::is_directory(target_)) {
    throw Error(fmt::format("\"{}\" is a folder; give the name of a file", target_.string()));
  }
  make_parent(target_);
}

StagedFile::~StagedFile() {
  std::error_code ignored;
  if (!committed_) fs::remove(staging_, ignored);
}

void StagedFile::commit() {
  std::error_code error;
  fs::rename(staging_, target_, error);
  if (error) {
    throw Error(fmt::format("cannot write \"{}\": {}", target_.string(), error.message()));
  }
  committed_ = true;
}

StagedFolder::StagedFolder(fs::path target)
    : target_(without_slash(std::move(target))), staging_(staging_name(target_)) {
  if (fs::exists(target_) && !fs::is_directory(target_)) {
    throw Error(fmt::format("\"{}\" is a file; give the name of a folder", target_.string()));
  }
  if (fs::exists(target_) && !fs::is_empty(target_) && !fs::exists(target_ / kMarker)) {
    throw Error(
        fmt::format("\"{}\" holds files that weir did not write; choose another folder or empty it",
                    target_.string()));
  }
  make_parent(target_);
  std::error_code error;
  fs::remove_all(staging_, error);
  fs::create_directory(staging_, error);
  if (error) {
    throw Error(fmt::format("cannot make folder \"{}\": {}; choose another output path",
                            staging_.string(), error.message()));
  }
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(staging_, ignored);
}

void StagedFolder::commit() {
  std::ofstream(staging_ / kMarker) << "written by weir; replaced as a whole\n";
  std::error_code error;
  const fs::path old =
      target_.parent_path() / fmt::format("{}.old-{}", target_.filename().string(), getpid());
  if (fs::exists(target_)) fs::rename(target_, old, error);
  if (!error) fs::rename(staging_, target_, error);
  if (error) {
    throw Error(fmt::format("cannot write \"{}\": {}", target_.string(), error.message()));
  }
  committed_ = true;
  fs::remove_all(old, error);
}

void write_text(const fs::path& target, std::string_view text) {
  StagedFile staged(target);
  std::ofstream stream(staged.path(), std::ios::binary);
  stream.write(text.data(), static_cast<std::streamsize>(text.size()));
  stream.close();
  if (!stream) {
    throw Error(fmt::format("cannot write \"{}\": {}", target.string(), std::strerror(errno)));
  }
  staged.commit();
}

std::string read_text(const fs::path& source) {
  if (fs::is_directory(source)) {
    throw Error(fmt::format("\"{}\" is a folder, wanted a file", source.string()));
  }
  std::ifstream stream(source, std::ios::binary);
  if (!stream) {
    throw Error(fmt::format("cannot read \"{}\": {}", source.string(), std::strerror(errno)));
  }
  std::ostringstream text;
  text << stream.rdbuf();
  if (stream.bad()) {
    throw Error(fmt::format("cannot read \"{}\": {}", source.string(), std::strerror(errno)));
  }
  return std::move(text).str();
}

MappedFile::MappedFile(const fs::path& source) {
  const int file = open(source.c_str(), O_RDONLY | O_CLOEXEC);
  const auto failed = [&] {
    const int why = errno;
    if (file >= 0) close(file);
    throw Error(fmt::format("cannot read \"{}\": {}", source.string(), std::strerror(why)));
  };
  if (file < 0) failed();
  // Once from the disk: there a fault is an error still, and in the mapping the end.
  std::vector<char> part(1 << 20);
  for (ssize_t got = 1; got > 0;) {
    got = ::read(file, part.data(), part.size());
    if (got < 0 && errno == EINTR) got = 1;
    if (got < 0) failed();
  }
  struct stat status{};
  if (fstat(file, &status) != 0) failed();
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ != 0) {
    data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (data_ == MAP_FAILED) failed();
  }
  close(file);
}

MappedFile::~MappedFile() {
  if (size_ != 0) munmap(data_, size_);
}

}  // namespace weir::files
