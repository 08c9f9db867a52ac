#include "core/beliefs/answer_estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr int kMostRounds = 50;
constexpr double kSettled = 1e-3;
constexpr std::uint64_t kLeastAnswers = 100;
constexpr double kFirstWrongDenial = 0.005;
constexpr double kFirstFraudPasses = 0.01;
/// No card is above suspicion.
constexpr double kLeastCardFraud = 1e-6;

/// Mistakes are counted among payments whose card is suspected less than this. What is challenged
/// for its card is often what the model errs on, and errors on that side would hide mistakes: with
/// all payments the share came out a fifth too low. From .001 to .05 it is the same.
constexpr double kUnsuspected = 0.01;

enum class Said : std::uint8_t { kConfirmed, kDenied, kFraud };

/// What is known of one payment: its answer, or that it was a fraud.
struct Evidence {
  std::int64_t terminal = 0;
  Seconds time = 0;
  std::int64_t id = 0;
  double card = 0;  // P(fraud of its card), as the decision saw it.
  Said said = Said::kConfirmed;
  bool counts = false;  // An answer, not a chargeback alone.
};

/// Expected mistakes and their share of the information about the rate.
struct Round {
  double wrong = 0;  // Of all denials.
  double fraud_denied = 0;
  double unsuspected_wrong = 0;
  double information = 0;
};

/// Forward and backward over one terminal's evidence, in time order.
void expect(std::span<const Evidence> all,
            const ChainRates& chain,
            double passes,
            double wrong,
            Round& round) {
  const double stationary = chain.stationary();
  const double rate = chain.starts_per_day.value + chain.ends_per_day.value;
  const double compromised = chain.compromised_fraud.value;
  struct Step {
    double likelihood[2] = {1, 1};  // Of the evidence, in a sound and a compromised terminal.
    double fraud[2] = {0, 0};
    double predicted = 0;  // P(compromised | evidence before).
    double kept = 1;       // Of the state since the step before.
  };
  std::vector<Step> steps(all.size());
  double belief = stationary;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Step& step = steps[i];
    if (i > 0) {
      const auto seconds = static_cast<double>(all[i].time - all[i - 1].time);
      step.kept = std::exp(-rate * seconds / kSecondsPerDay);
      belief = stationary + (belief - stationary) * step.kept;
    }
    step.predicted = belief;
    step.fraud[0] = all[i].card;
    step.fraud[1] = 1 - (1 - compromised) * (1 - all[i].card);
    for (int state = 0; state < 2; ++state) {
      const double fraud = step.fraud[state];
      switch (all[i].said) {
        case Said::kConfirmed:
          step.likelihood[state] = (1 - fraud) * (1 - wrong);
          break;
        case Said::kDenied:
          step.likelihood[state] = fraud * (1 - passes) + (1 - fraud) * wrong;
          break;
        case Said::kFraud:
          step.likelihood[state] = fraud;
          break;
      }
    }
    const double one = belief * step.likelihood[1];
    belief = one / (one + (1 - belief) * step.likelihood[0]);
  }
  double later[2] = {1, 1};  // P(evidence after this step | state), scaled.
  for (std::size_t i = all.size(); i-- > 0;) {
    const Step& step = steps[i];
    const double here[2] = {(1 - step.predicted) * step.likelihood[0] * later[0],
                            step.predicted * step.likelihood[1] * later[1]};
    if (all[i].counts && all[i].said == Said::kDenied) {
      double mistaken = 0;
      for (int state = 0; state < 2; ++state) {
        mistaken += here[state] / (here[0] + here[1]) * (1 - step.fraud[state]) * wrong /
                    step.likelihood[state];
      }
      round.wrong += mistaken;
      round.fraud_denied += 1 - mistaken;
      if (all[i].card < kUnsuspected) {
        round.unsuspected_wrong += mistaken;
        round.information += (mistaken / wrong) * (mistaken / wrong);
      }
    }
    const double sound = step.likelihood[0] * later[0];
    const double bad = step.likelihood[1] * later[1];
    const double mixed = stationary * bad + (1 - stationary) * sound;
    later[0] = step.kept * sound + (1 - step.kept) * mixed;
    later[1] = step.kept * bad + (1 - step.kept) * mixed;
    const double scale = 1 / (later[0] + later[1]);
    later[0] *= scale;
    later[1] *= scale;
  }
}

/// A share with half a case more on either side: none seen is not none.
double share_of(double part, double whole) { return (part + 0.5) / (whole + 1); }

