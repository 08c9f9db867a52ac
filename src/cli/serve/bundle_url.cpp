#include "cli/serve/bundle_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "core/model/bundle.h"
#include "core/transaction/error.h"
#include "edge/files/staged.h"
#include "edge/http/download.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

constexpr std::size_t kMostFiles = 32;

/// A name that stays in its folder.
bool is_plain(std::string_view name) {
  return !name.empty() && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char letter) {
           return std::isalnum(letter) != 0 || letter == '.' || letter == '_' || letter == '-';
         });
}

}  // namespace

bool BundleUrl::fetch(const std::vector<std::string>& running) {
  const char* token = std::getenv("WEIR_BUNDLE_TOKEN");
  const std::string key = token == nullptr ? "" : token;
  const std::string base = url.ends_with('/') ? url : url + '/';
  const auto get = [&](const std::string& name, std::string_view known_as) {
    return http::download(base + name, known_as, key);
  };
  const http::Download manifest = get("model.json", etag);
  if (manifest.status == 304) return false;
  BundleFiles files;
  files["model.json"] = manifest.body;
  const auto json = nlohmann::json::parse(manifest.body, nullptr, false);
  const auto version = json.is_object() ? json.find("version") : json.end();
  const auto hashes = json.is_object() ? json.find("sha256") : json.end();
  if (version == json.end() || !version->is_string() || hashes == json.end() ||
      !hashes->is_object() || hashes->size() > kMostFiles) {
    throw Error(fmt::format(
        "\"{}model.json\" is no manifest of a bundle; wanted the address of a folder that weir "
        "train wrote",
        base));
  }
  if (std::find(running.begin(), running.end(), version->get<std::string>()) != running.end()) {
    etag = manifest.etag;
    return false;
  }
  for (const auto& [name, hash] : hashes->items()) {
    if (!is_plain(name)) {
      throw Error(
          fmt::format("\"{}model.json\" names a file \"{}\"; wanted plain names", base, name));
    }
    files[name] = get(name, "").body;
  }
  parse_bundle(files, url);  // Every hash; a file that was replaced meanwhile does not fit.
  std::filesystem::create_directories(folder.parent_path());
  files::StagedFolder staged(folder);
  for (const auto& [name, content] : files) files::write_text(staged.path() / name, content);
  registry::load_bundle(staged.path());
  staged.commit();
  etag = manifest.etag;
  return true;
}

std::filesystem::path kept_bundle(const std::filesystem::path& journal, std::string_view role) {
  return journal / "bundles" / role;
}

std::string bundle_folder_of(const std::string& source,
                             const std::filesystem::path& journal,
                             std::string_view role) {
  if (!http::is_url(source)) return source;
  BundleUrl bundle{source, kept_bundle(journal, role), {}};
  std::vector<std::string> kept;
  try {
    kept.push_back(registry::load_bundle(bundle.folder).manifest.version);
  } catch (const Error&) {  // There is none, or none that is whole.
  }
  try {
    bundle.fetch(kept);
  } catch (const Error& error) {
    if (kept.empty()) throw;
    fmt::print(stderr, "weir: {}; starting with the bundle of before, {}\n", error.what(), kept[0]);
  }
  return bundle.folder.string();
}

}  // namespace weir::cli
