#include "edge/registry/bundle_folder.h"

#include <fmt/format.h>

#include "core/beliefs/rates.h"
#include "core/decision/money_policy.h"
#include "core/decision/policy.h"
#include "core/model/forest.h"
#include "core/transaction/error.h"
#include "edge/files/staged.h"

namespace weir::registry {
namespace fs = std::filesystem;

Bundle load_bundle(const fs::path& folder) {
  if (!fs::is_directory(folder)) {
    throw Error(fmt::format("bundle \"{}\": no such folder; wanted one written by weir train",
                            folder.string()));
  }
  BundleFiles files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name != ".weir") files[name] = files::read_text(entry.path());
  }
  Bundle bundle = parse_bundle(files, folder.string());
  if (bundle.beliefs_toml.empty()) {
    Policy::parse(bundle.policy_toml, (folder / "policy.toml").string());
  } else {
    MoneyPolicy::parse(bundle.policy_toml, (folder / "policy.toml").string());
    BeliefRates::parse(bundle.beliefs_toml, (folder / "beliefs.toml").string());
  }
  const Forest forest = Forest::parse_ubj(bundle.forest_ubj, (folder / "forest.ubj").string());
  if (forest.feature_count() != bundle.features.size()) {
    throw Error(
        fmt::format("bundle \"{}\": forest.ubj has {} inputs, features.toml {} columns; retrain it",
                    folder.string(), forest.feature_count(), bundle.features.size()));
  }
  return bundle;
}

std::string save_bundle(const Bundle& bundle, const fs::path& folder) {
  const BundleFiles files = bundle_files(bundle);
  files::StagedFolder staged(folder);
  for (const auto& [name, content] : files) files::write_text(staged.path() / name, content);
  staged.commit();
  return parse_bundle(files, folder.string()).manifest.version;
}

}  // namespace weir::registry
