#include "core/streaming/keyed_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "core/pipeline/payment_hash.h"
#include "core/pipeline/pipeline.h"
#include "core/streaming/decision_json.h"
#include "core/transaction/byte_io.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr std::uint32_t kStateFormat = 1;
constexpr std::string_view kArm = "champion";

void put_text(std::string& bytes, std::string_view text) {
  put_bytes(bytes, static_cast<std::uint64_t>(text.size()));
  bytes += text;
}

std::string get_text(ByteReader& reader) {
  return std::string(reader.take(reader.get<std::uint64_t>()));
}

void put_payment(std::string& bytes, const Payment& payment) {
  put_bytes(bytes, payment.transaction_id);
  put_bytes(bytes, payment.event_time);
  put_bytes(bytes, payment.customer_id);
  put_bytes(bytes, payment.terminal_id);
  put_bytes(bytes, payment.amount_minor);
}

Payment get_payment(ByteReader& reader) {
  Payment payment;
  payment.transaction_id = reader.get<std::int64_t>();
  payment.event_time = reader.get<Seconds>();
  payment.customer_id = reader.get<std::int64_t>();
  payment.terminal_id = reader.get<std::int64_t>();
  payment.amount_minor = reader.get<std::int64_t>();
  return payment;
}

/// What a parcel holds.
struct Content {
  Seconds logged_at = 0;
  std::int32_t partition = 0;
  std::int64_t offset = 0;
  std::uint64_t original_bytes = 0;
  std::string original;  // Of what may be refused.
  EventReader::Entry entry;
  bool late = false;
  std::vector<float> row;  // Of a payment that has passed its terminal.

  auto place() const { return std::tuple(logged_at, partition, offset); }
};

std::string pack(const Content& content) {
  std::string bytes;
  put_bytes(bytes, content.logged_at);
  put_bytes(bytes, content.partition);
  put_bytes(bytes, content.offset);
  put_bytes(bytes, content.original_bytes);
  put_text(bytes, content.original);
  put_bytes(bytes, static_cast<std::uint8_t>(content.entry.index()));
  if (const auto* payment = std::get_if<Payment>(&content.entry)) {
    put_payment(bytes, *payment);
    put_bytes(bytes, static_cast<std::uint8_t>(content.late));
    put_bytes(bytes, static_cast<std::uint64_t>(content.row.size()));
    for (const float value : content.row) put_bytes(bytes, value);
  } else if (const auto* feedback = std::get_if<Feedback>(&content.entry)) {
    put_payment(bytes, feedback->payment);
    put_bytes(bytes, static_cast<std::uint8_t>(feedback->outcome));
    put_bytes(bytes, static_cast<std::uint8_t>(feedback->source));
    put_bytes(bytes, feedback->known_at);
  } else {
    const auto& fault = std::get<EventFault>(content.entry);
    put_text(bytes, fault.rule);
    put_text(bytes, fault.field);
    put_text(bytes, fault.detail);
  }
  return bytes;
}

Content unpack(std::string_view bytes) {
  ByteReader reader(bytes);
  Content content;
  content.logged_at = reader.get<Seconds>();
  content.partition = reader.get<std::int32_t>();
  content.offset = reader.get<std::int64_t>();
  content.original_bytes = reader.get<std::uint64_t>();
  content.original = get_text(reader);
  switch (reader.get<std::uint8_t>()) {
    case 0: {
      content.entry = get_payment(reader);
      content.late = reader.get<std::uint8_t>() != 0;
      content.row.resize(reader.get<std::uint64_t>());
      for (float& value : content.row) value = reader.get<float>();
      break;
    }
    case 1: {
      Feedback feedback;
      feedback.payment = get_payment(reader);
      feedback.outcome = static_cast<Outcome>(reader.get<std::uint8_t>());
      feedback.source = static_cast<OutcomeSource>(reader.get<std::uint8_t>());
      feedback.known_at = reader.get<Seconds>();
      content.entry = feedback;
      break;
    }
    default: {
      EventFault fault;
      fault.rule = get_text(reader);
      fault.field = get_text(reader);
      fault.detail = get_text(reader);
      content.entry = std::move(fault);
    }
  }
  return content;
}

