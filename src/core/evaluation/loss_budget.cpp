#include "core/evaluation/loss_budget.h"

#include <algorithm>
#include <cmath>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr double kKopecks = 100;
constexpr double kMillikopecks = 1000;
constexpr std::size_t kWeek = 7;
constexpr auto kMonth = static_cast<std::size_t>(kBudgetMonthDays);

/// Spent over the last `window` of the days up to `last`, against the budget's even share of them.
double burn(const std::vector<BudgetDay>& days,
            std::size_t last,
            std::size_t window,
            double month_budget) {
  const std::size_t count = std::min(window, last + 1);
  double spent = 0;
  for (std::size_t i = last + 1 - count; i <= last; ++i) spent += days[i].spent;
  const double share = month_budget * static_cast<double>(count) / kBudgetMonthDays;
  return share > 0 ? spent / share : 0;
}

}  // namespace

LossRecord::LossRecord(Seconds from, LossBudget budget)
    : first_day_(day_start(from)), budget_(budget) {
  WEIR_CHECK(budget.month_minor >= 0);
}

LossRecord::Day& LossRecord::day_of(Seconds event_time) {
  WEIR_CHECK(event_time >= first_day_);
  const auto day = static_cast<std::size_t>((event_time - first_day_) / kSecondsPerDay);
  if (day >= days_.size()) days_.resize(day + 1);
  return days_[day];
}

void LossRecord::expect(Seconds event_time, std::int64_t amount_minor, double probability) {
  WEIR_CHECK(probability >= 0 && probability <= 1);
  day_of(event_time).expected_millikopecks +=
      std::llround(static_cast<double>(amount_minor) * kMillikopecks * probability);
}

void LossRecord::confirm(Seconds event_time, std::int64_t amount_minor) {
  day_of(event_time).confirmed_minor += amount_minor;
}

void LossRecord::withdraw(Seconds event_time, std::int64_t amount_minor) {
  day_of(event_time).confirmed_minor -= amount_minor;
}

void LossRecord::merge(const LossRecord& other) {
  WEIR_CHECK(first_day_ == other.first_day_ && budget_.month_minor == other.budget_.month_minor);
  if (days_.size() < other.days_.size()) days_.resize(other.days_.size());
  for (std::size_t i = 0; i < other.days_.size(); ++i) {
    days_[i].expected_millikopecks += other.days_[i].expected_millikopecks;
    days_[i].confirmed_minor += other.days_[i].confirmed_minor;
  }
}

BudgetState LossRecord::state(Seconds now, Seconds label_delay) const {
  WEIR_CHECK(now >= first_day_);
  BudgetState state;
  state.now = now;
  state.month_budget = static_cast<double>(budget_.month_minor) / kKopecks;
  // At midnight the day that begins has nothing yet: the last is the one that just ended.
  const Seconds last_second = std::max(first_day_, now - 1);
  const auto count = static_cast<std::size_t>((last_second - first_day_) / kSecondsPerDay) + 1;
  double expected = 0;
  double confirmed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    BudgetDay day;
    day.day = first_day_ + static_cast<Seconds>(i) * kSecondsPerDay;
    if (i < days_.size()) {
      day.expected =
          static_cast<double>(days_[i].expected_millikopecks) / (kMillikopecks * kKopecks);
      day.confirmed = static_cast<double>(days_[i].confirmed_minor) / kKopecks;
    }
    day.matured = day.day + kSecondsPerDay + label_delay <= now;
    if (day.matured) {
      expected += day.expected;
      confirmed += day.confirmed;
    }
    state.days.push_back(day);
  }
  if (expected > 0) state.correction = confirmed / expected;
  for (std::size_t i = 0; i < count; ++i) {
    BudgetDay& day = state.days[i];
    day.spent =
        day.matured ? day.confirmed : std::max(day.confirmed, day.expected * state.correction);
    const std::size_t day_of_month = i % kMonth;
    day.month_spent = day.spent + (day_of_month == 0 ? 0 : state.days[i - 1].month_spent);
    day.month_line = state.month_budget * static_cast<double>(day_of_month + 1) / kBudgetMonthDays;
    day.burn = {burn(state.days, i, 1, state.month_budget),
                burn(state.days, i, kWeek, state.month_budget),
                burn(state.days, i, kMonth, state.month_budget)};
  }
  const std::size_t month_begin = (count - 1) / kMonth * kMonth;
  state.month_from = state.days[month_begin].day;
  state.month_to = state.month_from + kBudgetMonthDays * kSecondsPerDay;
  state.month_spent = state.days.back().month_spent;
  for (std::size_t i = month_begin; i < count && !state.exhausted_on; ++i) {
    if (state.days[i].month_spent > state.month_budget) state.exhausted_on = state.days[i].day;
  }
  const std::size_t recent = std::min(kWeek, count);
  double recent_spent = 0;
  for (std::size_t i = count - recent; i < count; ++i) recent_spent += state.days[i].spent;
  // The day in progress counts for the part of it that is over.
  const double recent_days = static_cast<double>(now - state.days[count - recent].day) /
                             static_cast<double>(kSecondsPerDay);
  const double days_left = static_cast<double>(std::max<Seconds>(0, state.month_to - now)) /
                           static_cast<double>(kSecondsPerDay);
  state.month_forecast =
      state.month_spent + (recent_days > 0 ? recent_spent / recent_days * days_left : 0);
  return state;
}

}  // namespace weir
