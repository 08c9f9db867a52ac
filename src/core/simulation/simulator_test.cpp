#include "core/simulation/simulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace weir {
namespace {

/// A few thousand payments with many episodes.
SimulationSpec busy() {
  SimulationSpec spec = SimulationSpec::preset("course-small");
  spec.customers = 200;
  spec.terminals = 30;
  spec.days = 40;
  spec.terminal_starts_per_day = 0.2;
  spec.customer_starts_per_day = 1;
  return spec;
}

std::vector<SimulatedPayment> all_of(const Simulator& simulator, std::int64_t day) {
  return simulator.payments(day, 0, simulator.spec().customers);
}

/// A value of the handbook's published data set and ours differ by both their sampling errors.
void expect_near_handbook(std::int64_t ours, std::int64_t handbook, double standard_deviation) {
  EXPECT_NEAR(static_cast<double>(ours), static_cast<double>(handbook),
              4 * std::sqrt(2) * standard_deviation);
}

TEST(Simulator, MeetsTheHandbooksTotals) {
  const Simulator simulator(SimulationSpec::preset("handbook"));
  std::array<std::int64_t, 4> by_scenario{};
  std::int64_t largest_genuine = 0;
  for (std::int64_t day = 0; day < simulator.spec().days; ++day) {
    for (const SimulatedPayment& payment : all_of(simulator, day)) {
      ++by_scenario[static_cast<std::size_t>(payment.scenario)];
      if (payment.scenario == 0) {
        largest_genuine = std::max(largest_genuine, payment.amount_minor);
      }
    }
  }
  const auto& [genuine, large, terminal, customer] = by_scenario;
  // A customer makes 183 · .9692 · U(0, 4) payments: deviation 205 around 355.
  const double rows_deviation = 183 * 0.9692 * 4 / std::sqrt(12) * std::sqrt(5'000);
  const std::int64_t rows = genuine + large + terminal + customer;
  expect_near_handbook(rows, 1'754'155, rows_deviation);
  EXPECT_NEAR(static_cast<double>(rows), 5'000 * 183 * 2 * 0.9692, 4 * rows_deviation);
  // Rests on the few hundred customers of the highest mean amounts.
  expect_near_handbook(large, 973, 100);
  // 364 episodes of about 25 payments, deviation about 8; 546 of about 8.5, deviation about 6.
  expect_near_handbook(terminal, 9'077, 8 * std::sqrt(364));
  expect_near_handbook(customer, 4'631, 6 * std::sqrt(546));
  EXPECT_LE(largest_genuine, 220'00);
  EXPECT_GT(largest_genuine, 219'00);
}

TEST(Simulator, APartIsTheSameAloneAndAmongOthers) {
  for (const RowOrder order : {RowOrder::kCustomer, RowOrder::kTime}) {
    SimulationSpec spec = busy();
    spec.order = order;
    const Simulator simulator(spec);
    const Simulator again(spec);
    for (const std::int64_t day : {39, 0, 17}) {
      std::vector<SimulatedPayment> joined;
      for (std::int64_t begin = 0; begin < spec.customers; begin += 7) {
        const auto part = again.payments(day, begin, std::min(begin + 7, spec.customers));
        joined.insert(joined.end(), part.begin(), part.end());
      }
      if (order == RowOrder::kTime) {
        std::stable_sort(joined.begin(), joined.end(), [](const auto& left, const auto& right) {
          return left.second < right.second;
        });
      }
      EXPECT_EQ(all_of(simulator, day), joined);
    }
  }
}

TEST(Simulator, AnotherSeedGivesOtherPayments) {
  SimulationSpec spec = busy();
  const Simulator first(spec);
  ++spec.seed;
  EXPECT_NE(all_of(first, 0), all_of(Simulator(spec), 0));
}

TEST(Simulator, FraudHappensInItsEpisodeOnly) {
  SimulationSpec spec = busy();
  spec.defects = 1'000;  // With many `24:00:00`.
  const Simulator simulator(spec);
  const auto holds = [](const Episode& episode, std::int64_t key, Seconds time) {
    return episode.key == key && episode.from <= time && time < episode.until;
  };
  std::array<int, 4> seen{};
  int past_midnight = 0;
  for (std::int64_t day = 0; day < spec.days; ++day) {
    for (const SimulatedPayment& payment : all_of(simulator, day)) {
      const Seconds time = spec.start + day * kSecondsPerDay + payment.second;
      const auto terminals = simulator.episodes().of_terminals();
      const auto customers = simulator.episodes().of_customers();
      const bool terminal_compromised = std::any_of(
          terminals.begin(), terminals.end(),
          [&](const Episode& episode) { return holds(episode, payment.terminal, time); });
      const bool customer_compromised = std::any_of(
          customers.begin(), customers.end(),
          [&](const Episode& episode) { return holds(episode, payment.customer, time); });
      ASSERT_TRUE(0 < payment.second && payment.second <= 86'400);
      past_midnight += payment.second == 86'400;
      ++seen[static_cast<std::size_t>(payment.scenario)];
      switch (payment.scenario) {
        case 0:
          ASSERT_FALSE(terminal_compromised);
          ASSERT_LE(payment.amount_minor, 220'00);
          break;
        case 1:
          ASSERT_FALSE(terminal_compromised);
          ASSERT_GT(payment.amount_minor, 220'00);
          break;
        case 2:
          ASSERT_TRUE(terminal_compromised);
          break;
        default:
          ASSERT_TRUE(customer_compromised);
      }
    }
  }
  for (const int count : seen) EXPECT_GT(count, 0);
  EXPECT_GT(past_midnight, 0);
}

TEST(Simulator, ACompromisedCustomerLosesAThirdOfThePaymentsOfTheEpisode) {
  const SimulationSpec spec = busy();
  const Simulator simulator(spec);
  std::map<std::int64_t, int> episodes_of;
  for (const Episode& episode : simulator.episodes().of_customers()) ++episodes_of[episode.key];
  int checked = 0;
  for (const Episode& episode : simulator.episodes().of_customers()) {
    if (episodes_of[episode.key] != 1) continue;
    int payments = 0;
    int frauds = 0;
    for (std::int64_t day = 0; day < spec.days; ++day) {
      for (const auto& payment : simulator.payments(day, episode.key, episode.key + 1)) {
        if (!episode.holds(spec.start + day * kSecondsPerDay + payment.second)) continue;
        ++payments;
        frauds += payment.scenario == 3;
      }
    }
    EXPECT_EQ(frauds, payments / 3);
    ++checked;
  }
  EXPECT_GT(checked, 10);
}

TEST(Population, ReachesTheTerminalsNearerThanTheRadius) {
  for (const double radius : {0.0, 0.7, 5.0, 33.4, 60.0, 150.0}) {
    SimulationSpec spec = SimulationSpec::preset("handbook");
    spec.customers = 60;
    spec.terminals = 400;
    spec.radius = radius;
    const Population population(spec);
    for (std::int64_t customer = 0; customer < spec.customers; ++customer) {
      const Place from = place_of_customer(spec, customer);
      std::vector<std::uint32_t> near;
      for (std::int64_t terminal = 0; terminal < spec.terminals; ++terminal) {
        const Place at = place_of_terminal(spec, terminal);
        if (std::hypot(at.x - from.x, at.y - from.y) < radius) {
          near.push_back(static_cast<std::uint32_t>(terminal));
        }
      }
      const auto reach = population.terminals_of(customer);
      EXPECT_EQ(std::vector(reach.begin(), reach.end()), near);
    }
  }
}

TEST(Population, GivesTheCoursesShareOfTerminalZero) {
  SimulationSpec spec = SimulationSpec::preset("course");
  spec.customers = 20'000;
  const Population population(spec);
  int at_zero = 0;
  for (std::int64_t customer = 0; customer < spec.customers; ++customer) {
    const auto reach = population.terminals_of(customer);
    ASSERT_FALSE(reach.empty());
    at_zero += reach.size() == 1 && reach[0] == 0;
  }
  EXPECT_NEAR(at_zero / 20'000.0, 81'177'681 / 1'879'794'138.0, 0.015);
}

TEST(Episodes, TheHandbooksBeginAtMidnightTwoADayButTheLast) {
  const SimulationSpec spec = SimulationSpec::preset("handbook");
  const Episodes episodes(spec);
  ASSERT_EQ(episodes.of_terminals().size(), 2U * 182);
  ASSERT_EQ(episodes.of_customers().size(), 3U * 182);
  std::set<std::pair<Seconds, std::int64_t>> different;
  for (const Episode& episode : episodes.of_terminals()) {
    EXPECT_EQ(episode.from % kSecondsPerDay, 0);
    EXPECT_EQ(episode.until - episode.from, 28 * kSecondsPerDay);
    different.emplace(episode.from, episode.key);
  }
  EXPECT_EQ(different.size(), 2U * 182);
  EXPECT_EQ(episodes.of_terminals().front().from, spec.start);
}

TEST(Episodes, TheCoursesBeginAtAnyHourAndBeforeTheFirstDay) {
  SimulationSpec spec = SimulationSpec::preset("course");
  spec.days = 300;
  const Episodes episodes(spec);
  const double expected = 2.0 * (300 + 28);
  EXPECT_NEAR(static_cast<double>(episodes.of_terminals().size()), expected,
              5 * std::sqrt(expected));
  std::set<Seconds> hours;
  for (const Episode& episode : episodes.of_terminals()) {
    hours.insert(episode.from % kSecondsPerDay / 3600);
    EXPECT_GT(episode.until, spec.start);
    EXPECT_LT(episode.from, spec.end());
  }
  EXPECT_EQ(hours.size(), 24U);
  EXPECT_LT(episodes.of_terminals().front().from, spec.start - 20 * kSecondsPerDay);
  spec.warm_start = false;
  EXPECT_GE(Episodes(spec).of_terminals().front().from, spec.start);
}

TEST(Episodes, TheSmallCourseHasNewOnesInEveryPartOfItsTime) {
  const SimulationSpec spec = SimulationSpec::preset("course-small");
  const Episodes episodes(spec);
  for (const auto& [first_day, last_day] : {std::pair{0, 20}, {20, 40}, {40, 55}}) {
    EXPECT_TRUE(std::any_of(episodes.of_terminals().begin(), episodes.of_terminals().end(),
                            [&, first = first_day, last = last_day](const Episode& episode) {
                              return episode.from >= spec.start + first * kSecondsPerDay &&
                                     episode.from < spec.start + last * kSecondsPerDay;
                            }))
        << first_day;
  }
}

TEST(Episodes, WritesTheTruthInOrderOfTheStarts) {
  SimulationSpec spec = SimulationSpec::preset("handbook");
  spec.days = 2;
  spec.terminal_starts_per_day = 1;
  spec.customer_starts_per_day = 1;
  const Episodes episodes(spec);
  const std::string expected =
      "scenario,key,from,until\n2," + std::to_string(episodes.of_terminals()[0].key) +
      ",2018-04-01 00:00:00,2018-04-29 00:00:00\n3," +
      std::to_string(episodes.of_customers()[0].key) + ",2018-04-01 00:00:00,2018-04-15 00:00:00\n";
  EXPECT_EQ(format_windows(episodes), expected);
}

}  // namespace
}  // namespace weir
