#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/simulation/simulation_spec.h"

namespace weir {

/// A compromise, [from, until) UTC: of a terminal (scenario 2) or a customer (scenario 3).
struct Episode {
  int scenario = 0;
  std::int64_t key = 0;
  Seconds from = 0;
  Seconds until = 0;

  bool holds(Seconds time) const { return from <= time && time < until; }
  friend bool operator==(const Episode&, const Episode&) = default;
};

/// All compromises of a simulated data set: the truth that only evaluation may know.
class Episodes {
 public:
  explicit Episodes(const SimulationSpec& spec);

  /// By from, then key.
  std::span<const Episode> of_terminals() const { return terminals_; }
  std::span<const Episode> of_customers() const { return customers_; }

  bool terminal_compromised(std::int64_t terminal, Seconds time) const {
    const auto at = static_cast<std::size_t>(terminal);
    for (std::uint32_t i = by_terminal_begin_[at]; i < by_terminal_begin_[at + 1]; ++i) {
      if (by_terminal_[i].holds(time)) return true;
    }
    return false;
  }

  /// Episodes of customers [begin, end) that touch [from, until), by customer, then by start.
  std::vector<Episode> of_customers(std::int64_t begin,
                                    std::int64_t end,
                                    Seconds from,
                                    Seconds until) const;

 private:
  Seconds customer_episode_;
  std::vector<Episode> terminals_;
  std::vector<Episode> customers_;
  std::vector<Episode> by_terminal_;
  std::vector<std::uint32_t> by_terminal_begin_;
};

/// `scenario,key,from,until` and one line an episode, in order of their start.
std::string format_windows(const Episodes& episodes);

}  // namespace weir
