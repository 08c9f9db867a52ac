#include "core/streaming/feedback_memory.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

Feedback told(std::int64_t id, Outcome outcome, Seconds known_at) {
  Feedback feedback;
  feedback.payment.transaction_id = id;
  feedback.outcome = outcome;
  feedback.source = OutcomeSource::kChargeback;
  feedback.known_at = known_at;
  return feedback;
}

TEST(FeedbackMemory, TheSameAgainIsKnownAndACorrectionIsNew) {
  FeedbackMemory memory;
  EXPECT_TRUE(memory.add(told(1, Outcome::kFraud, 100), true, 100));
  EXPECT_FALSE(memory.add(told(1, Outcome::kFraud, 100), true, 110));
  EXPECT_TRUE(memory.add(told(1, Outcome::kGenuine, 120), true, 120));
  EXPECT_FALSE(memory.add(told(1, Outcome::kFraud, 100), true, 130));
  EXPECT_TRUE(memory.add(told(2, Outcome::kFraud, 100), true, 130));
  Feedback other = told(1, Outcome::kFraud, 100);
  other.source = OutcomeSource::kAnalyst;
  EXPECT_TRUE(memory.add(other, true, 130));
}

TEST(FeedbackMemory, WithoutATimeTheSourcesLastWordCounts) {
  FeedbackMemory memory;
  EXPECT_TRUE(memory.add(told(1, Outcome::kFraud, 100), false, 100));
  EXPECT_FALSE(memory.add(told(1, Outcome::kFraud, 105), false, 105));
  EXPECT_TRUE(memory.add(told(1, Outcome::kGenuine, 110), false, 110));
  EXPECT_TRUE(memory.add(told(1, Outcome::kFraud, 120), false, 120));
}

TEST(FeedbackMemory, ForgetsAfterADayAndSurvivesASnapshot) {
  FeedbackMemory memory;
  memory.add(told(1, Outcome::kFraud, 100), true, 100);
  memory.add(told(2, Outcome::kFraud, 100), true, 200);
  std::string bytes;
  memory.append_snapshot(bytes);
  FeedbackMemory restored;
  ByteReader reader(bytes);
  restored.restore_snapshot(reader);
  const Seconds later = 150 + FeedbackMemory::kWindow;
  for (FeedbackMemory* each : {&memory, &restored}) {
    EXPECT_FALSE(each->add(told(2, Outcome::kFraud, 100), true, later));
    EXPECT_TRUE(each->add(told(1, Outcome::kFraud, 100), true, later));
    EXPECT_EQ(each->size(), 2u);
  }
}

}  // namespace
}  // namespace weir
