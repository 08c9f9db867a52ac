#include "core/pipeline/look_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/pipeline/pipeline.h"
#include "core/pipeline/test_bundle.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

TEST(LookAhead, LoadsEachStepInOrderBeforeTheVisit) {
  for (const std::size_t count : {0U, 1U, 2U, 3U, 9U, 40U}) {
    std::vector<std::size_t> loaded(count);
    std::vector<std::size_t> visited;
    look_ahead(
        count,
        [&](std::size_t i, LoadStep step) {
          EXPECT_EQ(loaded.at(i), static_cast<std::size_t>(step));
          EXPECT_LT(i, visited.size() + kLoadedAhead) << "its place is still another's";
          ++loaded[i];
        },
        [&](std::size_t i) {
          EXPECT_EQ(loaded.at(i), kLoadSteps);
          EXPECT_EQ(i, visited.size());
          visited.push_back(i);
        });
    EXPECT_EQ(visited.size(), count);
  }
}

// Known and new keys, an id twice, and payments that are loaded and never applied.
TEST(LookAhead, ChangesNoDecisionAndNoState) {
  const Bundle bundle = stump_bundle();
  Pipeline plain(bundle);
  Pipeline ahead(bundle);
  std::vector<Payment> payments;
  for (std::uint64_t i = 0; i < 600; ++i) {
    const std::uint64_t bits = hash64(11, i);
    payments.push_back({static_cast<std::int64_t>(i - i % 5 / 4),
                        1'566'432'000 + static_cast<Seconds>(i) * 7'200,
                        static_cast<std::int64_t>(bits % 40), static_cast<std::int64_t>(bits % 9),
                        static_cast<std::int64_t>(bits % 20'000)});
  }
  const auto is_applied = [](std::size_t i) { return i % 13 != 12; };
  const auto told = [](const std::variant<Decision, Reject>& answer) {
    const auto* decision = std::get_if<Decision>(&answer);
    return decision == nullptr
               ? std::string("rejected")
               : std::to_string(decision->position) + " " + std::to_string(decision->margin) +
                     (decision->repeated ? " again" : "");
  };
  std::vector<std::string> one_by_one;
  for (std::size_t i = 0; i < payments.size(); ++i) {
    if (is_applied(i)) one_by_one.push_back(told(plain.apply(payments[i], payments[i].event_time)));
  }
  std::vector<std::string> batches;
  for (std::size_t begin = 0; begin < payments.size(); begin += 75) {
    look_ahead(
        75, [&](std::size_t i, LoadStep step) { ahead.prefetch(i, payments[begin + i], step); },
        [&](std::size_t i) {
          const Payment& payment = payments[begin + i];
          if (is_applied(begin + i))
            batches.push_back(told(ahead.apply(payment, payment.event_time)));
        });
  }
  EXPECT_EQ(batches, one_by_one);
  EXPECT_THAT(one_by_one, testing::Contains("rejected"));
  EXPECT_EQ(ahead.snapshot(), plain.snapshot());
}

}  // namespace
}  // namespace weir
