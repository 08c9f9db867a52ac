#include "core/decision/audit_clock.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/transaction/byte_io.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {
constexpr double kSpread = 0.25;
constexpr double kOwnWeight = 8;
constexpr double kLevel = 1.5;
/// A look that brought no answer is due again, whatever it costs.
constexpr double kOverdue = std::numeric_limits<double>::infinity();

double days_between(Seconds from, Seconds to) {
  return static_cast<double>(std::max<Seconds>(0, to - from)) / kSecondsPerDay;
}
}  // namespace

/// Forgets the awaited looks [begin, end).
void AuditClock::Clock::drop(std::size_t begin, std::size_t end) {
  std::copy(awaited.begin() + end, awaited.begin() + awaited_count, awaited.begin() + begin);
  awaited_count -= static_cast<std::uint32_t>(end - begin);
}

double AuditClock::Clock::unknown_days_at_last_look(double unanswered) const {
  double days = 0;
  Seconds before = told;
  for (std::size_t i = 0; i < awaited_count; ++i) {
    days = (days + days_between(before, awaited[i])) * unanswered;
    before = awaited[i];
  }
  return days;
}

/// The expected length of the time in which a compromise could have begun without being found out
/// by what is known or asked.
double AuditClock::Clock::unknown_days(Seconds time, double unanswered) const {
  return unknown_days_at_last_look(unanswered) + days_between(last_look(), time);
}

/// Its integral over the days since the last look.
double AuditClock::Clock::sum_of_unknown_days(Seconds now, double unanswered) const {
  const double days = days_between(last_look(), now);
  return days * (unknown_days_at_last_look(unanswered) + days / 2);
}

/// Where in [1 - kSpread, 1 + kSpread] of the level the next look comes.
double AuditClock::level(std::int64_t terminal, const Clock& clock) const {
  const double chance =
      unit_interval(hash64(key_, static_cast<std::uint64_t>(terminal), clock.turns));
  return 1 - kSpread + 2 * kSpread * chance;
}

AuditTurn AuditClock::pass(
    std::int64_t terminal, Seconds time, double loss_per_day, double cost, double unanswered) {
  Clock& clock = clocks_[terminal];
  if (clock.told == 0) clock.told = time;
  const double own = loss_per_day * clock.unknown_days(time, unanswered);
  // A look may be free.
  const double wanted = std::max(kLevel * cost, std::numeric_limits<double>::min());
  const double reach = (clock.sum + kOwnWeight * own) / wanted;
  clock.sum += own;
  AuditTurn turn;
  turn.due = reach >= level(terminal, clock);
  const double from = std::max(clock.reached, 1 - kSpread);
  const double high = 1 + kSpread;
  turn.probability = reach >= high ? 1 : reach <= from ? 0 : (reach - from) / (high - from);
  // That it was not due is known to all; of one that was due but not asked for, nothing is.
  if (!turn.due) clock.reached = std::max(clock.reached, reach);
  return turn;
}

void AuditClock::asked(std::int64_t terminal, Seconds time) {
  Clock& clock = clocks_[terminal];
  if (clock.told == 0) clock.told = time;
  clock.sum = 0;
  clock.reached = 0;
  ++clock.turns;
  // A late payment's look tells nothing about the time after it.
  if (time <= clock.last_look()) return;
  if (clock.awaited_count == kAwaited) clock.drop(0, 1);
  clock.awaited[clock.awaited_count++] = time;
}

void AuditClock::answered(
    std::int64_t terminal, Seconds time, Seconds now, bool telling, double unanswered) {
  Clock& clock = clocks_[terminal];
  const double before = clock.sum_of_unknown_days(now, unanswered);
  const auto begin = clock.awaited.begin();
  const auto end = begin + clock.awaited_count;
  if (telling) {
    if (time <= clock.told) return;
    clock.drop(0, static_cast<std::size_t>(std::upper_bound(begin, end, time) - begin));
    clock.told = time;
  } else {
    const auto found = std::find(begin, end, time);
    if (found == end) return;
    const auto place = static_cast<std::size_t>(found - begin);
    clock.drop(place, place + 1);
    if (found + 1 == end) {
      clock.sum = kOverdue;
      return;
    }
  }
  if (std::isinf(clock.sum)) {
    // What stayed unanswered is known after all.
    if (clock.awaited_count == 0) clock.sum = 0;
  } else if (before > 0) {
    clock.sum *= clock.sum_of_unknown_days(now, unanswered) / before;
  }
}

void AuditClock::append_snapshot(std::string& bytes) const {
  put_bytes(bytes, static_cast<std::uint64_t>(clocks_.size()));
  for (const std::int64_t id : clocks_.sorted_ids()) {
    const Clock& clock = *clocks_.find(id);
    put_bytes(bytes, id);
    put_bytes(bytes, clock.told);
    put_bytes(bytes, clock.awaited_count);
    for (std::size_t i = 0; i < clock.awaited_count; ++i) put_bytes(bytes, clock.awaited[i]);
    put_bytes(bytes, clock.sum);
    put_bytes(bytes, clock.reached);
    put_bytes(bytes, clock.turns);
  }
}

void AuditClock::restore_snapshot(ByteReader& reader) {
  clocks_ = {};
  const auto count = reader.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto id = reader.get<std::int64_t>();
    Clock& clock = clocks_[id];
    clock.told = reader.get<Seconds>();
    clock.awaited_count = reader.get<std::uint32_t>();
    if (clock.awaited_count > kAwaited) throw Error("audit clock: the snapshot is damaged");
    for (std::size_t look = 0; look < clock.awaited_count; ++look) {
      clock.awaited[look] = reader.get<Seconds>();
    }
    clock.sum = reader.get<double>();
    clock.reached = reader.get<double>();
    clock.turns = reader.get<std::uint64_t>();
  }
}

}  // namespace weir
