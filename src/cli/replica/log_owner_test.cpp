#include "cli/replica/log_owner.h"

#include <gmock/gmock.h>
#include <librdkafka/rdkafka_mock.h>

#include <thread>

namespace weir::cli {
namespace {

using std::chrono::milliseconds;

constexpr std::int16_t kTxnOffsetCommit = 28;  // The protocol's number of the request.

/// Brokers of librdkafka's own, in this process, which can be told to refuse a request once.
class LogOwnerTest : public testing::Test {
 protected:
  LogOwnerTest() {
    char fault[256];
    rd_kafka_conf_t* settings = rd_kafka_conf_new();
    client_ = rd_kafka_new(RD_KAFKA_PRODUCER, settings, fault, sizeof fault);
    brokers_ = rd_kafka_mock_cluster_new(client_, 1);
    options_.kafka.brokers = rd_kafka_mock_cluster_bootstraps(brokers_);
    options_.session_timeout_ms = 6000;
    for (const auto* topic : {&options_.events, &options_.decisions, &options_.rejects}) {
      rd_kafka_mock_topic_create(brokers_, topic->c_str(), 1, 1);
    }
  }
  ~LogOwnerTest() override {
    rd_kafka_mock_cluster_destroy(brokers_);
    rd_kafka_destroy(client_);
  }

  void push(std::int64_t offset) {
    outbox_.push(offset, [](kafka::OutgoingBatch& batch) { batch.add(0, "1", "{}", {}); });
  }
  bool written_up_to(std::int64_t next, std::chrono::seconds within) {
    const auto deadline = std::chrono::steady_clock::now() + within;
    while (outbox_.committed() < next && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(20));
    }
    return outbox_.committed() >= next;
  }

  rd_kafka_t* client_;
  rd_kafka_mock_cluster_t* brokers_;
  StreamOptions options_;
  Outbox outbox_{100};
};

TEST_F(LogOwnerTest, JoinsAgainWhereTheGroupRefusesACommitAndDoesNotSayWhy) {
  std::vector<std::string> said;
  LogOwner owner(options_, outbox_, [&](const std::string& text) { said.push_back(text); });
  owner.start();
  push(0);
  ASSERT_TRUE(written_up_to(1, std::chrono::seconds(30))) << testing::PrintToString(said);
  rd_kafka_mock_push_request_errors(brokers_, kTxnOffsetCommit, 1,
                                    RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
  push(1);
  EXPECT_TRUE(written_up_to(2, std::chrono::seconds(30))) << testing::PrintToString(said);
  owner.stop();
  EXPECT_THAT(said, testing::Contains(testing::HasSubstr("has not said why")));
}

}  // namespace
}  // namespace weir::cli
