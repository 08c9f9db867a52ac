#include "edge/journal/snapshot_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace weir::journal {
namespace {

constexpr std::string_view kPrefix = "snapshot-";
constexpr std::string_view kSuffix = ".state";

}  // namespace

SnapshotStore::SnapshotStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

std::vector<SnapshotFile> SnapshotStore::list() const {
  std::vector<SnapshotFile> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    SnapshotFile file;
    const char* begin = name.data() + kPrefix.size();
    const char* end = name.data() + name.size() - kSuffix.size();
    const auto [stop, failure] = std::from_chars(begin, end, file.position);
    if (failure != std::errc() || stop != end) continue;
    file.path = entry.path();
    found.push_back(std::move(file));
  }
  std::sort(found.begin(), found.end(),
            [](const auto& left, const auto& right) { return left.position > right.position; });
  return found;
}

bool SnapshotStore::write(std::uint64_t position,
                          std::string_view bytes,
                          std::string& fault) const {
  const auto target = folder_ / fmt::format("{}{:020}{}", kPrefix, position, kSuffix);
  auto staged = target;
  staged += ".partial";
  const auto failed = [&](int file) {
    fault = std::strerror(errno);
    if (file >= 0) close(file);
    unlink(staged.c_str());
    return false;
  };
  const int file = open(staged.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return failed(file);
  while (!bytes.empty()) {
    const ssize_t put = ::write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed(file);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  if (fsync(file) != 0) return failed(file);
  close(file);
  if (rename(staged.c_str(), target.c_str()) != 0) return failed(-1);
  if (const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); folder >= 0) {
    fsync(folder);
    close(folder);
  }
  const auto kept = list();
  for (std::size_t i = kKept; i < kept.size(); ++i) unlink(kept[i].path.c_str());
  return true;
}

}  // namespace weir::journal
