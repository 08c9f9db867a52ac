#pragma once

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
/// expected loss, P(compromised since the last look) × amount, and the one that brings the sum to
/// the cost of a challenge is audited: busy or dear terminals more often than quiet ones. A probe
/// is the same with the sides swapped: genuine payments lost to a terminal that may be sound again.
/// The level is spread by ±25 % with a secret hash, so that nobody can count out a gap.
///
/// State by terminal; each settles its turns from its own state when a payment passes, and learns
/// from answers: an unanswered audit is repeated at once, and any telling answer counts as a look.
class AuditClock {
 public:
  explicit AuditClock(std::uint64_t key) : key_(key) {}

  /// A payment of `terminal` passes at `time`. `loss_per_day` is what a day since the last look
  /// makes this payment lose in expectation (hazard × fraud share × amount), `cost` that of a look.
  AuditTurn pass(std::int64_t terminal, Seconds time, double loss_per_day, double cost);

  /// An answer came at `now` about a payment of `terminal` at `time`. `telling`: it said something
  /// about the terminal; otherwise nobody answered, or the card explains it.
  void answered(std::int64_t terminal, Seconds time, Seconds now, bool telling);

  /// The terminal is being challenged anyway: each of its payments is a look.
  void looked(std::int64_t terminal, Seconds time);

  void append_snapshot(std::string& bytes) const;
  void restore_snapshot(class ByteReader& reader);

 private:
  struct Clock {
    Seconds told = 0;    ///< Payment time of the newest telling answer.
    Seconds looked = 0;  ///< The same, or a look whose answer is awaited.
    double sum = 0;      ///< Roubles since `looked`.
    std::uint64_t turns = 0;
  };
  double level(std::int64_t terminal, const Clock& clock) const;

  std::uint64_t key_;
  IdTable<Clock> clocks_;
};

}  // namespace weir
