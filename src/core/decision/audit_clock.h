#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/beliefs/rates.h"
#include "core/transaction/id_table.h"
#include "core/transaction/payment.h"

namespace weir {

/// Whether a payment is challenged to learn about its terminal.
struct AuditTurn {
  bool due = false;
  /// That it would be due, seen by one who knows all but the secret phase.
  double probability = 0;
};

/// When to look at a terminal that looks sound (audit) or stays blocked (probe).
///
/// A terminal compromised since the last look has by now lost an expected sum that grows with each
/// payment; looking costs a challenge. The cost a day is least where a look comes as the two are
/// equal (the rule of the economic order quantity; Harris 1913). So each payment adds its own
/// expected loss, P(compromised and not found out) × amount, and a look is due as the sum reaches
/// the cost: busy or dear terminals more often than quiet ones. A probe is the same with the sides
/// swapped: genuine payments lost to a terminal that may be sound again.
///
/// What a look finds out is known only with its answer, if one comes. While it is awaited it
/// counts as the share that is answered, a: a compromise older than n awaited looks stays unknown
/// with (1 - a)^n. And a look stops the payment it falls on, so it falls on a dear one where one
/// comes soon: it is due where the sum before a payment + 8 × its own loss reaches 1.5 × the cost
/// (both by value iteration on one terminal; docs/decisions/0004). That level is spread by ±25 %
/// with a secret hash, so that nobody can count out a gap.
///
/// State by terminal; each settles its turns from its own state when a payment passes.
class AuditClock {
 public:
  explicit AuditClock(std::uint64_t key) : key_(key) {}

  /// A payment of `terminal` passes at `time`. `loss_per_day` is what a day in which nothing is
  /// known makes this payment lose in expectation (hazard × fraud share × amount), `cost` that of
  /// a look, `unanswered` the share of looks without an answer. Due until `asked` is called.
  AuditTurn pass(
      std::int64_t terminal, Seconds time, double loss_per_day, double cost, double unanswered);

  /// A payment of `terminal` at `time` is challenged, and its answer will say something about the
  /// terminal: a look, whether it was due or not.
  void asked(std::int64_t terminal, Seconds time);

  /// An answer came at `now` about a payment of `terminal` at `time`. `telling`: it said something
  /// about the terminal; otherwise nobody answered, or the card explains it.
  void answered(std::int64_t terminal, Seconds time, Seconds now, bool telling, double unanswered);

  void append_snapshot(std::string& bytes) const;
  void restore_snapshot(class ByteReader& reader);

 private:
  /// Looks kept while their answers are awaited; with more, the oldest counts as unanswered.
  static constexpr std::size_t kAwaited = 8;

  struct Clock {
    Seconds told = 0;                         ///< Payment time of the newest telling answer.
    std::array<Seconds, kAwaited> awaited{};  ///< Looks after it, in order.
    std::uint32_t awaited_count = 0;
    double sum = 0;      ///< Roubles since the last look.
    double reached = 0;  ///< The highest (sum + 8 × own loss) / (1.5 × cost) that was not due.
    std::uint64_t turns = 0;

    Seconds last_look() const { return awaited_count == 0 ? told : awaited[awaited_count - 1]; }
    void drop(std::size_t begin, std::size_t end);
    double unknown_days_at_last_look(double unanswered) const;
    double unknown_days(Seconds time, double unanswered) const;
    double sum_of_unknown_days(Seconds now, double unanswered) const;
  };
  double level(std::int64_t terminal, const Clock& clock) const;

  std::uint64_t key_;
  IdTable<Clock> clocks_;
};

}  // namespace weir
