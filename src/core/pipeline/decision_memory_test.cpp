#include "core/pipeline/decision_memory.h"

#include <gtest/gtest.h>

#include <map>

#include "core/transaction/hash.h"

namespace weir {
namespace {

DecisionMemory::Entry entry(std::int64_t id, Seconds logged_at) {
  DecisionMemory::Entry result;
  result.decision.transaction_id = id;
  result.decision.margin = static_cast<float>(id) / 2;
  result.logged_at = logged_at;
  return result;
}

TEST(DecisionMemory, AgreesWithAMapOnARandomStream) {
  constexpr std::uint64_t kSeed = 11;
  constexpr Seconds kWindow = 500;
  DecisionMemory memory;
  std::map<std::int64_t, Seconds> twin;
  for (Seconds now = 0; now < 20'000; ++now) {
    const auto id =
        static_cast<std::int64_t>(hash64(kSeed, static_cast<std::uint64_t>(now)) % 3000) - 1500;
    memory.forget(now - kWindow);
    std::erase_if(twin, [&](const auto& item) { return item.second < now - kWindow; });
    ASSERT_EQ(memory.size(), twin.size());
    const auto* found = memory.find(id);
    ASSERT_EQ(found != nullptr, twin.contains(id)) << "id " << id << " at " << now;
    if (found != nullptr) {
      ASSERT_EQ(found->logged_at, twin[id]);
      continue;
    }
    memory.insert(entry(id, now));
    twin[id] = now;
  }
}

TEST(DecisionMemory, GrowsAndForgetsEverything) {
  DecisionMemory memory;
  for (std::int64_t id = 0; id < 100'000; ++id) memory.insert(entry(id, id));
  for (std::int64_t id = 0; id < 100'000; ++id) {
    ASSERT_NE(memory.find(id), nullptr);
    ASSERT_EQ(memory.find(id)->decision.margin, static_cast<float>(id) / 2);
  }
  memory.forget(100'000);
  EXPECT_EQ(memory.size(), 0u);
  EXPECT_EQ(memory.find(5), nullptr);
}

}  // namespace
}  // namespace weir
