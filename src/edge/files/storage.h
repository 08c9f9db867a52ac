#pragma once

#include <arrow/filesystem/filesystem.h>
#include <arrow/result.h>
#include <arrow/status.h>

#include <memory>
#include <string>
#include <vector>

#include "core/transaction/error.h"

namespace weir::files {

/// A file or folder, local or in an object store, behind one interface.
struct Place {
  std::shared_ptr<arrow::fs::FileSystem> system;
  std::string path;      ///< Inside `system`.
  std::string location;  ///< As the user gave it, for messages.

  bool is_local() const { return system->type_name() == "local"; }
  /// `name` below this place.
  Place operator/(const std::string& name) const;
};

/// True for `s3://…` and its like, false for a path of this machine.
bool is_remote(const std::string& location);

/// Opens a path, or `s3://bucket/prefix?region=…&endpoint_override=…` with the keys from
/// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. The S3 library is loaded when first needed.
Place open_place(const std::string& location);

/// Kind and size; `type()` is NotFound when nothing is there.
arrow::fs::FileInfo describe(const Place& place);

/// All files below a folder, sorted by path; hidden ones and `_SUCCESS`-like ones left out.
std::vector<arrow::fs::FileInfo> list_files(const Place& folder);

/// The message of a failed status without its kind and code lines.
std::string reason(const arrow::Status& status);

/// The value, or Error `cannot <verb> "<name>": <reason>`.
template <typename T>
T value_or_throw(arrow::Result<T> result, const char* verb, const std::string& name) {
  if (result.ok()) return std::move(result).ValueUnsafe();
  throw Error("cannot " + std::string(verb) + " \"" + name + "\": " + reason(result.status()));
}
void check(const arrow::Status& status, const char* verb, const std::string& name);

}  // namespace weir::files