Estimate estimate_of(double part, double whole) {
  const double value = share_of(part, whole);
  const double spread = 1.96 * std::sqrt(value * (1 - value) / (whole + 1));
  return {value, std::max(0.0, value - spread), std::min(1.0, value + spread)};
}

}  // namespace

AnswerEstimate estimate_answers(std::span<const Feedback> feedback,
                                const BeliefRates& rates,
                                Seconds label_delay,
                                Seconds until) {
  std::unordered_map<std::int64_t, bool> charged_back;  // By payment; whether it was asked about.
  for (const Feedback& one : feedback) {
    if (one.known_at < until && one.source == OutcomeSource::kChargeback &&
        one.outcome == Outcome::kFraud) {
      charged_back.emplace(one.payment.transaction_id, false);
    }
  }
  AnswerEstimate found;
  std::vector<Evidence> evidence;
  std::unordered_set<std::int64_t> seen;           // An answer that came twice counts once.
  double answered = 0, confirmed = 0, passed = 0;  // Confirmed: where the card was unsuspected.
  const auto add = [&](const Feedback& one, Said said, bool counts) {
    const double card =
        one.beliefs.known() ? one.beliefs.card : static_cast<float>(rates.average_card_fraud());
    evidence.push_back({one.payment.terminal_id, one.payment.event_time, one.payment.transaction_id,
                        std::clamp(card, kLeastCardFraud, 0.999), said, counts});
  };
  for (const Feedback& one : feedback) {
    if (one.known_at >= until || one.source != OutcomeSource::kChallenge) continue;
    const bool old_enough = one.payment.event_time + label_delay < until;
    if (!old_enough || !seen.insert(one.payment.transaction_id).second) continue;
    ++found.asked;
    if (one.outcome == Outcome::kUnanswered) continue;
    ++answered;
    if (one.outcome == Outcome::kFraud) {
      ++found.denied;
      add(one, Said::kDenied, true);
      continue;
    }
    const auto charged = charged_back.find(one.payment.transaction_id);
    if (charged != charged_back.end()) charged->second = true;
    const bool fraud = charged != charged_back.end();
    add(one, fraud ? Said::kFraud : Said::kConfirmed, true);
    passed += fraud;
    confirmed += !fraud && evidence.back().card < kUnsuspected;
  }
  if (answered < kLeastAnswers) {
    throw Error(
        fmt::format("feedback: {} answers to challenges whose chargebacks would be known, wanted "
                    "{}; give a longer period, or leave the feedback out and tell the shares",
                    answered, kLeastAnswers));
  }
  for (const Feedback& one : feedback) {
    const auto charged = charged_back.find(one.payment.transaction_id);
    if (one.source != OutcomeSource::kChargeback || charged == charged_back.end()) continue;
    if (!std::exchange(charged->second, true)) add(one, Said::kFraud, false);
  }
  std::sort(evidence.begin(), evidence.end(), [](const Evidence& one, const Evidence& other) {
    return std::tie(one.terminal, one.time, one.id) <
           std::tie(other.terminal, other.time, other.id);
  });
  double wrong = kFirstWrongDenial;
  double passes = kFirstFraudPasses;
  Round round;
  for (int i = 0; i < kMostRounds; ++i) {
    round = {};
    for (std::size_t begin = 0; begin < evidence.size();) {
      std::size_t end = begin;
      while (end < evidence.size() && evidence[end].terminal == evidence[begin].terminal) ++end;
      expect(std::span(evidence).subspan(begin, end - begin), rates.terminal, passes, wrong, round);
      begin = end;
    }
    const double before = wrong;
    wrong = share_of(round.unsuspected_wrong, round.unsuspected_wrong + confirmed);
    passes = share_of(passed, passed + round.fraud_denied);
    if (std::abs(wrong - before) <= kSettled * before) break;
  }
  found.wrongly_denied = round.wrong;
  // Who passes is no cardholder; of the frauds that nobody answered none passed.
  found.rates.answered = estimate_of(answered - passed, static_cast<double>(found.asked) - passed);
  found.rates.fraud_passes =
      estimate_of(passed, passed + round.fraud_denied / found.rates.answered.value);
  // With hardly a denial there is hardly information; half a case is what the value stands on.
  const double information = round.information + confirmed + 0.5 / (wrong * wrong);
  const double spread = 1.96 / std::sqrt(information);
  found.rates.wrong_denial = {wrong, std::max(0.0, wrong - spread), std::min(1.0, wrong + spread)};
  return found;
}

}  // namespace weir
