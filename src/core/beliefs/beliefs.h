#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/beliefs/chain_filter.h"
#include "core/beliefs/rates.h"
#include "core/transaction/id_table.h"
#include "core/transaction/payment.h"

namespace weir {

/// What outcomes say of one key.
///
/// Outcomes come on two clocks: chargebacks and matured payments after a label delay of days, in
/// the order of their payments; answers of challenged cardholders and of analysts within minutes.
/// `slow` follows the first along their own past. `fast` starts from it at the first answer newer
/// than that past and is what counts until `slow` has caught up with it.
struct KeyBelief {
  ChainFilter slow;
  ChainFilter fast;
  Seconds last_denial = 0;  ///< Time of the newest payment that an answer called fraud.

  /// The newest evidence came as an answer.
  bool is_fast() const { return fast.time > slow.time; }
  const ChainFilter& newest() const { return is_fast() ? fast : slow; }

  friend bool operator==(const KeyBelief&, const KeyBelief&) = default;
};

/// The beliefs about all keys of one kind, changed by feedback only. The state is keyed: no key
/// reads or writes another's.
class KeyBeliefs {
 public:
  explicit KeyBeliefs(const ChainRates& rates) : rates_(rates) {}

  /// P(compromised) of `id` at `time`.
  double at(std::int64_t id, Seconds time) const {
    const KeyBelief* belief = table_.find(id);
    if (belief == nullptr) return rates_.stationary();
    return belief->newest().predicted(rates_, time);
  }
  /// The hazard a day that a compromise of `id` ends at `time`.
  double end_hazard(std::int64_t id, Seconds time) const {
    const KeyBelief* belief = table_.find(id);
    return belief == nullptr ? rates_.ends_per_day.value
                             : belief->newest().end_hazard(rates_, time);
  }

  /// Takes in what `source` said about a payment of `id` at `time`; kUnanswered says nothing.
  void learn(
      std::int64_t id, Seconds time, Outcome outcome, OutcomeSource source, Likelihood likelihood);

  void prefetch(std::int64_t id) const { table_.prefetch(id); }
  const ChainRates& rates() const { return rates_; }
  std::size_t size() const { return table_.size(); }
  std::size_t memory_bytes() const { return table_.memory_bytes(); }

  /// Of one key; empty for an unknown one.
  std::string serialize(std::int64_t id) const;
  void restore(std::int64_t id, std::string_view bytes);
  /// All keys in order of their ids.
  void append_snapshot(std::string& bytes) const;
  /// Takes what append_snapshot wrote off `reader`.
  void restore_snapshot(class ByteReader& reader);

 private:
  ChainRates rates_;
  IdTable<KeyBelief> table_;
};

/// Beliefs about terminals and customers.
///
/// A fraud may be the terminal's or the card's doing. How likely each is, the decision knew when it
/// was made, and the feedback carries it (Feedback::beliefs); without it the rates' averages stand
/// in. A challenge's answer may be wrong: frauds that pass and genuine payments that are denied are
/// part of the likelihoods.
class Beliefs {
 public:
  explicit Beliefs(const BeliefRates& rates)
      : rates_(rates), terminals_(rates.terminal), customers_(rates.customer) {}

  const BeliefRates& rates() const { return rates_; }
  /// From now on challenges are taken to be answered, and passed by frauds, this often.
  void learn_answers(double answered, double fraud_passes) {
    rates_.answers.answered.value = answered;
    rates_.answers.fraud_passes.value = fraud_passes;
  }
  const KeyBeliefs& terminals() const { return terminals_; }
  const KeyBeliefs& customers() const { return customers_; }

  void apply(const Feedback& feedback) {
    const Feedback attributed_feedback = attributed(feedback);
    learn_terminal(attributed_feedback);
    learn_customer(attributed_feedback);
  }
  /// What ingest makes of feedback: a chargeback comes days later, when more is known of the
  /// terminal than the decision knew.
  Feedback attributed(Feedback feedback) const;
  /// The two halves of apply, for state partitioned by key; of attributed feedback.
  void learn_terminal(const Feedback& feedback);
  void learn_customer(const Feedback& feedback);

  void append_snapshot(std::string& bytes) const;
  void restore_snapshot(class ByteReader& reader);

 private:
  double said(const Feedback& feedback, double fraud, double genuine) const;

  BeliefRates rates_;
  KeyBeliefs terminals_;
  KeyBeliefs customers_;
};

}  // namespace weir
