#include "cli/produce.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/kafka_options.h"
#include "cli/produce/event_source.h"
#include "core/transaction/error.h"
#include "edge/files/lake.h"
#include "edge/files/staged.h"
#include "edge/http/client.h"
#include "edge/kafka/producer.h"

namespace weir::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Payments of one REST request at most; the service's own limit is 1000.
constexpr std::size_t kRestBatch = 500;

struct ProduceOptions {
  std::string input;
  kafka::Settings kafka;
  std::string kafka_properties;
  std::string topic = "weir.events";
  std::string url;
  std::string key_file;
  std::optional<Seconds> from;
  std::optional<Seconds> to;
  bool feedback = false;
  std::optional<Seconds> label_delay;
  double rate = 0;
  double speed = 0;
  std::string timestamps = "now";
  std::uint64_t limit = 0;
  int threads = 0;
};

/// Where events go.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void send(const OutgoingEvent& event) = 0;
  /// What is waiting goes out now: the next event is not due yet.
  virtual void flush() {}
  virtual void finish() {}
  virtual nlohmann::ordered_json counts() const { return nlohmann::ordered_json::object(); }
};

class KafkaSink : public Sink {
 public:
  KafkaSink(const kafka::Settings& settings, const std::string& topic, bool event_times)
      : producer_(settings, topic), event_times_(event_times) {
    const auto found = producer_.client().partitions_of({topic}, std::chrono::seconds(30));
    if (found[0] == 0) {
      throw Error(
          fmt::format("topic \"{}\" is not at {}; create it, or start weir stream with "
                      "--create-topics 1 first",
                      topic, settings.brokers));
    }
  }
  void send(const OutgoingEvent& event) override {
    // 0: the client stamps the message itself.
    producer_.send(event.key, event.text, event_times_ ? event.time * 1000 : 0);
  }
  void flush() override { producer_.poll(); }
  void finish() override { producer_.finish(); }

 private:
  kafka::Producer producer_;
  bool event_times_;
};

class RestSink : public Sink {
 public:
  RestSink(const std::string& url, std::string key) : client_(url, "--url", std::move(key)) {}

  void send(const OutgoingEvent& event) override {
    if (event.is_feedback) {
      flush();
      const auto answer = client_.post("/v1/feedback", event.text);
      count(answer.status < 300);
      return check(answer);
    }
    batch_ += batch_.empty() ? '[' : ',';
    batch_ += event.text;
    if (++waiting_ == kRestBatch) flush();
  }
  void flush() override {
    if (waiting_ == 0) return;
    batch_ += ']';
    const auto answer = client_.post("/v1/decisions/batch", batch_);
    check(answer);
    const auto results = nlohmann::json::parse(answer.body, nullptr, false);
    if (results.is_object() && results.contains("results")) {
      for (const auto& result : results["results"]) count(result.contains("decision"));
    } else {
      refused_ += waiting_;
    }
    batch_.clear();
    waiting_ = 0;
  }
  void finish() override { flush(); }
  nlohmann::ordered_json counts() const override {
    return {{"accepted", accepted_}, {"refused", refused_}};
  }

 private:
  void count(bool accepted) { ++(accepted ? accepted_ : refused_); }
  static void check(const http::Client::Answer& answer) {
    // A single event may be refused; a service that takes none must be told to the user.
    if (answer.status == 401 || answer.status == 403 || answer.status >= 500) {
      throw Error(fmt::format("the service answered {}: {}", answer.status, answer.body));
    }
  }

  http::Client client_;
  std::string batch_;
  std::size_t waiting_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
};

std::unique_ptr<EventSource> open_source(const ProduceOptions& options, Progress& progress) {
  if (std::filesystem::is_regular_file(options.input)) {
    if (options.feedback || options.from || options.to) {
      throw UsageError("--from, --to and --feedback are for a lake; a file is sent as it is");
    }
    return std::make_unique<LineEvents>(options.input);
  }
  std::optional<Seconds> delay;
  std::optional<Seconds> read_from = options.from;
  if (options.feedback) {
    delay = options.label_delay.value_or(7 * kSecondsPerDay);
    // Outcomes that become known in the period are of payments before it.
    if (read_from) *read_from -= *delay + kSecondsPerDay;
  }
  return std::make_unique<LakeEvents>(
      files::read_lake(options.input, read_from, options.to, options.threads, progress),
      options.from, delay);
}

