#include "edge/metrics/catalogue.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

namespace weir::metrics {
namespace {

TEST(Catalogue, FollowsTheConventionsOfPrometheus) {
  std::set<std::string_view> names;
  for (const Family& family : catalogue()) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_TRUE(family.name.starts_with("weir_")) << family.name;
    EXPECT_EQ(family.name.ends_with("_total"), family.type == Type::kCounter) << family.name;
    EXPECT_EQ(family.name.ends_with("_info"), family.type == Type::kInfo) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
    EXPECT_EQ(&family_of(family.metric), &family);
  }
}

// Dashboards and alerts hang on these names: a change here is seen and meant.
TEST(Catalogue, IsTheReferencePage) {
  const std::string path = std::string(WEIR_SOURCE_DIR) + "/docs/reference/metrics.md";
  std::ifstream file(path);
  const std::string page(std::istreambuf_iterator<char>(file), {});
  if (page != metrics_reference() && getenv("WEIR_REWRITE") != nullptr) {
    std::ofstream(path) << metrics_reference();
  }
  EXPECT_EQ(page, metrics_reference()) << "rewrite docs/reference/metrics.md with WEIR_REWRITE=1";
}

}  // namespace
}  // namespace weir::metrics
