// The limit in the run: librdkafka alone, consume → produce the same bytes, the same transactions
// as weir stream (two producers in turn) and no work between.
// Usage: passthrough BROKERS GROUP FROM TO BATCH [follow]
// Without `follow` it ends at the end of FROM and prints {"events": N, "seconds": S}.
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

void set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  char text[256];
  if (rd_kafka_conf_set(conf, name, value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK) {
    std::fprintf(stderr, "passthrough: %s\n", text);
    std::exit(2);
  }
}

void need(rd_kafka_error_t* error, const char* step) {
  if (error == nullptr) return;
  std::fprintf(stderr, "passthrough: %s: %s\n", step, rd_kafka_error_string(error));
  std::exit(1);
}

constexpr std::size_t kProducers = 2;

rd_kafka_t* make(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char text[256];
  rd_kafka_t* client = rd_kafka_new(type, conf, text, sizeof text);
  if (client == nullptr) std::fprintf(stderr, "passthrough: %s\n", text), std::exit(1);
  return client;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "usage: passthrough BROKERS GROUP FROM TO BATCH [follow]\n");
    return 2;
  }
  const std::string brokers = argv[1];
  const std::string group = argv[2];
  const std::size_t batch = std::strtoul(argv[5], nullptr, 10);
  const bool follow = argc > 6;

  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "group.id", group);
  set(conf, "isolation.level", "read_committed");
  set(conf, "enable.auto.commit", "false");
  set(conf, "auto.offset.reset", "earliest");
  set(conf, "enable.partition.eof", "true");
  set(conf, "socket.nagle.disable", "true");
  set(conf, "queued.min.messages", "300000");  // As weir stream.
  rd_kafka_t* consumer = make(RD_KAFKA_CONSUMER, conf);
  rd_kafka_poll_set_consumer(consumer);
  std::vector<rd_kafka_t*> producers;
  std::vector<rd_kafka_topic_t*> outs;
  for (std::size_t i = 0; i < kProducers; ++i) {
    conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", brokers);
    set(conf, "transactional.id", "passthrough." + group + "." + std::to_string(i));
    set(conf, "linger.ms", "100");
    set(conf, "batch.num.messages", "100000");
    set(conf, "queue.buffering.max.messages", "1000000");
    set(conf, "socket.nagle.disable", "true");
    // Not that a flush looks every 10 ms only.
    set(conf, "delivery.report.only.error", "true");
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
    producers.push_back(make(RD_KAFKA_PRODUCER, conf));
    need(rd_kafka_init_transactions(producers[i], 30'000), "init");
    outs.push_back(rd_kafka_topic_new(producers[i], argv[4], nullptr));
  }
  rd_kafka_topic_partition_list_t* topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, argv[3], RD_KAFKA_PARTITION_UA);
  rd_kafka_subscribe(consumer, topics);

  std::size_t events = 0;
  std::size_t turn = 0;
  bool end = false;
  Clock::time_point began;
  while (!end || follow) {
    rd_kafka_t* producer = producers[turn];
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer, 20);
    std::size_t open = 0;
    std::int64_t next = 0;
    end = false;
    for (; message != nullptr;
         message = open < batch ? rd_kafka_consumer_poll(consumer, 0) : nullptr) {
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        rd_kafka_message_destroy(message);
        break;
      }
      if (events == 0 && open == 0) began = Clock::now();
      if (open == 0) need(rd_kafka_begin_transaction(producer), "begin");
      while (rd_kafka_produce(outs[turn], message->partition, RD_KAFKA_MSG_F_COPY, message->payload,
                              message->len, message->key, message->key_len, nullptr) != 0) {
        rd_kafka_poll(producer, 10);
      }
      next = message->offset + 1;
      ++open;
      rd_kafka_message_destroy(message);
    }
    if (open == 0) continue;
    events += open;
    turn = (turn + 1) % kProducers;
    rd_kafka_topic_partition_list_t* offsets = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(offsets, argv[3], 0)->offset = next;
    rd_kafka_consumer_group_metadata_t* member = rd_kafka_consumer_group_metadata(consumer);
    rd_kafka_flush(producer, 2);
    need(rd_kafka_send_offsets_to_transaction(producer, offsets, member, 30'000), "offsets");
    need(rd_kafka_commit_transaction(producer, 30'000), "commit");
    rd_kafka_consumer_group_metadata_destroy(member);
    rd_kafka_topic_partition_list_destroy(offsets);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  std::printf("{\"events\": %zu, \"seconds\": %.3f}\n", events, seconds);
  std::fflush(stdout);
  std::_Exit(0);  // Leaving the group takes time that is not measured.
}
