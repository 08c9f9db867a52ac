#include "core/simulation/population.h"

#include <algorithm>
#include <cmath>

#include "core/simulation/draws.h"
#include "core/simulation/subject.h"

namespace weir {
namespace {

constexpr double kSide = 100;

/// Terminals sorted into square cells at least `radius` wide, so that a customer's are in the nine
/// cells around.
class TerminalGrid {
 public:
  explicit TerminalGrid(const SimulationSpec& spec)
      : radius_(spec.radius),
        cells_a_side_(std::clamp(static_cast<std::int64_t>(kSide / std::max(spec.radius, 1e-9)),
                                 std::int64_t{1},
                                 std::int64_t{1'000})) {
    places_.reserve(static_cast<std::size_t>(spec.terminals));
    cells_.resize(static_cast<std::size_t>(cells_a_side_ * cells_a_side_));
    for (std::int64_t id = 0; id < spec.terminals; ++id) {
      const Place place = place_of_terminal(spec, id);
      places_.push_back(place);
      cells_[cell(line(place.x), line(place.y))].push_back(static_cast<std::uint32_t>(id));
    }
  }

  /// Appends the terminals nearer than the radius, ascending.
  void append_in_reach(Place from, std::vector<std::uint32_t>& reach) const {
    const std::size_t begin = reach.size();
    for (std::int64_t column = line(from.x) - 1; column <= line(from.x) + 1; ++column) {
      for (std::int64_t row = line(from.y) - 1; row <= line(from.y) + 1; ++row) {
        if (std::min(column, row) < 0 || std::max(column, row) >= cells_a_side_) continue;
        for (const std::uint32_t id : cells_[cell(column, row)]) {
          const double x = places_[id].x - from.x;
          const double y = places_[id].y - from.y;
          if (x * x + y * y < radius_ * radius_) reach.push_back(id);
        }
      }
    }
    std::sort(reach.begin() + static_cast<std::ptrdiff_t>(begin), reach.end());
  }

 private:
  std::int64_t line(double coordinate) const {
    return std::min(
        static_cast<std::int64_t>(coordinate / kSide * static_cast<double>(cells_a_side_)),
        cells_a_side_ - 1);
  }
  std::size_t cell(std::int64_t column, std::int64_t row) const {
    return static_cast<std::size_t>(column * cells_a_side_ + row);
  }

  double radius_;
  std::int64_t cells_a_side_;
  std::vector<Place> places_;
  std::vector<std::vector<std::uint32_t>> cells_;
};

Place place_from(Draws draws) {
  const double x = draws.uniform() * kSide;
  return {x, draws.uniform() * kSide};
}

}  // namespace

Place place_of_customer(const SimulationSpec& spec, std::int64_t customer) {
  return place_from(draws_of(spec.seed, Subject::kCustomerPlace, customer));
}

Place place_of_terminal(const SimulationSpec& spec, std::int64_t terminal) {
  return place_from(draws_of(spec.seed, Subject::kTerminalPlace, terminal));
}

Population::Population(const SimulationSpec& spec) {
  const TerminalGrid grid(spec);
  customers_.reserve(static_cast<std::size_t>(spec.customers));
  reach_begin_.reserve(static_cast<std::size_t>(spec.customers) + 1);
  reach_begin_.push_back(0);
  for (std::int64_t id = 0; id < spec.customers; ++id) {
    Draws habits = draws_of(spec.seed, Subject::kCustomerHabits, id);
    const double mean_amount = 5 + 95 * habits.uniform();
    const double mean_payments = 2 * spec.mean_payments_per_day * habits.uniform();
    customers_.push_back({mean_amount, mean_payments, std::exp(-mean_payments)});
    grid.append_in_reach(place_of_customer(spec, id), reach_);
    if (reach_.size() == reach_begin_.back() && spec.out_of_reach == OutOfReach::kTerminalZero) {
      reach_.push_back(0);
    }
    reach_begin_.push_back(reach_.size());
  }
}

}  // namespace weir
