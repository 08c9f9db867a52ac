#pragma once

#include <cstdint>
#include <vector>

#include "core/simulation/episodes.h"
#include "core/simulation/population.h"
#include "core/simulation/simulation_spec.h"

namespace weir {

/// A simulated payment, before any defect.
struct SimulatedPayment {
  std::int64_t amount_minor = 0;
  std::uint32_t customer = 0;
  std::uint32_t terminal = 0;
  /// Since the midnight that began its day; 86,400 is the course's `24:00:00`, which belongs to the
  /// next day's first second.
  std::int32_t second = 0;
  std::int32_t scenario = 0;  ///< 0 genuine.

  friend bool operator==(const SimulatedPayment&, const SimulatedPayment&) = default;
};

/// Payments by customer and day. Every part can be asked for alone and in any order, from any
/// number of threads, and is always the same.
class Simulator {
 public:
  /// Throws UsageError for a spec out of range.
  explicit Simulator(const SimulationSpec& spec);

  const SimulationSpec& spec() const { return spec_; }
  const Episodes& episodes() const { return episodes_; }
  const Population& population() const { return population_; }

  /// The payments of day `day` (0 … days - 1) by customers [begin, end), in the spec's order; ties
  /// of the time order stay ordered by customer.
  std::vector<SimulatedPayment> payments(std::int64_t day,
                                         std::int64_t begin,
                                         std::int64_t end) const;

 private:
  void append_customer_day(std::int64_t customer,
                           std::int64_t day,
                           std::vector<SimulatedPayment>& payments) const;
  bool terminal_fraud(const SimulatedPayment& payment, std::int64_t day, int number) const;
  void compromise(const Episode& episode,
                  std::int64_t day,
                  std::vector<SimulatedPayment>& payments,
                  std::size_t first_of_customer) const;

  SimulationSpec spec_;
  Population population_;
  Episodes episodes_;
};

}  // namespace weir
