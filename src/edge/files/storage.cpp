#include "edge/files/storage.h"

#include <arrow/filesystem/localfs.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

namespace weir::files {
namespace {

void load_s3() {
  static std::once_flag once;
  std::call_once(once, [] {
    check(arrow::fs::LoadFileSystemFactories(WEIR_ARROW_S3), "load", WEIR_ARROW_S3);
  });
}

/// Without it the library's threads outlive what they use at exit. To be called when the library
/// has made its own objects, so that it is ended before them.
void end_s3_at_exit() {
  static std::once_flag once;
  std::call_once(once, [] { std::atexit([] { arrow::fs::EnsureFinalized(); }); });
}

}  // namespace

Place Place::operator/(const std::string& name) const {
  const auto join = [&](const std::string& base) {
    return base.empty() || base.ends_with('/') ? base + name : base + "/" + name;
  };
  // A remote location may end in `?options`, after which a name would mean nothing.
  return {system, join(path),
          is_local() ? join(location) : system->type_name() + "://" + join(path)};
}

bool is_remote(const std::string& location) { return location.find("://") != std::string::npos; }

Place open_place(const std::string& location) {
  if (location.empty()) throw UsageError("an empty path names no file or folder");
  if (!is_remote(location)) {
    return {std::make_shared<arrow::fs::LocalFileSystem>(), location, location};
  }
  if (location.starts_with("s3://")) load_s3();
  std::string path;
  auto result = arrow::fs::FileSystemFromUri(location, &path);
  if (location.starts_with("s3://")) end_s3_at_exit();
  auto system = value_or_throw(std::move(result), "open", location);
  return {std::move(system), std::move(path), location};
}

arrow::fs::FileInfo describe(const Place& place) {
  return value_or_throw(place.system->GetFileInfo(place.path), "read", place.location);
}

std::vector<arrow::fs::FileInfo> list_files(const Place& folder) {
  arrow::fs::FileSelector selector;
  selector.base_dir = folder.path;
  selector.recursive = true;
  auto found = value_or_throw(folder.system->GetFileInfo(selector), "list", folder.location);
  std::erase_if(found, [](const arrow::fs::FileInfo& info) {
    const std::string name = info.base_name();
    return !info.IsFile() || name.starts_with('.') || name.starts_with('_') ||
           info.path().find("/.") != std::string::npos;
  });
  std::sort(found.begin(), found.end(),
            [](const auto& left, const auto& right) { return left.path() < right.path(); });
  return found;
}

std::string reason(const arrow::Status& status) {
  std::string text = status.message();
  // Arrow appends lines about its own sources; the first says what happened.
  if (const auto end = text.find('\n'); end != std::string::npos) text.resize(end);
  return text;
}

void check(const arrow::Status& status, const char* verb, const std::string& name) {
  if (!status.ok()) throw Error(fmt::format("cannot {} \"{}\": {}", verb, name, reason(status)));
}

}  // namespace weir::files
