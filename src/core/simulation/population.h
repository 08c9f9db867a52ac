#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/simulation/simulation_spec.h"

namespace weir {

/// Who pays where: the customers' habits and the terminals in their reach. About 32 bytes a
/// customer plus 4 a terminal in reach.
class Population {
 public:
  struct Customer {
    double mean_amount;     ///< Roubles.
    double mean_payments;   ///< A day.
    double exp_minus_mean;  ///< exp(-mean_payments), for the Poisson draw.
  };

  explicit Population(const SimulationSpec& spec);

  const Customer& customer(std::int64_t id) const {
    return customers_[static_cast<std::size_t>(id)];
  }
  /// Ascending; empty when the customer has none and never pays.
  std::span<const std::uint32_t> terminals_of(std::int64_t customer) const {
    const auto at = static_cast<std::size_t>(customer);
    return std::span(reach_).subspan(reach_begin_[at], reach_begin_[at + 1] - reach_begin_[at]);
  }

 private:
  std::vector<Customer> customers_;
  std::vector<std::size_t> reach_begin_;
  std::vector<std::uint32_t> reach_;
};

/// Where a customer or a terminal lies.
struct Place {
  double x = 0;
  double y = 0;
};

Place place_of_customer(const SimulationSpec& spec, std::int64_t customer);
Place place_of_terminal(const SimulationSpec& spec, std::int64_t terminal);

}  // namespace weir
