#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/beliefs/rates.h"
#include "core/transaction/payment.h"

namespace weir {

/// Labelled payments grouped by key, each key's in time order.
struct KeySequences {
  std::vector<std::uint32_t> rows;  ///< Row numbers, key by key.
  std::vector<std::size_t> begins;  ///< Where each key's begin in `rows`; one more than keys.

  std::size_t keys() const { return begins.size() - 1; }
};

/// Groups rows in batch order by their ids; keys ascend.
KeySequences group_by_key(std::span<const std::int64_t> ids);

/// Expected counts of one round over some keys; sums of parts are those of the whole.
struct ChainCounts {
  double starts = 0;
  double ends = 0;
  double sound_days = 0;
  double compromised_days = 0;
  double sound_rows = 0;
  double sound_frauds = 0;
  double compromised_rows = 0;
  double compromised_frauds = 0;

  void add(const ChainCounts& other);
};

/// Estimates a chain's rates from labels: the Baum-Welch algorithm (Baum et al. 1970; Rabiner 1989)
/// with transitions of continuous time. One `expect` a round over disjoint ranges of keys, on any
/// threads, then `improve` with the sum of the counts, added up in the order of the keys.
class ChainEstimator {
 public:
  /// `ignored`, if given, has a non-zero value for rows that say nothing about these keys. All
  /// spans are borrowed.
  ChainEstimator(const KeySequences& sequences,
                 std::span<const Seconds> event_time,
                 std::span<const std::int8_t> is_fraud,
                 std::span<const std::uint8_t> ignored);

  /// Where rounds start: from the share of frauds alone.
  const ChainRates& rates() const { return rates_; }

  /// Expected counts of keys [begin, end). With `compromised` given (one value a row of the data)
  /// also writes P(compromised at this payment | all labels) there.
  ChainCounts expect(std::size_t begin, std::size_t end, std::span<float> compromised = {}) const;

  /// Takes the rates that make `counts` likeliest; true once they hardly change any more.
  bool improve(const ChainCounts& counts);

  /// False when the two states that the rounds ended with are too alike for one of them to be a
  /// compromise: history holds none, and the rounds have split noise.
  bool sees_compromises() const;

  /// Then: as rare as history without any allows, lasting days, mostly fraud. The upper bound of
  /// the hazard is the rule of three (Hanley and Lippman-Hand 1983).
  void assume_none_seen();

 private:
  const KeySequences& sequences_;
  std::span<const Seconds> event_time_;
  std::span<const std::int8_t> is_fraud_;
  std::span<const std::uint8_t> ignored_;
  ChainRates rates_;
  double rows_ = 0;
  double fraud_share_ = 0;
  double days_ = 0;  // Of all keys, from their first payment to their last.
};

}  // namespace weir
