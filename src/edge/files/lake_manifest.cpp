#include "edge/files/lake_manifest.h"

#include <arrow/buffer.h>
#include <arrow/io/interfaces.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace weir::files {

std::optional<std::vector<Place>> published_files(const Place& lake) {
  const Place folder = lake / "manifests";
  if (describe(folder).type() != arrow::fs::FileType::Directory) return std::nullopt;
  std::string newest;
  for (const auto& info : list_files(folder)) {
    if (info.path().ends_with(".json")) newest = info.path();  // In the order of their numbers.
  }
  if (newest.empty()) return std::nullopt;
  const Place place{lake.system, newest, (folder / newest.substr(newest.rfind('/') + 1)).location};
  const auto input =
      value_or_throw(place.system->OpenInputStream(place.path), "read", place.location);
  std::string text;
  for (;;) {
    const auto block = value_or_throw(input->Read(1 << 20), "read", place.location);
    if (block->size() == 0) break;
    text += block->ToString();
  }
  std::vector<Place> files;
  try {
    const auto manifest = nlohmann::json::parse(text);
    if (manifest.at("format") != "weir-lake-1") {
      throw Error(fmt::format("\"{}\" has format {}, wanted weir-lake-1", place.location,
                              manifest.at("format").dump()));
    }
    for (const auto& file : manifest.at("files")) {
      files.push_back(lake / file.at("path").get<std::string>());
    }
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("\"{}\" is no manifest of a lake: {}", place.location, error.what()));
  }
  return files;
}

}  // namespace weir::files