/// In the log's order: one partition's by its offsets, several as they were appended.
std::vector<Content> unpack_in_order(const std::vector<std::string_view>& parcels) {
  std::vector<Content> contents;
  contents.reserve(parcels.size());
  for (const auto bytes : parcels) contents.push_back(unpack(bytes));
  const bool one = std::all_of(contents.begin(), contents.end(), [&](const Content& content) {
    return content.partition == contents.front().partition;
  });
  std::sort(contents.begin(), contents.end(), [one](const Content& left, const Content& right) {
    return one ? left.offset < right.offset : left.place() < right.place();
  });
  return contents;
}

std::string begin_state(std::string_view version, Seconds logged_at) {
  std::string state;
  put_bytes(state, kStateFormat);
  put_text(state, version);
  put_bytes(state, logged_at);
  return state;
}

/// Reads what begin_state wrote; gives the time of the log.
Seconds open_state(ByteReader& reader, std::string_view version) {
  const auto format = reader.get<std::uint32_t>();
  const auto made_by = get_text(reader);
  if (format != kStateFormat || made_by != version) {
    throw Error(
        fmt::format("keyed state: format {} of bundle {}, wanted format {} of bundle {}; run the "
                    "bundle that it was made with, or begin with a new checkpoint",
                    format, made_by, kStateFormat, version));
  }
  return reader.get<Seconds>();
}

void check(const Bundle& bundle) {
  if (!bundle.beliefs_toml.empty()) {
    throw Error(fmt::format(
        "bundle {}: has beliefs, and its budgets are kept over all payments in one order, which "
        "state by key cannot; use weir stream, or a bundle trained without --beliefs",
        bundle.manifest.version));
  }
}

std::uint64_t late_count(const FeatureEngine& features) {
  return features.counters().late + features.counters().too_late;
}

/// A transaction id that a terminal has seen.
struct Seen {
  std::uint64_t hash = 0;
  Seconds logged_at = 0;
};

}  // namespace

Parcel ParcelReader::read(const Event& event, int partition, std::int64_t offset) {
  Content content;
  content.logged_at = event.logged_at;
  content.partition = partition;
  content.offset = offset;
  content.entry = reader_.read(event, event.logged_at);
  Parcel parcel;
  if (const auto* feedback = std::get_if<Feedback>(&content.entry)) {
    parcel.terminal_id = feedback->payment.terminal_id;
    parcel.customer_id = feedback->payment.customer_id;
  } else {
    if (const auto* payment = std::get_if<Payment>(&content.entry)) {
      parcel.terminal_id = payment->terminal_id;
      parcel.customer_id = payment->customer_id;
    }
    const auto original = event.value.value_or("");
    content.original_bytes = original.size();
    content.original = original.substr(0, kMaxOriginalBytes);
  }
  parcel.bytes = pack(content);
  return parcel;
}

TerminalStep::TerminalStep(const Bundle& bundle)
    : version_((check(bundle), bundle.manifest.version)), features_(bundle.features) {}

std::vector<Parcel> TerminalStep::run(std::int64_t terminal_id,
                                      std::string& state,
                                      const std::vector<std::string_view>& parcels) {
  std::vector<Parcel> passed;
  if (terminal_id < 0) {  // No entries: nothing to remember.
    for (const auto bytes : parcels) passed.push_back({-1, -1, std::string(bytes)});
    return passed;
  }
  const PipelineOptions options;
  std::map<std::int64_t, Seen> seen;
  Seconds now = 0;
  if (!state.empty()) {
    ByteReader reader(state);
    now = open_state(reader, version_);
    const auto count = reader.get<std::uint64_t>();
    for (std::uint64_t i = 0; i < count; ++i) {
      Seen& entry = seen[reader.get<std::int64_t>()];
      entry.hash = reader.get<std::uint64_t>();
      entry.logged_at = reader.get<Seconds>();
    }
    features_.restore_terminal(terminal_id, reader.take(reader.get<std::uint64_t>()));
  }
  for (Content& content : unpack_in_order(parcels)) {
    now = std::max(now, content.logged_at);
    std::int64_t customer_id = -1;
    if (const auto* payment = std::get_if<Payment>(&content.entry)) {
      customer_id = payment->customer_id;
      const std::uint64_t hash = payment_hash(*payment);
      const auto known = seen.find(payment->transaction_id);
      const bool remembered =
          known != seen.end() && known->second.logged_at >= now - options.duplicate_window;
      if (remembered && known->second.hash == hash) continue;  // It has its decision.
      if (remembered) {
        content.entry = fault_of(duplicate_id(*payment));
      } else if (payment->event_time > now + options.max_future_skew) {
        content.entry = fault_of(time_in_future(*payment));
      } else {
        const std::uint64_t late = late_count(features_);
        content.row.assign(features_.spec().size(), 0);
        features_.apply_terminal(*payment, content.row);
        content.late = late_count(features_) != late;
        seen[payment->transaction_id] = {hash, now};
      }
    } else if (const auto* feedback = std::get_if<Feedback>(&content.entry)) {
      customer_id = feedback->payment.customer_id;
      features_.apply_terminal(*feedback);
    }
    passed.push_back({terminal_id, customer_id, pack(content)});
  }
  std::erase_if(seen, [&](const auto& entry) {
    return entry.second.logged_at < now - options.duplicate_window;
  });
  state = begin_state(version_, now);
  put_bytes(state, static_cast<std::uint64_t>(seen.size()));
  for (const auto& [id, entry] : seen) {
    put_bytes(state, id);
    put_bytes(state, entry.hash);
    put_bytes(state, entry.logged_at);
  }
  put_text(state, features_.serialize_terminal(terminal_id));
  features_.restore_terminal(terminal_id, {});
  return passed;
}

