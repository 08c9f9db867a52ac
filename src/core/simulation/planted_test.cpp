#include "core/simulation/planted.h"

#include <gtest/gtest.h>

#include "core/cleaning/rules.h"

namespace weir {
namespace {

TEST(DefectRules, AreTheCleaningRulesThatFindThem) {
  std::size_t index = 0;
  for (const DefectRule& defect : defect_rules()) {
    EXPECT_EQ(static_cast<std::size_t>(defect.defect), index++);
    const auto rule = find_rule(defect.id);
    ASSERT_TRUE(rule) << defect.id;
    const RuleAction action = text_of(*rule).action;
    const RowFate fate = action == RuleAction::kDrop         ? RowFate::kDuplicate
                         : action == RuleAction::kQuarantine ? RowFate::kQuarantined
                                                             : RowFate::kClean;
    EXPECT_EQ(defect.fate, fate) << defect.id;
  }
}

}  // namespace
}  // namespace weir
