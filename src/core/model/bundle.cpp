#include "core/model/bundle.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "core/model/training_reference.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

using nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::size_t kVersionDigits = 16;
constexpr std::string_view kManifest = "model.json";
constexpr std::string_view kBeliefs = "beliefs.toml";
constexpr std::string_view kReference = "reference.json";
constexpr std::string_view kParts[] = {"calibration.json", "card.md",      "features.toml",
                                       "forest.ubj",       "metrics.json", "policy.toml"};

ordered_json period_json(const BundlePeriod& period) {
  return {{"from", format_datetime(period.from)},
          {"to", format_datetime(period.to)},
          {"rows", period.rows},
          {"frauds", period.frauds}};
}

std::string manifest_text(const BundleManifest& manifest) {
  ordered_json json = {{"format", kFormat},
                       {"name", manifest.name},
                       {"version", manifest.version},
                       {"feature_fingerprint", manifest.feature_fingerprint},
                       {"label_delay_seconds", manifest.label_delay},
                       {"training", period_json(manifest.training)},
                       {"validation", period_json(manifest.validation)},
                       {"labels_known_at", format_datetime(manifest.labels_known_at)},
                       {"seed", manifest.seed},
                       {"parameters", manifest.parameters},
                       {"libraries", manifest.libraries},
                       {"sha256", manifest.sha256}};
  return json.dump(1) + "\n";
}

/// The version stands for every byte: the manifest holds the hashes of the other files.
std::string version_of(BundleManifest manifest) {
  manifest.version.clear();
  return sha256_hex(manifest_text(manifest)).substr(0, kVersionDigits);
}

/// Reads `model.json`, naming the place and the key of what is wrong.
class ManifestReader {
 public:
  ManifestReader(std::string_view text, std::string_view source)
      : source_(source), json_(ordered_json::parse(text, nullptr, /*allow_exceptions=*/false)) {
    if (!json_.is_object()) fail("is no JSON object");
  }

  BundleManifest read() const {
    if (const auto format = field(json_, "format");
        !format.is_number_integer() || format.get<std::int64_t>() != kFormat) {
      fail(fmt::format("has format {}, this build reads {}; use the build that wrote it",
                       format.dump(), kFormat));
    }
    BundleManifest manifest;
    manifest.name = text(json_, "name");
    manifest.version = text(json_, "version");
    manifest.feature_fingerprint = text(json_, "feature_fingerprint");
    manifest.label_delay = integer<Seconds>(json_, "label_delay_seconds");
    manifest.training = period("training");
    manifest.validation = period("validation");
    manifest.labels_known_at = time(json_, "labels_known_at");
    manifest.seed = integer<std::uint64_t>(json_, "seed");
    for (const auto& [name, value] : object("parameters").items()) {
      if (!value.is_number()) fail(fmt::format("parameter {} is {}", name, value.dump()));
      manifest.parameters[name] = value.get<double>();
    }
    manifest.libraries = texts("libraries");
    manifest.sha256 = texts("sha256");
    return manifest;
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(fmt::format("bundle \"{}\": {} {}; the bundle is damaged, restore or retrain it",
                            source_, kManifest, what));
  }
  const ordered_json& field(const ordered_json& parent, std::string_view key) const {
    const auto found = parent.find(key);
    if (found == parent.end()) fail(fmt::format("lacks {}", key));
    return *found;
  }
  std::string text(const ordered_json& parent, std::string_view key) const {
    const ordered_json& value = field(parent, key);
    if (!value.is_string()) fail(fmt::format("has {} {}, wanted text", key, value.dump()));
    return value.get<std::string>();
  }
  template <typename Integer>
  Integer integer(const ordered_json& parent, std::string_view key) const {
    const ordered_json& value = field(parent, key);
    if (!value.is_number_unsigned()) {
      fail(fmt::format("has {} {}, wanted a whole number", key, value.dump()));
    }
    return static_cast<Integer>(value.get<std::uint64_t>());
  }
  Seconds time(const ordered_json& parent, std::string_view key) const {
    const std::string value = text(parent, key);
    const auto seconds = parse_datetime(value);
    if (!seconds) fail(fmt::format("has {} \"{}\", wanted YYYY-MM-DD hh:mm:ss", key, value));
    return *seconds;
  }
  const ordered_json& object(std::string_view key) const {
    const ordered_json& value = field(json_, key);
    if (!value.is_object()) fail(fmt::format("has {} {}, wanted an object", key, value.dump()));
    return value;
  }
  BundlePeriod period(std::string_view key) const {
    const ordered_json& value = object(key);
    return {time(value, "from"), time(value, "to"), integer<std::uint64_t>(value, "rows"),
            integer<std::uint64_t>(value, "frauds")};
  }
  std::map<std::string, std::string> texts(std::string_view key) const {
    std::map<std::string, std::string> values;
    for (const auto& [name, value] : object(key).items()) {
      if (!value.is_string()) fail(fmt::format("has {} {} for {}", key, value.dump(), name));
      values[name] = value.get<std::string>();
    }
    return values;
  }

