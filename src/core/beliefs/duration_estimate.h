#pragma once

#include <span>

#include "core/beliefs/estimation.h"

namespace weir {

/// How long compromises last, from runs of payments with P(compromised | all labels) >= 1/2. Of a
/// run that was under way as the data began only the rest was seen, of one that outlasts them only
/// the beginning. The likeliest law, by expectation and maximisation over quarters of a day: starts
/// are taken to come at an even rate, so a compromise is met under way in proportion to its length
/// and anywhere in it (Vardi 1989, "Multiplicative censoring, renewal processes, deconvolution and
/// decreasing density"). One more compromise of the mean rate keeps the ages that saw few.
///
/// Empty where fewer than kLeastWhole were seen from start to end and fewer than kLeastEnds ends.
/// `compromised`: one value a row of the data, as ChainEstimator::expect writes it.
DurationLaw estimate_durations(const KeySequences& sequences,
                               std::span<const Seconds> event_time,
                               std::span<const float> compromised,
                               const ChainRates& rates);
inline constexpr int kLeastWhole = 3;
inline constexpr int kLeastEnds = 10;

}  // namespace weir
