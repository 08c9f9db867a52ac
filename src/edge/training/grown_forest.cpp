#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/training/training.h"

namespace weir::training {
namespace {

using nlohmann::json;

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file) throw Error(fmt::format("forest \"{}\": cannot be read", path.string()));
  return bytes.str();
}

Seconds time_of(const json& value) {
  const auto text = value.get<std::string>();
  if (const auto date = parse_date(text)) return *date;
  if (const auto time = parse_datetime(text)) return *time;
  throw Error(fmt::format("\"{}\" is no date", text));
}

}  // namespace

GrownForest read_grown_forest(const std::filesystem::path& ubj) {
  GrownForest grown;
  grown.source = ubj.string();
  grown.ubj = bytes_of(ubj);
  std::filesystem::path origin = ubj;
  origin.replace_extension(".json");
  const char* key = "";
  try {
    const json document = json::parse(bytes_of(origin));
    const auto at = [&](const char* name) -> const json& { return document.at(key = name); };
    grown.training.from = time_of(at("train_from"));
    grown.training.to = time_of(at("train_to"));
    grown.training.rows = at("rows").get<std::uint64_t>();
    grown.training.frauds = at("frauds").get<std::uint64_t>();
    grown.parameters = at("parameters").get<std::map<std::string, double>>();
    grown.xgboost_version = at("xgboost").get<std::string>();
  } catch (const json::exception& fault) {
    throw Error(fmt::format("forest \"{}\": {}: {}", origin.string(), key, fault.what()));
  } catch (const Error& fault) {
    throw Error(fmt::format("forest \"{}\": {}: {}", origin.string(), key, fault.what()));
  }
  if (grown.training.rows == 0 || grown.training.from >= grown.training.to) {
    throw Error(
        fmt::format("forest \"{}\": says that it was grown on nothing: {} rows from {} to {}",
                    origin.string(), grown.training.rows, format_datetime(grown.training.from),
                    format_datetime(grown.training.to)));
  }
  return grown;
}

}  // namespace weir::training