  std::string_view source_;
  ordered_json json_;
};

const std::string& part(const BundleFiles& files, std::string_view name, std::string_view source) {
  const auto found = files.find(std::string(name));
  if (found == files.end()) {
    throw Error(fmt::format("bundle \"{}\": {} is missing; wanted a folder written by weir train",
                            source, name));
  }
  return found->second;
}

void check_hashes(const BundleManifest& manifest,
                  const BundleFiles& files,
                  std::string_view source) {
  std::vector<std::string_view> parts(std::begin(kParts), std::end(kParts));
  for (const std::string_view name : {kBeliefs, kReference}) {
    if (manifest.sha256.contains(std::string(name))) parts.push_back(name);
  }
  for (const std::string_view name : parts) {
    const std::string got = sha256_hex(part(files, name, source));
    const auto wanted = manifest.sha256.find(std::string(name));
    if (wanted == manifest.sha256.end() || wanted->second != got) {
      throw Error(fmt::format(
          "bundle \"{}\": {} has SHA-256 {}, {} says {}; the bundle is damaged, restore or retrain "
          "it",
          source, name, got, kManifest,
          wanted == manifest.sha256.end() ? "nothing" : wanted->second));
    }
  }
  const std::string version = version_of(manifest);
  if (manifest.sha256.size() != parts.size() || version != manifest.version) {
    throw Error(fmt::format(
        "bundle \"{}\": {} gives version {}, its content {}; the bundle is damaged, restore or "
        "retrain it",
        source, kManifest, manifest.version, version));
  }
}

}  // namespace

BundleFiles bundle_files(const Bundle& bundle) {
  BundleFiles files;
  files["forest.ubj"] = bundle.forest_ubj;
  files["features.toml"] = bundle.features.to_toml();
  files["calibration.json"] = bundle.calibration.to_json();
  files["policy.toml"] = bundle.policy_toml;
  files["metrics.json"] = bundle.metrics_json;
  files["card.md"] = bundle.card;
  if (!bundle.beliefs_toml.empty()) files[std::string(kBeliefs)] = bundle.beliefs_toml;
  if (!bundle.reference_json.empty()) files[std::string(kReference)] = bundle.reference_json;
  BundleManifest manifest = bundle.manifest;
  manifest.feature_fingerprint = bundle.features.fingerprint();
  manifest.sha256.clear();
  for (const auto& [name, content] : files) manifest.sha256[name] = sha256_hex(content);
  manifest.version = version_of(manifest);
  files[std::string(kManifest)] = manifest_text(manifest);
  return files;
}

Bundle parse_bundle(const BundleFiles& files, std::string_view source) {
  BundleManifest manifest = ManifestReader(part(files, kManifest, source), source).read();
  check_hashes(manifest, files, source);
  const auto place = [&](std::string_view name) { return fmt::format("{}/{}", source, name); };
  Bundle bundle{
      std::move(manifest),
      FeatureSpec::parse(part(files, "features.toml", source), place("features.toml")),
      part(files, "forest.ubj", source),
      Calibration::parse(part(files, "calibration.json", source), place("calibration.json")),
      part(files, "policy.toml", source),
      part(files, "metrics.json", source),
      part(files, "card.md", source)};
  if (bundle.manifest.sha256.contains(std::string(kBeliefs))) {
    bundle.beliefs_toml = part(files, kBeliefs, source);
  }
  if (bundle.manifest.sha256.contains(std::string(kReference))) {
    bundle.reference_json = part(files, kReference, source);
    TrainingReference::parse(bundle.reference_json, place(kReference), bundle.features);
  }
  if (bundle.features.fingerprint() != bundle.manifest.feature_fingerprint) {
    throw Error(fmt::format(
        "bundle \"{}\": made for features {}, this build computes {} ({} columns) from its "
        "features.toml; retrain, or run the matching build",
        source, bundle.manifest.feature_fingerprint, bundle.features.fingerprint(),
        bundle.features.size()));
  }
  return bundle;
}

void check_features(const Bundle& bundle,
                    std::string_view source,
                    const FeatureSpec& features,
                    std::string_view features_source) {
  if (bundle.features.fingerprint() == features.fingerprint()) return;
  throw Error(fmt::format(
      "bundle \"{}\": made for features {} ({} columns), \"{}\" has {} ({} columns); make the "
      "features with the bundle's features.toml, or retrain",
      source, bundle.features.fingerprint(), bundle.features.size(), features_source,
      features.fingerprint(), features.size()));
}

std::string sha256_hex(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace weir
