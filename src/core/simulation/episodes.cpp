#include "core/simulation/episodes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>

#include "core/simulation/subject.h"
#include "core/transaction/calendar.h"

namespace weir {
namespace {

struct Kind {
  int scenario;
  Subject subject;
  std::int64_t keys;
  double starts_per_day;
  Seconds length;
};

/// `count` different keys, as in a shuffle's first `count` places.
std::vector<std::int64_t> sample(Draws& draws, std::int64_t count, std::int64_t keys) {
  std::vector<std::int64_t> chosen;
  while (static_cast<std::int64_t>(chosen.size()) < count) {
    const auto key = static_cast<std::int64_t>(draws.below(static_cast<std::uint64_t>(keys)));
    if (std::find(chosen.begin(), chosen.end(), key) == chosen.end()) chosen.push_back(key);
  }
  return chosen;
}

std::vector<Episode> draw(const SimulationSpec& spec, const Kind& kind) {
  std::vector<Episode> episodes;
  const std::int64_t early_days =
      spec.warm_start ? (kind.length + kSecondsPerDay - 1) / kSecondsPerDay : 0;
  const std::int64_t last_day = spec.midnight_starts ? spec.days - 1 : spec.days;
  const double exp_minus_mean = std::exp(-kind.starts_per_day / 16);
  for (std::int64_t day = -early_days; day < last_day; ++day) {
    Draws draws = draws_of(spec.seed, kind.subject, day);
    const Seconds midnight = spec.start + day * kSecondsPerDay;
    if (spec.midnight_starts) {
      for (const std::int64_t key : sample(draws, std::llround(kind.starts_per_day), kind.keys)) {
        episodes.push_back({kind.scenario, key, midnight, midnight + kind.length});
      }
      continue;
    }
    for (int part = 0; part < 16; ++part) {  // A sum of Poissons is one: no mean too large for exp.
      const int count = draws.poisson(kind.starts_per_day / 16, exp_minus_mean);
      for (int i = 0; i < count; ++i) {
        const auto key =
            static_cast<std::int64_t>(draws.below(static_cast<std::uint64_t>(kind.keys)));
        const Seconds from = midnight + static_cast<Seconds>(draws.below(kSecondsPerDay));
        if (from + kind.length > spec.start) {
          episodes.push_back({kind.scenario, key, from, from + kind.length});
        }
      }
    }
  }
  std::sort(episodes.begin(), episodes.end(), [](const Episode& left, const Episode& right) {
    return std::tie(left.from, left.key) < std::tie(right.from, right.key);
  });
  return episodes;
}

}  // namespace

Episodes::Episodes(const SimulationSpec& spec) : customer_episode_(spec.customer_episode) {
  terminals_ = draw(spec, {2, Subject::kTerminalStarts, spec.terminals,
                           spec.terminal_starts_per_day, spec.terminal_episode});
  customers_ = draw(spec, {3, Subject::kCustomerStarts, spec.customers,
                           spec.customer_starts_per_day, spec.customer_episode});
  by_terminal_ = terminals_;
  std::stable_sort(by_terminal_.begin(), by_terminal_.end(),
                   [](const Episode& left, const Episode& right) { return left.key < right.key; });
  by_terminal_begin_.assign(static_cast<std::size_t>(spec.terminals) + 1, 0);
  for (const Episode& episode : by_terminal_) {
    ++by_terminal_begin_[static_cast<std::size_t>(episode.key) + 1];
  }
  for (std::size_t i = 1; i < by_terminal_begin_.size(); ++i) {
    by_terminal_begin_[i] += by_terminal_begin_[i - 1];
  }
}

std::vector<Episode> Episodes::of_customers(std::int64_t begin,
                                            std::int64_t end,
                                            Seconds from,
                                            Seconds until) const {
  const auto starts_before = [](const Episode& episode, Seconds time) {
    return episode.from < time;
  };
  const auto first = std::lower_bound(customers_.begin(), customers_.end(),
                                      from - customer_episode_ + 1, starts_before);
  const auto last = std::lower_bound(first, customers_.end(), until, starts_before);
  std::vector<Episode> touching;
  std::copy_if(first, last, std::back_inserter(touching),
               [&](const Episode& episode) { return begin <= episode.key && episode.key < end; });
  std::stable_sort(touching.begin(), touching.end(),
                   [](const Episode& left, const Episode& right) { return left.key < right.key; });
  return touching;
}

std::string format_windows(const Episodes& episodes) {
  std::vector<Episode> all;
  std::merge(episodes.of_terminals().begin(), episodes.of_terminals().end(),
             episodes.of_customers().begin(), episodes.of_customers().end(),
             std::back_inserter(all),
             [](const Episode& left, const Episode& right) { return left.from < right.from; });
  std::string text = "scenario,key,from,until\n";
  for (const Episode& episode : all) {
    fmt::format_to(std::back_inserter(text), "{},{},{},{}\n", episode.scenario, episode.key,
                   format_datetime(episode.from), format_datetime(episode.until));
  }
  return text;
}

}  // namespace weir