CustomerStep::CustomerStep(const Bundle& bundle, bool reasons)
    : version_((check(bundle), bundle.manifest.version)),
      spec_(bundle.features),
      features_(bundle.features),
      shap_(Forest::parse_ubj(bundle.forest_ubj, version_ + "/forest.ubj")),
      scorer_(Forest::parse_ubj(bundle.forest_ubj, version_ + "/forest.ubj")),
      calibration_(bundle.calibration),
      policy_(Policy::parse(bundle.policy_toml, version_ + "/policy.toml")),
      reasons_(reasons) {}

StreamOutput CustomerStep::decide(const Payment& payment,
                                  std::int64_t offset,
                                  bool late,
                                  std::vector<float>& row) {
  const std::uint64_t late_before = late_count(features_);
  features_.apply_customer(payment, row);
  Decision decision;
  decision.position = static_cast<std::uint64_t>(offset);
  decision.transaction_id = payment.transaction_id;
  decision.late = late || late_count(features_) != late_before;
  decision.margin = scorer_.margin(row.data());
  decision.score = decision.margin;
  decision.probability = calibration_.probability(decision.margin);
  decision.action = policy_.decide(decision.margin);
  const std::string reasons = reasons_ && decision.action != Action::kApprove
                                  ? reasons_json(shap_, spec_, row)
                                  : std::string();
  StreamOutput output;
  output.key = std::to_string(payment.transaction_id);
  output.value = "{";
  append_decision_fields(output.value, decision, {reasons, version_, kArm, !reasons_, false});
  output.value += '}';
  output.headers = {{"model_version", version_},
                    {"position", std::to_string(offset)},
                    {"degraded", reasons_ ? "" : "no_reasons"}};
  return output;
}

std::vector<StreamOutput> CustomerStep::run(std::int64_t customer_id,
                                            std::string& state,
                                            const std::vector<std::string_view>& parcels) {
  if (!state.empty()) {
    ByteReader reader(state);
    open_state(reader, version_);
    features_.restore_customer(customer_id, reader.take(reader.get<std::uint64_t>()));
  }
  std::vector<StreamOutput> outputs;
  Seconds now = 0;
  for (Content& content : unpack_in_order(parcels)) {
    now = std::max(now, content.logged_at);
    if (const auto* payment = std::get_if<Payment>(&content.entry)) {
      outputs.push_back(decide(*payment, content.offset, content.late, content.row));
    } else if (const auto* feedback = std::get_if<Feedback>(&content.entry)) {
      features_.apply_customer(*feedback);
    } else {
      outputs.push_back(reject_output(std::get<EventFault>(content.entry), content.original,
                                      content.original_bytes, content.partition, content.offset));
    }
  }
  if (customer_id < 0) return outputs;
  state = begin_state(version_, now);
  put_text(state, features_.serialize_customer(customer_id));
  features_.restore_customer(customer_id, {});
  return outputs;
}

}  // namespace weir
