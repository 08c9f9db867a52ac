#include "core/pipeline/pipeline.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>
#include <utility>

#include "core/decision/policy.h"
#include "core/pipeline/payment_hash.h"
#include "core/transaction/byte_io.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr std::string_view kMagic = "WEIRPIPE";
constexpr std::uint32_t kFormatVersion = 5;

void put_entry(std::string& bytes, const DecisionMemory::Entry& entry) {
  const Decision& decision = entry.decision;
  put_bytes(bytes, decision.position);
  put_bytes(bytes, decision.transaction_id);
  put_bytes(bytes, static_cast<std::uint8_t>(decision.action));
  put_bytes(bytes, static_cast<std::uint8_t>(decision.cause));
  put_bytes(bytes, static_cast<std::uint8_t>(decision.review));
  put_bytes(bytes, static_cast<std::uint8_t>(decision.late));
  put_bytes(bytes, decision.margin);
  put_bytes(bytes, decision.score);
  put_bytes(bytes, decision.probability);
  put_bytes(bytes, decision.beliefs.model);
  put_bytes(bytes, decision.beliefs.takeover);
  put_bytes(bytes, decision.beliefs.card);
  put_bytes(bytes, decision.beliefs.terminal);
  put_bytes(bytes, decision.audit_probability);
  put_bytes(bytes, entry.payment_hash);
  put_bytes(bytes, entry.logged_at);
}

DecisionMemory::Entry get_entry(ByteReader& reader) {
  DecisionMemory::Entry entry;
  Decision& decision = entry.decision;
  decision.position = reader.get<std::uint64_t>();
  decision.transaction_id = reader.get<std::int64_t>();
  decision.action = static_cast<Action>(reader.get<std::uint8_t>());
  decision.cause = static_cast<Cause>(reader.get<std::uint8_t>());
  decision.review = reader.get<std::uint8_t>() != 0;
  decision.late = reader.get<std::uint8_t>() != 0;
  decision.margin = reader.get<float>();
  decision.score = reader.get<float>();
  decision.probability = reader.get<double>();
  decision.beliefs.model = reader.get<float>();
  decision.beliefs.takeover = reader.get<float>();
  decision.beliefs.card = reader.get<float>();
  decision.beliefs.terminal = reader.get<float>();
  decision.audit_probability = reader.get<float>();
  entry.payment_hash = reader.get<std::uint64_t>();
  entry.logged_at = reader.get<Seconds>();
  return entry;
}

}  // namespace

Pipeline::Pipeline(const Bundle& bundle, PipelineOptions options)
    : options_(std::move(options)),
      version_(bundle.manifest.version),
      calibration_(bundle.calibration),
      features_(bundle.features),
      scorer_(Forest::parse_ubj(bundle.forest_ubj, version_ + "/forest.ubj")),
      row_(bundle.features.size()) {
  if (bundle.beliefs_toml.empty()) {
    policy_ = Policy::parse(bundle.policy_toml, version_ + "/policy.toml");
  } else {
    if (bundle.features.needs_outcomes()) {
      throw Error(fmt::format(
          "bundle {}: has beliefs and a feature that looks at outcomes, which would count twice; "
          "train it on a spec without them, such as \"card\"",
          version_));
    }
    loop_.emplace(BeliefRates::parse(bundle.beliefs_toml, version_ + "/beliefs.toml"),
                  MoneyPolicy::parse(bundle.policy_toml, version_ + "/policy.toml"));
    controller_.emplace(loop_->policy(), loop_->beliefs().rates().answers,
                        bundle.manifest.label_delay);
  }
  if (scorer_.feature_count() != row_.size()) {
    throw Error(
        fmt::format("bundle {}: the forest reads {} features, features.toml has {}; train it again",
                    version_, scorer_.feature_count(), row_.size()));
  }
}

std::variant<Decision, Reject> Pipeline::apply(const RawPayment& payment, Seconds logged_at) {
  auto cleaned = clean(payment, options_.cleaning);
  if (auto* reject = std::get_if<Reject>(&cleaned)) {
    ++position_;
    return std::move(*reject);
  }
  return apply(std::get<CleanedPayment>(cleaned).payment, logged_at);
}

std::variant<Decision, Reject> Pipeline::apply(const Payment& payment, Seconds logged_at) {
  return run(payment, logged_at, true);
}

void Pipeline::prefetch(std::size_t number, const Payment& payment, LoadStep step) {
  Coming& coming = coming_[number % kLoadedAhead];
  if (step == LoadStep::kSlots) {
    coming = {payment.transaction_id, false, {}};
    memory_.prefetch(payment.transaction_id);
    if (loop_) loop_->prefetch(payment);
  }
  features_.prefetch(payment, step, coming.histories);
  coming.loaded = step == LoadStep::kQueues;
}

void Pipeline::prefetch_unless_loaded(const Payment& payment) {
  for (Coming& coming : coming_) {
    if (coming.loaded && coming.transaction_id == payment.transaction_id) {
      coming.loaded = false;
      return;
    }
  }
  // Three look-ups far apart in memory: started together they cost little more than one.
  memory_.prefetch(payment.transaction_id);
  features_.prefetch(payment);
  if (loop_) loop_->prefetch(payment);
}

