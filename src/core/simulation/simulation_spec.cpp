#include "core/simulation/simulation_spec.h"

#include <fmt/format.h>

#include <cmath>

#include "core/transaction/error.h"
#include "core/transaction/nearest_name.h"

namespace weir {
namespace {

template <typename Number>
void require(std::string_view flag, Number value, Number least, Number most) {
  if (value >= least && value <= most) return;  // Also refuses NaN.
  throw UsageError(fmt::format("--{} is {}, wanted {} to {}", flag, value, least, most));
}

void require_whole(std::string_view flag, double value) {
  if (value == std::floor(value)) return;
  throw UsageError(fmt::format(
      "--{} is {}, wanted a whole number with --midnight-starts; or use --random-starts", flag,
      value));
}

/// The course's data: 1,879,794,138 rows in 1,200 days from 2019-08-22, 1.566 a customer and day.
SimulationSpec course() {
  SimulationSpec spec;
  spec.customers = 1'000'000;
  spec.terminals = 1'000;
  spec.radius =
      3.3;  // Leaves 4 % of customers without a terminal: terminal 0's share in the course.
  spec.mean_payments_per_day = 1.616;  // 3.1 % of them fall outside the day.
  spec.days = 1'200;
  spec.start = 1'566'432'000;
  spec.terminal_starts_per_day = 2;
  spec.customer_starts_per_day = 300;
  spec.midnight_starts = false;
  spec.warm_start = true;
  spec.format = RawFormat::kCourse;
  spec.order = RowOrder::kCustomer;
  spec.out_of_reach = OutOfReach::kTerminalZero;
  spec.days_per_file = 30;
  spec.defects = 1;
  return spec;
}

/// A fortieth of it: as many payments a terminal and a customer, as many terminals in reach (a
/// little more than the scale says, because more of the square is near its edge).
SimulationSpec course_small() {
  SimulationSpec spec = course();
  spec.customers /= 40;
  spec.terminals /= 40;
  spec.radius = 24;
  spec.terminal_starts_per_day /= 40;
  spec.customer_starts_per_day /= 40;
  spec.days = 60;
  spec.seed = 124;  // Few episodes, so one whose starts are spread over all of the time.
  return spec;
}

}  // namespace

SimulationSpec SimulationSpec::preset(std::string_view name) {
  if (name == "course") return course();
  if (name == "course-small") return course_small();
  if (name == "handbook") return SimulationSpec{};
  throw UsageError(fmt::format("--preset is \"{}\", wanted {}; nearest is {}", name,
                               kSimulationPresets,
                               nearest_name(name, {"course", "course-small", "handbook"})));
}

void SimulationSpec::validate() const {
  require<std::int64_t>("customers", customers, 1, 100'000'000);
  require<std::int64_t>("terminals", terminals, 1, 10'000'000);
  require("radius", radius, 0.0, 150.0);
  require("mean-payments", mean_payments_per_day, 0.0, 300.0);
  require<std::int64_t>("days", days, 1, 100'000);
  require("terminal-starts", terminal_starts_per_day, 0.0, static_cast<double>(terminals));
  require("customer-starts", customer_starts_per_day, 0.0, static_cast<double>(customers));
  require<Seconds>("terminal-episode", terminal_episode, 1, 3'650 * kSecondsPerDay);
  require("terminal-fraud-share", terminal_fraud_share, 0.0, 1.0);
  require<Seconds>("customer-episode", customer_episode, 1, 365 * kSecondsPerDay);
  require<std::int64_t>("days-per-file", days_per_file, 0, 100'000);
  require("defects", defects, 0.0, 1'000.0);
  if (midnight_starts) {
    require_whole("terminal-starts", terminal_starts_per_day);
    require_whole("customer-starts", customer_starts_per_day);
  }
  // Each customer keeps the list of terminals in reach.
  const double in_reach = std::min(1.0, 3.1416 * radius * radius / 10'000);
  const double links = static_cast<double>(customers) * static_cast<double>(terminals) * in_reach;
  if (links > 1e9) {
    throw UsageError(
        fmt::format("{} customers with about {:.0f} terminals in reach each need {:.1f} GB of "
                    "memory; use a smaller --radius",
                    customers, links / static_cast<double>(customers), links * 4e-9));
  }
}

std::int64_t SimulationSpec::expected_payments() const {
  constexpr double kInsideTheDay = 0.9692;
  return std::llround(static_cast<double>(customers) * static_cast<double>(days) *
                      mean_payments_per_day * kInsideTheDay);
}

}  // namespace weir
