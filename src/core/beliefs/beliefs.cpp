#include "core/beliefs/beliefs.h"

#include <algorithm>

#include "core/beliefs/composition.h"
#include "core/transaction/byte_io.h"

namespace weir {
namespace {

/// A model is never so sure that a fraud could not be the card's.
constexpr double kLeastCardFraud = 1e-4;
/// A fraud of a key that was believed compromised with this probability tells nothing new.
constexpr double kNoNews = 0.5;

void put(std::string& bytes, const KeyBelief& belief) {
  for (const ChainFilter* filter : {&belief.slow, &belief.fast}) {
    put_bytes(bytes, filter->time);
    put_bytes(bytes, filter->probability);
    put_bytes(bytes, filter->since);
  }
  put_bytes(bytes, belief.last_denial);
}

KeyBelief get(ByteReader& reader) {
  KeyBelief belief;
  for (ChainFilter* filter : {&belief.slow, &belief.fast}) {
    filter->time = reader.get<Seconds>();
    filter->probability = reader.get<double>();
    filter->since = reader.get<Seconds>();
  }
  belief.last_denial = reader.get<Seconds>();
  return belief;
}

}  // namespace

void KeyBeliefs::learn(
    std::int64_t id, Seconds time, Outcome outcome, OutcomeSource source, Likelihood likelihood) {
  if (outcome == Outcome::kUnanswered) return;
  KeyBelief& belief = table_[id];
  if (belief.slow.time == 0) belief.slow = {1, rates_.stationary()};
  const bool answer = source == OutcomeSource::kChallenge || source == OutcomeSource::kAnalyst;
  if (answer) {
    if (!belief.is_fast()) belief.fast = belief.slow;
    belief.fast.update(rates_, time, likelihood);
    if (outcome == Outcome::kFraud) belief.last_denial = std::max(belief.last_denial, time);
    return;
  }
  // The past has caught up with the answers: it goes on from what they said.
  if (belief.is_fast() && time >= belief.fast.time) belief.slow = belief.fast;
  const bool news = belief.slow.predicted(rates_, time) < kNoNews;
  belief.slow.update(rates_, time, likelihood);
  // Answers are newer than a label of days ago, and a genuine one of then says nothing more. A
  // fraud does, unless the compromise was known then, or an answer since has told of it: the
  // hundreds of frauds of one compromise are one piece of evidence about today, not hundreds.
  if (news && belief.is_fast() && outcome == Outcome::kFraud && belief.last_denial < time) {
    belief.fast.update(rates_, time, likelihood);
  }
}

std::string KeyBeliefs::serialize(std::int64_t id) const {
  std::string bytes;
  if (const KeyBelief* belief = table_.find(id)) put(bytes, *belief);
  return bytes;
}

void KeyBeliefs::restore(std::int64_t id, std::string_view bytes) {
  ByteReader reader(bytes);
  table_[id] = get(reader);
}

void KeyBeliefs::append_snapshot(std::string& bytes) const {
  put_bytes(bytes, static_cast<std::uint64_t>(table_.size()));
  for (const std::int64_t id : table_.sorted_ids()) {
    put_bytes(bytes, id);
    put(bytes, *table_.find(id));
  }
}

void KeyBeliefs::restore_snapshot(ByteReader& reader) {
  table_ = {};
  const auto count = reader.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto id = reader.get<std::int64_t>();
    table_[id] = get(reader);
  }
}

Feedback Beliefs::attributed(Feedback feedback) const {
  if (!feedback.beliefs.known() || feedback.source != OutcomeSource::kChargeback) return feedback;
  const double terminal = rates_.terminal.compromised_fraud.value *
                          terminals_.at(feedback.payment.terminal_id, feedback.payment.event_time);
  feedback.beliefs.terminal = std::max(feedback.beliefs.terminal, static_cast<float>(terminal));
  return feedback;
}

void Beliefs::learn_terminal(const Feedback& feedback) {
  const DecisionBeliefs& known = feedback.beliefs;
  const double card = known.known() ? std::max<double>(known.card, kLeastCardFraud)
                                    : rates_.terminal.sound_fraud.value;
  const double fraud = 1 - (1 - rates_.terminal.compromised_fraud.value) * (1 - card);
  terminals_.learn(feedback.payment.terminal_id, feedback.payment.event_time, feedback.outcome,
                   feedback.source,
                   {said(feedback, fraud, 1 - fraud), said(feedback, card, 1 - card)});
}

void Beliefs::learn_customer(const Feedback& feedback) {
  const DecisionBeliefs& known = feedback.beliefs;
  const double taken_over = rates_.customer.compromised_fraud.value;
  const double sound = rates_.customer.sound_fraud.value;
  CardEvidence card{taken_over, sound};
  double terminal = rates_.terminal.stationary() * rates_.terminal.compromised_fraud.value;
  if (known.known()) {
    card = card_evidence(rates_, known.model, known.takeover);
    terminal = known.terminal;
  }
  // A payment that is no fraud of the card may still be one of the terminal.
  const auto likelihood = [&](double fraud, double not_card) {
    return said(feedback, fraud + not_card * terminal, not_card * (1 - terminal));
  };
  customers_.learn(
      feedback.payment.customer_id, feedback.payment.event_time, feedback.outcome, feedback.source,
      {likelihood(card.taken_over, 1 - taken_over), likelihood(card.sound, 1 - sound)});
}

/// The likelihood of what was said of a payment that is fraud and genuine with these likelihoods.
double Beliefs::said(const Feedback& feedback, double fraud, double genuine) const {
  double if_fraud = feedback.outcome == Outcome::kFraud ? 1 : 0;
  double if_genuine = 1 - if_fraud;
  if (feedback.source == OutcomeSource::kChallenge) {
    const double passes = rates_.answers.fraud_passes.value;
    const double wrong = rates_.answers.wrong_denial.value;
    if_fraud = feedback.outcome == Outcome::kFraud ? 1 - passes : passes;
    if_genuine = feedback.outcome == Outcome::kFraud ? wrong : 1 - wrong;
  }
  return fraud * if_fraud + genuine * if_genuine;
}

void Beliefs::append_snapshot(std::string& bytes) const {
  terminals_.append_snapshot(bytes);
  customers_.append_snapshot(bytes);
}

void Beliefs::restore_snapshot(ByteReader& reader) {
  terminals_.restore_snapshot(reader);
  customers_.restore_snapshot(reader);
}

}  // namespace weir
