#include "core/simulation/simulator.h"

#include <algorithm>
#include <cmath>

#include "core/simulation/subject.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

const SimulationSpec& validated(const SimulationSpec& spec) {
  spec.validate();
  return spec;
}

}  // namespace

Simulator::Simulator(const SimulationSpec& spec)
    : spec_(validated(spec)), population_(spec), episodes_(spec) {}

/// Whether this payment of a compromised terminal is one of the frauds.
bool Simulator::terminal_fraud(const SimulatedPayment& payment,
                               std::int64_t day,
                               int number) const {
  return unit_interval(hash64(hash64(spec_.seed, payment.customer, payment.terminal),
                              static_cast<std::uint64_t>(day),
                              static_cast<std::uint64_t>(number))) < spec_.terminal_fraud_share;
}

void Simulator::append_customer_day(std::int64_t customer,
                                    std::int64_t day,
                                    std::vector<SimulatedPayment>& payments) const {
  const auto terminals = population_.terminals_of(customer);
  if (terminals.empty()) return;
  const Population::Customer& habits = population_.customer(customer);
  Draws draws = draws_of(spec_.seed, Subject::kCustomerDay, customer, day);
  const int count = draws.poisson(habits.mean_payments, habits.exp_minus_mean);
  for (int i = 0; i < count; ++i) {
    const double second = 43'200 + 20'000 * draws.normal();
    double amount = habits.mean_amount * (1 + 0.5 * draws.normal());
    if (amount < 0) amount = 2 * habits.mean_amount * draws.uniform();
    const std::uint32_t terminal = terminals[draws.below(terminals.size())];
    // The band of one second past the day's last is the course's `24:00:00`: it holds as many
    // payments as the real files do (100 of 47 M). The multiplier makes it wider.
    const bool inside = second >= 1 && second < 86'400;
    if (!inside && !(second >= 86'400 && second < 86'400 + spec_.defects)) continue;
    SimulatedPayment payment;
    payment.amount_minor = std::llround(amount * 100);
    payment.customer = static_cast<std::uint32_t>(customer);
    payment.terminal = terminal;
    payment.second = inside ? static_cast<std::int32_t>(second) : 86'400;
    const Seconds time = spec_.start + day * kSecondsPerDay + payment.second;
    if (payment.amount_minor > kLargestGenuineAmountMinor) payment.scenario = 1;
    if (episodes_.terminal_compromised(terminal, time) &&
        (spec_.terminal_fraud_share >= 1 || terminal_fraud(payment, day, i))) {
      payment.scenario = 2;
    }
    payments.push_back(payment);
  }
}

/// Marks this day's share of the episode's compromised third. Which payments those are depends on
/// all of the episode's days, which are drawn again here rather than remembered.
void Simulator::compromise(const Episode& episode,
                           std::int64_t day,
                           std::vector<SimulatedPayment>& payments,
                           std::size_t first_of_customer) const {
  struct Candidate {
    std::uint64_t rank;
    std::int64_t day;
    std::size_t index;  // In the customer's day.
  };
  const auto day_of = [&](Seconds time) { return (time - spec_.start) / kSecondsPerDay; };
  const std::int64_t first_day = std::max<std::int64_t>(0, day_of(episode.from) - 1);
  const std::int64_t last_day = std::min(spec_.days - 1, day_of(episode.until));
  std::vector<Candidate> candidates;
  std::vector<SimulatedPayment> of_day;
  for (std::int64_t each = first_day; each <= last_day; ++each) {
    of_day.clear();
    append_customer_day(episode.key, each, of_day);
    Draws ranks = draws_of(hash64(spec_.seed, static_cast<std::uint64_t>(episode.from)),
                           Subject::kCompromisedThird, episode.key, each);
    for (std::size_t i = 0; i < of_day.size(); ++i) {
      const std::uint64_t rank = ranks.bits();
      if (!episode.holds(spec_.start + each * kSecondsPerDay + of_day[i].second)) continue;
      candidates.push_back({rank, each, i});
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& left, const Candidate& right) { return left.rank < right.rank; });
  candidates.resize(candidates.size() / 3);
  for (const Candidate& candidate : candidates) {
    if (candidate.day != day) continue;
    SimulatedPayment& payment = payments[first_of_customer + candidate.index];
    payment.amount_minor *= 5;
    payment.scenario = 3;
  }
}

std::vector<SimulatedPayment> Simulator::payments(std::int64_t day,
                                                  std::int64_t begin,
                                                  std::int64_t end) const {
  WEIR_CHECK(0 <= day && day < spec_.days && 0 <= begin && end <= spec_.customers);
  const Seconds midnight = spec_.start + day * kSecondsPerDay;
  // To the next midnight included, for `24:00:00`.
  const auto compromised =
      episodes_.of_customers(begin, end, midnight, midnight + kSecondsPerDay + 1);
  auto episode = compromised.begin();
  std::vector<SimulatedPayment> payments;
  for (std::int64_t customer = begin; customer < end; ++customer) {
    const std::size_t first = payments.size();
    append_customer_day(customer, day, payments);
    for (; episode != compromised.end() && episode->key == customer; ++episode) {
      compromise(*episode, day, payments, first);
    }
  }
  if (spec_.order == RowOrder::kTime) {
    std::stable_sort(payments.begin(), payments.end(),
                     [](const SimulatedPayment& left, const SimulatedPayment& right) {
                       return left.second < right.second;
                     });
  }
  return payments;
}

}  // namespace weir
