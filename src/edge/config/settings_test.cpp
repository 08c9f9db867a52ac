#include "edge/config/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transaction/error.h"

namespace weir::config {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const std::vector<SettingName> kKnown = {{"simulate", "customers"}, {"clean", "label_delay"}};

TEST(Settings, ReadsTomlScalarsAndArrays) {
  const Settings settings = parse_toml_settings(
      "[simulate]\ncustomers = 500\n[clean]\nlabel_delay = [\"7d\", 1.5, true]\n", "weir.toml",
      kKnown);
  EXPECT_THAT(settings.at({"simulate", "customers"}), ElementsAre("500"));
  EXPECT_THAT(settings.at({"clean", "label_delay"}), ElementsAre("7d", "1.5", "true"));
}

TEST(Settings, UnknownKeyNamesTheNearest) {
  EXPECT_THAT([] { parse_toml_settings("[simulate]\n\ncustomer = 5\n", "weir.toml", kKnown); },
              ThrowsMessage<UsageError>("weir.toml: line 3: unknown setting simulate.customer; did "
                                        "you mean simulate.customers?"));
  EXPECT_THAT([] { parse_environment_settings({"WEIR_CLEAN__LABEL_DELY=1"}, kKnown); },
              ThrowsMessage<UsageError>(HasSubstr("did you mean clean.label_delay?")));
}

TEST(Settings, BrokenTomlNamesTheLine) {
  EXPECT_THAT([] { parse_toml_settings("[simulate]\ncustomers = = 5\n", "weir.toml", kKnown); },
              ThrowsMessage<UsageError>(HasSubstr("weir.toml: line 2: ")));
  EXPECT_THAT([] { parse_toml_settings("customers = 5\n", "weir.toml", kKnown); },
              ThrowsMessage<UsageError>(HasSubstr("outside a section")));
}

TEST(Settings, ReadsTheEnvironment) {
  const Settings settings = parse_environment_settings(
      {"WEIR_SIMULATE__CUSTOMERS=7", "WEIR_PYTHON=python3.12", "HOME=/"}, kKnown);
  EXPECT_THAT(settings.at({"simulate", "customers"}), ElementsAre("7"));
  EXPECT_EQ(settings.size(), 1u);
}

}  // namespace
}  // namespace weir::config
