#include "core/model/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/model/training_reference.h"
#include "core/transaction/error.h"

namespace weir {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

Bundle sample_bundle() {
  BundleManifest manifest;
  manifest.name = "sample";
  manifest.label_delay = 7 * kSecondsPerDay;
  manifest.training = {1'532'476'800, 1'533'081'600, 67'240, 598};
  manifest.validation = {1'533'686'400, 1'534'291'200, 58'264, 385};
  manifest.labels_known_at = 1'534'896'000;
  manifest.seed = 18'446'744'073'709'551'615U;
  manifest.parameters = {{"depth", 6}, {"eta", 0.1}};
  manifest.libraries = {{"xgboost", "3.2.0"}};
  const std::vector<float> margins = {-2, -1, 1};
  const std::vector<std::int8_t> is_fraud = {0, 0, 1};
  return {manifest,
          FeatureSpec::builtin("handbook"),
          std::string("{L\0forest", 9),
          Calibration::fit_isotonic(margins, is_fraud),
          "challenge_margin = 1.0\n",
          "{}\n",
          "# card\n"};
}

TEST(Bundle, ReadsBackToTheSameBytes) {
  const BundleFiles files = bundle_files(sample_bundle());
  EXPECT_EQ(files.size(), 7U);
  const Bundle bundle = parse_bundle(files, "b");
  EXPECT_EQ(bundle_files(bundle), files);
  EXPECT_EQ(bundle.manifest.training.rows, 67'240U);
  EXPECT_EQ(bundle.manifest.version.size(), 16U);
  EXPECT_EQ(bundle.manifest.feature_fingerprint, FeatureSpec::builtin("handbook").fingerprint());
  EXPECT_EQ(bundle.forest_ubj, std::string("{L\0forest", 9));
}

TEST(Bundle, TheReferenceIsAPartWhereThereIsOne) {
  Bundle bundle = sample_bundle();
  TrainingReference reference{{}, {"margin", {0}, {3, 1}}};
  for (const std::string& name : bundle.features.names()) {
    reference.inputs.push_back({name, {1, 2}, {5, 5, 1}});
  }
  bundle.reference_json = reference.to_json();
  BundleFiles files = bundle_files(bundle);
  EXPECT_EQ(files.size(), 8U);
  EXPECT_EQ(parse_bundle(files, "b").reference_json, bundle.reference_json);
  files["reference.json"] += " ";
  EXPECT_THAT([&] { parse_bundle(files, "b"); },
              ThrowsMessage<Error>(HasSubstr("reference.json has SHA-256")));
  reference.inputs.pop_back();
  bundle.reference_json = reference.to_json();
  EXPECT_THAT([&] { parse_bundle(bundle_files(bundle), "b"); },
              ThrowsMessage<Error>(HasSubstr("its inputs are not those of features.toml")));
}

TEST(Bundle, TheVersionStandsForEveryPart) {
  const auto version = [](const Bundle& bundle) {
    return parse_bundle(bundle_files(bundle), "b").manifest.version;
  };
  Bundle other = sample_bundle();
  EXPECT_EQ(version(other), version(sample_bundle()));
  other.card += "more\n";
  EXPECT_NE(version(other), version(sample_bundle()));
  other = sample_bundle();
  other.manifest.seed = 2;
  EXPECT_NE(version(other), version(sample_bundle()));
}

TEST(Bundle, EveryChangedByteIsFound) {
  const BundleFiles files = bundle_files(sample_bundle());
  for (const auto& [name, content] : files) {
    for (std::size_t at = 0; at < content.size(); ++at) {
      BundleFiles damaged = files;
      damaged[name][at] = static_cast<char>(damaged[name][at] ^ 1);
      try {
        // A changed space in model.json is harmless: what it says is what counts.
        EXPECT_EQ(bundle_files(parse_bundle(damaged, "b")), files) << name << " byte " << at;
        EXPECT_EQ(name, "model.json");
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("bundle \"b\": "));
      }
    }
  }
}

TEST(Bundle, EveryMissingFileIsNamed) {
  const BundleFiles files = bundle_files(sample_bundle());
  for (const auto& [name, content] : files) {
    BundleFiles lacking = files;
    lacking.erase(name);
    EXPECT_THAT([&] { parse_bundle(lacking, "b"); },
                ThrowsMessage<Error>(HasSubstr("bundle \"b\": " + name + " is missing")));
  }
}

TEST(Bundle, ADamagedFileIsNamedWithBothHashes) {
  BundleFiles files = bundle_files(sample_bundle());
  const std::string wanted = sha256_hex(files["forest.ubj"]);
  files["forest.ubj"] += "x";
  EXPECT_THAT([&] { parse_bundle(files, "b"); },
              ThrowsMessage<Error>(AllOf(HasSubstr("forest.ubj has SHA-256 "),
                                         HasSubstr("model.json says " + wanted))));
}

TEST(Bundle, OtherFeaturesAreNamedWithBothFingerprints) {
  const Bundle bundle = parse_bundle(bundle_files(sample_bundle()), "b");
  const FeatureSpec other = FeatureSpec::builtin("weir");
  EXPECT_NO_THROW(check_features(bundle, "b", bundle.features, "table"));
  EXPECT_THAT([&] { check_features(bundle, "b", other, "table.parquet"); },
              ThrowsMessage<Error>(AllOf(
                  HasSubstr("bundle \"b\": made for features " + bundle.features.fingerprint()),
                  HasSubstr("\"table.parquet\" has " + other.fingerprint()))));
}

TEST(Bundle, AManifestOfAnotherFormatSaysSo) {
  BundleFiles files = bundle_files(sample_bundle());
  std::string& manifest = files["model.json"];
  manifest.replace(manifest.find("\"format\": 1"), 11, "\"format\": 2");
  EXPECT_THAT([&] { parse_bundle(files, "b"); },
              ThrowsMessage<Error>(HasSubstr("has format 2, this build reads 1")));
}

TEST(Sha256, IsTheStandardOne) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace weir
