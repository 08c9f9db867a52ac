#include "core/simulation/simulation_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

std::string error_of(const std::function<void(SimulationSpec&)>& change) {
  SimulationSpec spec = SimulationSpec::preset("course-small");
  change(spec);
  try {
    spec.validate();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(SimulationSpec, KnowsThePublishedShapes) {
  const SimulationSpec handbook = SimulationSpec::preset("handbook");
  EXPECT_EQ(format_date(handbook.start), "2018-04-01");
  EXPECT_EQ(format_date(handbook.end()), "2018-10-01");
  const SimulationSpec course = SimulationSpec::preset("course");
  EXPECT_EQ(format_date(course.start), "2019-08-22");
  EXPECT_EQ(format_date(course.end() - 1), "2022-12-03");
  EXPECT_NEAR(static_cast<double>(course.expected_payments()), 1'879'794'138, 1e6);
  for (const char* name : {"handbook", "course", "course-small"}) {
    SimulationSpec::preset(name).validate();
  }
}

TEST(SimulationSpec, TheSmallCourseIsAsDenseAsTheWhole) {
  const auto payments_a_terminal_and_day = [](const SimulationSpec& spec) {
    return static_cast<double>(spec.expected_payments()) /
           static_cast<double>(spec.terminals * spec.days);
  };
  const SimulationSpec course = SimulationSpec::preset("course");
  const SimulationSpec small = SimulationSpec::preset("course-small");
  EXPECT_NEAR(payments_a_terminal_and_day(small), payments_a_terminal_and_day(course), 0.1);
  EXPECT_NEAR(small.terminal_starts_per_day / static_cast<double>(small.terminals),
              course.terminal_starts_per_day / static_cast<double>(course.terminals), 1e-12);
}

TEST(SimulationSpec, RefusesWhatCannotBeSimulated) {
  EXPECT_THROW(SimulationSpec::preset("big"), UsageError);
  EXPECT_EQ(error_of([](SimulationSpec&) {}), "");
  EXPECT_EQ(error_of([](SimulationSpec& spec) { spec.days = 0; }),
            "--days is 0, wanted 1 to 100000");
  EXPECT_EQ(error_of([](SimulationSpec& spec) { spec.defects = -1; }),
            "--defects is -1, wanted 0 to 1000");
  EXPECT_THAT(error_of([](SimulationSpec& spec) { spec.terminal_starts_per_day = 26; }),
              HasSubstr("--terminal-starts is 26, wanted 0 to 25"));
  EXPECT_THAT(error_of([](SimulationSpec& spec) { spec.midnight_starts = true; }),
              HasSubstr("--terminal-starts is 0.05, wanted a whole number"));
  EXPECT_THAT(error_of([](SimulationSpec& spec) {
                spec.customers = 1'000'000;
                spec.terminals = 100'000;
              }),
              HasSubstr("use a smaller --radius"));
}

}  // namespace
}  // namespace weir
