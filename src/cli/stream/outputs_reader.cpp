#include "cli/stream/outputs_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string_view>

namespace weir::cli {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr auto kAnswer = std::chrono::seconds(30);
/// A partition has two producers, each of which may have left one transaction: with the marks of
/// both and with what they sent in vain before, their outputs lie within the last so many of
/// `batch` events each.
constexpr std::int64_t kTransactions = 4;
constexpr std::int64_t kSmallTransactions = 10'000;

template <typename Number>
std::optional<Number> number_in(std::optional<std::string_view> text) {
  Number number{};
  if (!text) return std::nullopt;
  const auto [end, fault] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (fault != std::errc()) return std::nullopt;
  return number;
}

/// Of a reject's header, `partition:offset`.
std::optional<std::int64_t> offset_in(std::optional<std::string_view> source) {
  if (!source) return std::nullopt;
  return number_in<std::int64_t>(source->substr(source->find(':') + 1));
}

template <typename Number>
void keep_least(std::optional<Number>& least, const std::optional<Number>& other) {
  if (other && (!least || *other < *least)) least = other;
}

}  // namespace

void Doubt::add(const Doubt& other) {
  keep_least(position, other.position);
  keep_least(offset, other.offset);
}

bool Doubt::covers(std::int64_t event, std::optional<std::string_view> header) const {
  const auto number = number_in<std::uint64_t>(header);
  return (offset && event >= *offset) || (position && number && *number >= *position);
}

OutputsReader::OutputsReader(const StreamOptions& options, int partition)
    : options_(options),
      partition_(partition),
      committed_(reader(options.decisions, false)),
      all_(reader(options.decisions, true)) {}

std::unique_ptr<kafka::Consumer> OutputsReader::reader(const std::string& topic, bool uncommitted) {
  kafka::Consumer::Options reader;
  reader.topic = topic;
  reader.group = options_.group;  // librdkafka wants one; it is never joined.
  reader.uncommitted = uncommitted;
  return std::make_unique<kafka::Consumer>(options_.kafka, reader,
                                           static_cast<kafka::Assignment&>(*this));
}

OutputEnds OutputsReader::ends() {
  return {committed_->watermarks(options_.decisions, partition_).second,
          committed_->watermarks(options_.rejects, partition_).second};
}

bool OutputsReader::open() {
  const std::int64_t decisions = all_->watermarks(options_.decisions, partition_).second;
  const std::int64_t rejects = all_->watermarks(options_.rejects, partition_).second;
  const OutputEnds seen = ends();
  return seen.decisions < decisions || seen.rejects < rejects;
}

void OutputsReader::read(const std::string& topic,
                         bool uncommitted,
                         std::int64_t from,
                         const std::function<bool(const kafka::Message&)>& take) {
  const auto [low, high] = (uncommitted ? *all_ : *committed_).watermarks(topic, partition_);
  from = std::max(from, low);
  if (from >= high) return;
  const auto messages = reader(topic, uncommitted);
  messages->read({{partition_, from}});
  ended_ = false;
  auto deadline = Clock::now() + kAnswer;
  while (!ended_) {
    const auto message = messages->poll(milliseconds(100));
    if (message) {
      if (take(*message)) return;
      deadline = Clock::now() + kAnswer;
    } else if (Clock::now() > deadline) {
      throw kafka::Unanswered(
          fmt::format("Kafka {}: what partition {} of topic \"{}\" holds is "
                      "not known: no broker has answered",
                      messages->client().brokers(), partition_, topic));
    }
  }
}

Doubt OutputsReader::first_from(const OutputEnds& from) {
  Doubt first;
  // A message that ended what was left over is none of an event.
  read(options_.decisions, true, from.decisions, [&](const kafka::Message& message) {
    first.position = number_in<std::uint64_t>(message.header("position"));
    return first.position.has_value();
  });
  read(options_.rejects, true, from.rejects, [&](const kafka::Message& message) {
    first.offset = offset_in(message.header("source"));
    return first.offset.has_value();
  });
  return first;
}

WrittenOutputs OutputsReader::written(const OutputEnds& from) {
  const std::int64_t back =
      kTransactions * static_cast<std::int64_t>(options_.batch) + kSmallTransactions;
  const OutputEnds end = ends();
  WrittenOutputs written;
  read(options_.decisions, false, std::min(from.decisions, end.decisions - back),
       [&](const kafka::Message& message) {
         written.keys.emplace(message.key());
         const auto position = number_in<std::uint64_t>(message.header("position"));
         written.positions = std::max(written.positions, position ? *position + 1 : 0);
         return false;
       });
  read(options_.rejects, false, std::min(from.rejects, end.rejects - back),
       [&](const kafka::Message& message) {
         written.keys.emplace(message.key());
         const auto offset = offset_in(message.header("source"));
         written.offsets = std::max(written.offsets, offset ? *offset + 1 : 0);
         return false;
       });
  return written;
}

}  // namespace weir::cli