std::unique_ptr<Sink> open_sink(ProduceOptions& options) {
  if (!options.url.empty()) {
    std::string key;
    if (!options.key_file.empty()) {
      key = files::read_text(options.key_file);
      while (!key.empty() && key.back() == '\n') key.pop_back();
    }
    return std::make_unique<RestSink>(options.url, key);
  }
  options.kafka.properties = read_kafka_properties(options.kafka_properties);
  return std::make_unique<KafkaSink>(options.kafka, options.topic, options.timestamps == "event");
}

/// When events are due: at a rate, at a speed of their own times, or at once.
class Pace {
 public:
  Pace(double rate, double speed) : rate_(rate), speed_(speed), began_(Clock::now()) {}

  Clock::time_point due(std::uint64_t number, Seconds time) {
    if (rate_ > 0) return began_ + since(static_cast<double>(number) / rate_);
    if (speed_ <= 0 || time == 0) return began_;
    if (first_ == 0) first_ = time;
    return began_ + since(static_cast<double>(time - first_) / speed_);
  }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

 private:
  static Clock::duration since(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  double rate_;
  double speed_;
  Clock::time_point began_;
  Seconds first_ = 0;
};

void run_produce(ProduceOptions& options, Terminal& terminal) {
  if (options.rate > 0 && options.speed > 0) {
    throw UsageError("--rate and --speed say two things; give one of them");
  }
  const auto progress = terminal.make_progress();
  const auto source = open_source(options, *progress);
  const auto sink = open_sink(options);
  const std::uint64_t total = options.limit != 0 && source->size() != 0
                                  ? std::min(options.limit, source->size())
                                  : source->size();
  progress->begin("sending", total, "events");
  Pace pace(options.rate, options.speed);
  std::uint64_t sent = 0;
  double worst_delay = 0;
  while (options.limit == 0 || sent < options.limit) {
    const auto event = source->next();
    if (!event) break;
    const auto due = pace.due(sent, event->time);
    if (due > Clock::now()) {
      sink->flush();
      std::this_thread::sleep_until(due);
    }
    if (options.rate > 0 || options.speed > 0) {
      worst_delay =
          std::max(worst_delay, std::chrono::duration<double>(Clock::now() - due).count());
    }
    sink->send(*event);
    if (++sent % 64 == 0) progress->update(sent);
    if (stop_requested()) break;
  }
  sink->finish();
  progress->update(sent);
  progress->end();
  const double seconds = pace.seconds();
  const double rate = seconds > 0 ? static_cast<double>(sent) / seconds : 0;
  if (terminal.json) {
    nlohmann::ordered_json json = {
        {"sent", sent}, {"seconds", seconds}, {"rate", rate}, {"worst_delay_seconds", worst_delay}};
    json.update(sink->counts());
    fmt::print("{}\n", json.dump(2));
    return;
  }
  fmt::print("sent {} events in {:.1f} s: {:.0f} a second", sent, seconds, rate);
  if (options.rate > 0) fmt::print(" of {:.0f} asked for", options.rate);
  if (worst_delay > 0) fmt::print("; at worst {:.3f} s late", worst_delay);
  fmt::print("\n");
}

}  // namespace

void add_produce_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command =
      add_command(weir, terminal, "produce",
                  "Replay a period of a lake, or a file of events, into Kafka or a service",
                  "weir produce out/run/lake --from 2019-10-01 --feedback --rate 400");
  auto options = std::make_shared<ProduceOptions>();
  command
      ->add_option("input", options->input,
                   "Lake (folder or s3://), or a file of JSON events, one a line")
      ->required();
  add_kafka_options(*command, options->kafka, options->kafka_properties);
  command->add_option("--topic", options->topic, "Kafka topic");
  command->add_option("--url", options->url,
                      "A service instead of Kafka: http://127.0.0.1:8080, payments in batches");
  command->add_option("--key-file", options->key_file, "File with the service's API key");
  add_period_options(*command, options->from, options->to);
  command->add_flag("--feedback", options->feedback,
                    "Send the lake's labels too, each --label-delay after its payment");
  add_duration_option(*command, "--label-delay", options->label_delay, "7d if not given");
  command->add_option("--rate", options->rate, "Events a second; as fast as it goes if not given");
  command->add_option("--speed", options->speed, "Times faster than the events happened");
  command
      ->add_option("--timestamps", options->timestamps,
                   "Of Kafka's messages: now, or the event's own time")
      ->check(CLI::IsMember({"now", "event"}));
  command->add_option("--limit", options->limit, "Stop after so many events; 0 = all");
  command->add_option("--threads", options->threads, "For reading the lake; 0 = all cores");
  command->callback([options, &terminal] { run_produce(*options, terminal); });
}

}  // namespace weir::cli
