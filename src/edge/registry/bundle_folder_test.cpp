#include "edge/registry/bundle_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/decision/policy.h"
#include "core/transaction/error.h"
#include "edge/files/staged.h"
#include "edge/training/training.h"

namespace weir::registry {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// A forest of one tree over that many inputs.
std::string forest_of(std::size_t inputs) {
  constexpr std::size_t kRows = 100;
  FeatureMatrix features(kRows, inputs);
  PaymentColumns payments;
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < inputs; ++column) {
      features.column(column)[row] = static_cast<float>(row);
    }
    payments.push_back(Payment{}, {static_cast<std::int8_t>(row >= 50), 0});
  }
  Progress progress;
  return training::fit_forest(payments.view(), features, {0, kRows}, {}, 1, 1, 1, progress);
}

Bundle sample_bundle() {
  const std::vector<float> margins = {-2, -1, 1};
  const std::vector<std::int8_t> is_fraud = {0, 0, 1};
  BundleManifest manifest;
  manifest.name = "sample";
  return {manifest,
          FeatureSpec::builtin("handbook"),
          forest_of(15),
          Calibration::fit_platt(margins, is_fraud),
          Policy{-1, 2, 0.01}.to_toml(),
          "{}\n",
          "# card\n"};
}

class BundleFolder : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path root_ =
      fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(BundleFolder, LoadsWhatItSaved) {
  const std::string version = save_bundle(sample_bundle(), root_ / "b");
  const Bundle bundle = load_bundle(root_ / "b");
  EXPECT_EQ(bundle.manifest.version, version);
  EXPECT_EQ(bundle.forest_ubj, forest_of(15));
  EXPECT_EQ(bundle_files(bundle), bundle_files(sample_bundle()));
}

TEST_F(BundleFolder, ReplacesAnOlderBundleOnly) {
  save_bundle(sample_bundle(), root_ / "b");
  EXPECT_NO_THROW(save_bundle(sample_bundle(), root_ / "b"));
  files::write_text(root_ / "mine" / "notes.txt", "keep me");
  EXPECT_THAT([&] { save_bundle(sample_bundle(), root_ / "mine"); },
              ThrowsMessage<Error>(HasSubstr("holds files that weir did not write")));
  EXPECT_EQ(files::read_text(root_ / "mine" / "notes.txt"), "keep me");
}

TEST_F(BundleFolder, DamageIsNamed) {
  EXPECT_THAT([&] { load_bundle(root_ / "none"); },
              ThrowsMessage<Error>(HasSubstr("none\": no such folder; wanted one written by")));
  EXPECT_THAT([&] { load_bundle(root_); },
              ThrowsMessage<Error>(HasSubstr("model.json is missing")));
  save_bundle(sample_bundle(), root_ / "b");
  files::write_text(root_ / "b" / "policy.toml", "challenge_margin = -9\n");
  EXPECT_THAT([&] { load_bundle(root_ / "b"); },
              ThrowsMessage<Error>(HasSubstr("policy.toml has SHA-256")));
  fs::remove(root_ / "b" / "policy.toml");
  EXPECT_THAT([&] { load_bundle(root_ / "b"); },
              ThrowsMessage<Error>(HasSubstr("policy.toml is missing")));
}

TEST_F(BundleFolder, APolicyThatCannotBeReadIsRefused) {
  Bundle bundle = sample_bundle();
  bundle.policy_toml = "challenge = 1\n";
  save_bundle(bundle, root_ / "b");
  EXPECT_THAT([&] { load_bundle(root_ / "b"); },
              ThrowsMessage<Error>(HasSubstr("unknown key challenge")));
}

TEST_F(BundleFolder, AForestThatCannotBeReadOrDoesNotFitIsRefused) {
  Bundle bundle = sample_bundle();
  bundle.forest_ubj = forest_of(3);
  save_bundle(bundle, root_ / "b");
  EXPECT_THAT([&] { load_bundle(root_ / "b"); },
              ThrowsMessage<Error>(HasSubstr("forest.ubj has 3 inputs, features.toml 15 columns")));
  bundle.forest_ubj = "forest";
  save_bundle(bundle, root_ / "b");
  EXPECT_THAT([&] { load_bundle(root_ / "b"); }, ThrowsMessage<Error>(HasSubstr("forest.ubj")));
}

}  // namespace
}  // namespace weir::registry
