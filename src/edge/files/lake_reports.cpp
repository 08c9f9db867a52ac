#include "edge/files/lake_reports.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>

#include "edge/files/storage.h"

namespace weir::files {

std::optional<std::string> read_report(const std::string& lake, const std::string& name) {
  const Place report = open_place(lake) / "reports" / (name + ".json");
  const auto info = describe(report);
  if (info.type() != arrow::fs::FileType::File) return std::nullopt;
  const auto file =
      value_or_throw(report.system->OpenInputFile(report.path), "read", report.location);
  const auto bytes = value_or_throw(file->Read(info.size()), "read", report.location);
  return bytes->ToString();
}

}  // namespace weir::files