std::variant<Decision, Reject> Pipeline::apply_executed(const Payment& payment, Seconds logged_at) {
  return run(payment, logged_at, false);
}

std::variant<Decision, Reject> Pipeline::run(const Payment& payment,
                                             Seconds logged_at,
                                             bool decides) {
  const std::uint64_t position = position_++;
  prefetch_unless_loaded(payment);
  memory_.forget(logged_at - options_.duplicate_window);
  const std::uint64_t hash = payment_hash(payment);
  if (const auto* known = memory_.find(payment.transaction_id)) {
    if (known->payment_hash != hash) {
      return duplicate_id(payment);
    }
    Decision repeated = known->decision;
    repeated.repeated = true;
    return repeated;
  }
  if (payment.event_time > logged_at + options_.max_future_skew) {
    return time_in_future(payment);
  }
  const std::uint64_t late_before = features_.counters().late + features_.counters().too_late;
  features_.apply(payment, row_);
  const float margin = scorer_.margin(row_.data());
  const double probability = calibration_.probability(margin);
  Decision decision;
  if (loop_) {
    decision = decides ? loop_->decide(payment, {margin, probability})
                       : loop_->score(payment, {margin, probability});
    if (decides) controller_->observe(decision);
  } else {
    decision.transaction_id = payment.transaction_id;
    decision.probability = probability;
    decision.score = margin;
    decision.action = policy_.decide(margin);
  }
  decision.position = position;
  decision.margin = margin;
  decision.late = features_.counters().late + features_.counters().too_late != late_before;
  memory_.insert({decision, hash, logged_at});
  return decision;
}

void Pipeline::apply(const Feedback& feedback) {
  ++position_;
  // Features that look at no outcome need none.
  if (!loop_) return features_.apply(feedback);
  Feedback told = feedback;
  const auto* decided = memory_.find(feedback.payment.transaction_id);
  if (!feedback.beliefs.known() && decided != nullptr) {
    told.beliefs = decided->decision.beliefs;
    told.challenged = decided->decision.action == Action::kChallenge;
  }
  loop_->apply(told);
  controller_->observe(told);
}

void Pipeline::apply(const Control& control) {
  ++position_;
  if (!loop_) return;
  controller_->accept(control);
  loop_->apply(control);
}

std::optional<Control> Pipeline::control_due(Seconds logged_at) const {
  if (!controller_ || !controller_->due(logged_at)) return std::nullopt;
  return controller_->proposed(logged_at);
}

std::string Pipeline::snapshot() const {
  std::string bytes(kMagic);
  put_bytes(bytes, kFormatVersion);
  put_bytes(bytes, static_cast<std::uint32_t>(version_.size()));
  bytes += version_;
  put_bytes(bytes, position_);
  put_bytes(bytes, static_cast<std::uint64_t>(memory_.size()));
  for (const auto& entry : memory_.entries()) put_entry(bytes, entry);
  const std::string features = features_.snapshot();
  put_bytes(bytes, static_cast<std::uint64_t>(features.size()));
  bytes += features;
  if (loop_) {
    loop_->append_snapshot(bytes);
    controller_->append_snapshot(bytes);
  }
  put_bytes(bytes, static_cast<std::uint64_t>(XXH3_64bits(bytes.data(), bytes.size())));
  return bytes;
}

Pipeline Pipeline::restore(const Bundle& bundle, std::string_view bytes, PipelineOptions options) {
  if (bytes.size() < kMagic.size() + 8 || !bytes.starts_with(kMagic)) {
    throw Error(
        "snapshot: these bytes are no weir snapshot; restore another one and replay the log");
  }
  std::uint64_t checksum;
  std::memcpy(&checksum, bytes.data() + bytes.size() - 8, 8);
  bytes.remove_suffix(8);
  if (XXH3_64bits(bytes.data(), bytes.size()) != checksum) {
    throw Error(
        "snapshot: damaged (its checksum differs); restore an older snapshot and replay the log");
  }
  ByteReader reader(bytes.substr(kMagic.size()));
  const auto format = reader.get<std::uint32_t>();
  if (format != kFormatVersion) {
    throw Error(fmt::format("snapshot: format {}, this build reads {}; replay the log instead",
                            format, kFormatVersion));
  }
  const std::string_view version = reader.take(reader.get<std::uint32_t>());
  if (version != bundle.manifest.version) {
    throw Error(
        fmt::format("snapshot: taken under bundle {}, this is bundle {}; replay the log instead",
                    version, bundle.manifest.version));
  }
  Pipeline pipeline(bundle, std::move(options));
  pipeline.position_ = reader.get<std::uint64_t>();
  const auto remembered = reader.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < remembered; ++i) pipeline.memory_.insert(get_entry(reader));
  const auto feature_bytes = reader.get<std::uint64_t>();
  pipeline.features_ =
      FeatureEngine::restore(bundle.features, reader.take(feature_bytes), "snapshot");
  if (pipeline.loop_) {
    pipeline.loop_->restore_snapshot(reader);
    pipeline.controller_->restore_snapshot(reader);
  }
  return pipeline;
}

}  // namespace weir
