#include "core/evaluation/episode_outcome.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

LoopPayment fraud(Seconds time, std::int64_t customer, int scenario, bool executed) {
  return {time,
          customer,
          10'00,
          true,
          static_cast<std::int8_t>(scenario),
          executed ? Action::kApprove : Action::kDecline,
          executed};
}

TEST(EpisodeOutcome, CountsWhatWentThroughBeforeTheFirstBlock) {
  const std::vector<TruthWindow> windows = {
      {2, 7, 100, 200}, {2, 7, 150, 300}, {2, 7, 500, 600}, {3, 7, 0, 1000}, {2, 8, 0, 1000}};
  EpisodeOutcomes episodes(windows, 20);
  episodes.add(fraud(130, 1, 2, true), 7);
  episodes.add(fraud(110, 2, 2, true), 7);
  episodes.add(fraud(250, 3, 2, false), 7);
  episodes.add(fraud(260, 3, 2, true), 7);  // A probe that the fraudster passed.
  episodes.add(fraud(550, 3, 2, true), 7);
  episodes.add(fraud(50, 7, 3, false), 1);
  episodes.add(fraud(50, 9, 3, true), 7);  // A customer without a window.
  episodes.add(fraud(50, 7, 1, true), 7);  // Scenario 1 has no compromise.
  episodes.add({120, 1, 5'00, false, 0, Action::kApprove, true}, 7);
  const std::vector<EpisodeOutcome> outcomes = episodes.outcomes();
  ASSERT_EQ(outcomes.size(), 3u);
  EXPECT_EQ(outcomes[0].window, (TruthWindow{2, 7, 100, 300}));  // Two merged.
  EXPECT_EQ(outcomes[0].frauds, 4u);
  EXPECT_EQ(outcomes[0].frauds_through, 3u);
  EXPECT_EQ(outcomes[0].damage_minor, 30'00);
  EXPECT_EQ(outcomes[0].time_to_block(), 250 - 110);
  EXPECT_EQ(outcomes[0].blind_minor, 10'00);  // Of time 110 alone: answers come 20 s later.
  EXPECT_EQ(outcomes[1].window.from, 500);
  EXPECT_FALSE(outcomes[1].time_to_block().has_value());
  EXPECT_EQ(outcomes[2].window.scenario, 3);
  EXPECT_EQ(outcomes[2].time_to_block(), 0);
}

TEST(EpisodeOutcome, BlindDamageIsOfTerminalsCompromisedInThePeriod) {
  const std::vector<TruthWindow> windows = {{2, 7, 100, 400}, {2, 8, 50, 400}, {3, 9, 100, 400}};
  EpisodeOutcomes episodes(windows, 60);
  episodes.add(fraud(110, 1, 2, true), 7);
  episodes.add(fraud(120, 1, 2, false), 7);
  episodes.add(fraud(130, 1, 2, true), 7);
  episodes.add(fraud(170, 1, 2, true), 7);   // An answer could have come.
  episodes.add(fraud(60, 1, 2, false), 8);   // Began before the period.
  episodes.add(fraud(110, 9, 3, false), 7);  // A card.
  const std::vector<EpisodeOutcome> outcomes = episodes.outcomes();
  const BlindDamage blind = blind_damage(outcomes, 80);
  EXPECT_EQ(blind.episodes, 1U);
  EXPECT_DOUBLE_EQ(blind.exposure_roubles, 30);
  EXPECT_DOUBLE_EQ(blind.damage_roubles, 20);
  EXPECT_DOUBLE_EQ(blind.share(), 2.0 / 3);
}

}  // namespace
}  // namespace weir
