#include "core/replay/cardholders.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

enum Draw : std::uint64_t { kAnswers = 1, kPasses, kDenies, kDelay };

void require_share(std::string_view flag, double value) {
  if (value >= 0 && value <= 1) return;
  throw UsageError(fmt::format("--{} is {}, wanted a share from 0 to 1", flag, value));
}

void require_delay(std::string_view flag, Seconds value) {
  if (value >= 1) return;
  throw UsageError(fmt::format("--{} is {} s, wanted at least 1 s", flag, value));
}

}  // namespace

void FeedbackSettings::validate() const {
  require_share("answered", answered);
  require_share("fraud-passes", fraud_passes);
  require_share("wrong-denial", wrong_denial);
  require_delay("answer-delay", answer_delay);
  require_delay("label-delay", label_delay);
}

CardholderAnswer ask_cardholder(const FeedbackSettings& settings,
                                std::int64_t transaction_id,
                                bool is_fraud) {
  const auto chance = [&](Draw draw) {
    return unit_interval(hash64(settings.seed, static_cast<std::uint64_t>(transaction_id), draw));
  };
  CardholderAnswer answer;
  answer.delay = settings.answer_delay;
  if (settings.answer_law == AnswerLaw::kExponential) {
    answer.delay = std::max<Seconds>(
        1, std::llround(-std::log1p(-chance(kDelay)) * static_cast<double>(settings.answer_delay)));
  }
  if (is_fraud && chance(kPasses) < settings.fraud_passes) {
    answer.outcome = Outcome::kGenuine;
    answer.executed = true;
  } else if (chance(kAnswers) < settings.answered) {
    const bool denies = is_fraud || chance(kDenies) < settings.wrong_denial;
    answer.outcome = denies ? Outcome::kFraud : Outcome::kGenuine;
    answer.executed = !denies;
  }
  return answer;
}

}  // namespace weir
