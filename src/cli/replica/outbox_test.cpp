#include "cli/replica/outbox.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

/// Parts of two events; each event's output has the offset as its key, and ten more as position.
class OutboxTest : public testing::Test {
 protected:
  OutboxTest() {
    for (std::int64_t offset = 0; offset < 8; ++offset) {
      const std::string key = std::to_string(offset);
      const std::string position = std::to_string(offset + 10);
      const std::vector<kafka::Header> headers = {{"model_version", "m"}, {"position", position}};
      outbox_.push(offset,
                   [&](kafka::OutgoingBatch& batch) { batch.add(0, key, "value", headers); });
    }
  }
  static std::vector<std::string> keys_of(const kafka::OutgoingBatch& batch) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < batch.size(); ++i) keys.emplace_back(batch.key(i));
    return keys;
  }

  Outbox outbox_{2};
};

TEST_F(OutboxTest, LeavesOutWhatIsWrittenWhereverItStands) {
  outbox_.forget(1);
  outbox_.leave_out({"0", "1", "2", "5"});
  std::vector<std::string> keys;
  while (const Outbox::Part* part = outbox_.take(milliseconds(0))) {
    for (const auto& key : keys_of(part->batch)) keys.push_back(key);
    outbox_.forget(part->next);
  }
  EXPECT_THAT(keys, testing::ElementsAre("3", "4", "6", "7"));
  EXPECT_EQ(outbox_.committed(), 8);
}

TEST_F(OutboxTest, KeepsTheLastOfWhatItForgetsForWhoFindsItLost) {
  outbox_.forget(7);
  Doubt doubt;
  EXPECT_EQ(outbox_.lost(doubt, {}).size(), 0U);
  doubt.position = 14;
  EXPECT_THAT(keys_of(outbox_.lost(doubt, {"5"})), testing::ElementsAre("4", "6"));
  doubt.offset = 0;
  // The oldest parts are gone; what stays has its headers still.
  const kafka::OutgoingBatch lost = outbox_.lost(doubt, {});
  EXPECT_THAT(keys_of(lost), testing::ElementsAre("2", "3", "4", "5", "6"));
  EXPECT_EQ(lost.header(4, "position"), "16");
  EXPECT_EQ(lost.header(4, "degraded"), std::nullopt);
  const Outbox::Part* left = outbox_.take(milliseconds(0));
  ASSERT_NE(left, nullptr);
  EXPECT_THAT(keys_of(left->batch), testing::ElementsAre("7"));
}

}  // namespace
}  // namespace weir::cli
