#include "core/cleaning/rules.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace weir {
namespace {

TEST(Rules, AreFoundByTheirIds) {
  for (const RuleText& text : rule_texts()) {
    EXPECT_EQ(find_rule(text.id), text.rule);
    EXPECT_EQ(rule_id(text.rule), text.id);
  }
  EXPECT_EQ(find_rule("outlier"), std::nullopt);
}

TEST(Rules, ReferencePageIsWhatTheCodeSays) {
  std::ifstream stream(WEIR_SOURCE_DIR "/docs/reference/cleaning.md");
  const std::string page((std::istreambuf_iterator<char>(stream)), {});
  EXPECT_EQ(page, cleaning_reference())
      << "write it anew: build/release/weir clean --reference > docs/reference/cleaning.md";
}

}  // namespace
}  // namespace weir
