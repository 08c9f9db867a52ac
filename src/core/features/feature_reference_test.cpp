#include "core/features/feature_reference.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace weir {
namespace {

TEST(FeatureReference, PageIsWhatTheCodeSays) {
  std::ifstream stream(WEIR_SOURCE_DIR "/docs/reference/features.md");
  const std::string page((std::istreambuf_iterator<char>(stream)), {});
  EXPECT_EQ(page, features_reference())
      << "write it anew: build/release/weir features --reference > docs/reference/features.md";
}

}  // namespace
}  // namespace weir
