#include "core/decision/audit_clock.h"

#include <algorithm>
#include <limits>

#include "core/transaction/byte_io.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {
constexpr double kSpread = 0.25;
/// A look that brought no answer is due again, whatever it costs.
constexpr double kOverdue = std::numeric_limits<double>::infinity();
}  // namespace

/// Where in [1 - kSpread, 1 + kSpread] of the cost the next look comes.
double AuditClock::level(std::int64_t terminal, const Clock& clock) const {
  const double chance =
      unit_interval(hash64(key_, static_cast<std::uint64_t>(terminal), clock.turns));
  return 1 - kSpread + 2 * kSpread * chance;
}

AuditTurn AuditClock::pass(std::int64_t terminal, Seconds time, double loss_per_day, double cost) {
  Clock& clock = clocks_[terminal];
  if (clock.looked == 0) clock.looked = clock.told = time;
  const double days =
      static_cast<double>(std::max<Seconds>(0, time - clock.looked)) / kSecondsPerDay;
  const double before = clock.sum;
  clock.sum += loss_per_day * days;
  AuditTurn turn;
  const double low = cost * (1 - kSpread);
  const double high = cost * (1 + kSpread);
  turn.due = clock.sum >= cost * level(terminal, clock);
  turn.probability = clock.sum >= high ? 1
                     : clock.sum <= low
                         ? 0
                         : (clock.sum - std::max(before, low)) / (high - std::max(before, low));
  if (turn.due) {
    clock.sum = 0;
    clock.looked = time;
    ++clock.turns;
  }
  return turn;
}

void AuditClock::answered(std::int64_t terminal, Seconds time, Seconds now, bool telling) {
  Clock& clock = clocks_[terminal];
  if (telling) {
    clock.told = std::max(clock.told, time);
    if (time <= clock.looked) return;
    // A look that was no turn of ours. The sum grows with the square of the time since a look.
    const double kept = static_cast<double>(std::max<Seconds>(0, now - time)) /
                        static_cast<double>(std::max<Seconds>(1, now - clock.looked));
    clock.sum *= kept * kept;
    clock.looked = time;
  } else if (time == clock.looked && clock.told < time) {
    clock.looked = clock.told;
    clock.sum = kOverdue;
  }
}

void AuditClock::looked(std::int64_t terminal, Seconds time) {
  Clock& clock = clocks_[terminal];
  clock.looked = std::max(clock.looked, time);
  clock.sum = 0;
}

void AuditClock::append_snapshot(std::string& bytes) const {
  put_bytes(bytes, static_cast<std::uint64_t>(clocks_.size()));
  for (const std::int64_t id : clocks_.sorted_ids()) {
    const Clock& clock = *clocks_.find(id);
    put_bytes(bytes, id);
    put_bytes(bytes, clock.told);
    put_bytes(bytes, clock.looked);
    put_bytes(bytes, clock.sum);
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
    clock.looked = reader.get<Seconds>();
    clock.sum = reader.get<double>();
    clock.turns = reader.get<std::uint64_t>();
  }
}

}  // namespace weir
