#include "core/beliefs/estimation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "core/transaction/error.h"

namespace weir {
namespace {

/// Shares are kept off 0 and 1: no label may ever be impossible.
constexpr double kLeastShare = 1e-5;
constexpr double kMostShare = 0.999;
/// Where the rounds start. They say "compromises are rare, last days, and are mostly fraud"; the
/// data moves them.
constexpr double kFirstStartsPerDay = 0.002;
constexpr double kFirstEndsPerDay = 0.1;
constexpr double kFirstCompromisedFraud = 0.5;
constexpr double kSettled = 1e-3;
/// Compromised keys have so many times the frauds of sound ones, at least. Noise split in two shows
/// a factor of 2 or 3.
constexpr double kLeastContrast = 5;

Estimate rate_of(double events, double days) {
  const double value = (events + 1e-9) / std::max(days, 1e-9);
  const double spread = 1.96 * std::sqrt(events + 1) / std::max(days, 1e-9);
  return {value, std::max(0.0, value - spread), value + spread};
}

Estimate share_of(double part, double whole) {
  const double value =
      std::clamp((part + kLeastShare) / (whole + 2 * kLeastShare), kLeastShare, kMostShare);
  const double spread = 1.96 * std::sqrt(value * (1 - value) / std::max(whole, 1.0));
  return {value, std::max(0.0, value - spread), std::min(1.0, value + spread)};
}

}  // namespace

KeySequences group_by_key(std::span<const std::int64_t> ids) {
  WEIR_CHECK(ids.size() < std::numeric_limits<std::uint32_t>::max());
  std::vector<std::int64_t> keys(ids.begin(), ids.end());
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  // Ids that lie close together, as they do in practice, are looked up by their distance.
  const bool dense = !keys.empty() &&
                     static_cast<std::size_t>(keys.back() - keys.front()) < 4 * keys.size() + 1'024;
  std::vector<std::uint32_t> by_distance;
  std::unordered_map<std::int64_t, std::uint32_t> by_id;
  if (dense) by_distance.resize(static_cast<std::size_t>(keys.back() - keys.front()) + 1);
  for (std::uint32_t number = 0; number < keys.size(); ++number) {
    if (dense) {
      by_distance[static_cast<std::size_t>(keys[number] - keys.front())] = number;
    } else {
      by_id.emplace(keys[number], number);
    }
  }
  const auto number_of = [&](std::int64_t id) {
    return dense ? by_distance[static_cast<std::size_t>(id - keys.front())] : by_id.at(id);
  };
  KeySequences sequences;
  sequences.begins.assign(keys.size() + 1, 0);
  for (const std::int64_t id : ids) ++sequences.begins[number_of(id) + 1];
  std::partial_sum(sequences.begins.begin(), sequences.begins.end(), sequences.begins.begin());
  std::vector<std::size_t> next(sequences.begins.begin(), sequences.begins.end() - 1);
  sequences.rows.resize(ids.size());
  for (std::uint32_t row = 0; row < ids.size(); ++row) {
    sequences.rows[next[number_of(ids[row])]++] = row;
  }
  return sequences;
}

void ChainCounts::add(const ChainCounts& other) {
  starts += other.starts;
  ends += other.ends;
  sound_days += other.sound_days;
  compromised_days += other.compromised_days;
  sound_rows += other.sound_rows;
  sound_frauds += other.sound_frauds;
  compromised_rows += other.compromised_rows;
  compromised_frauds += other.compromised_frauds;
}

ChainEstimator::ChainEstimator(const KeySequences& sequences,
                               std::span<const Seconds> event_time,
                               std::span<const std::int8_t> is_fraud,
                               std::span<const std::uint8_t> ignored)
    : sequences_(sequences), event_time_(event_time), is_fraud_(is_fraud), ignored_(ignored) {
  WEIR_CHECK(event_time.size() == is_fraud.size() && sequences.rows.size() == is_fraud.size());
  double frauds = 0;
  for (std::size_t row = 0; row < is_fraud.size(); ++row) {
    if (!ignored.empty() && ignored[row] != 0) continue;
    rows_ += 1;
    frauds += is_fraud[row];
  }
  if (frauds == 0) {
    throw Error(
        "beliefs: no labelled fraud to estimate rates from; give a period whose labels are known");
  }
  const double share = fraud_share_ = frauds / rows_;
  rates_.starts_per_day = {kFirstStartsPerDay, 0, 0};
  rates_.ends_per_day = {kFirstEndsPerDay, 0, 0};
  rates_.compromised_fraud = {std::max(kFirstCompromisedFraud, std::min(0.9, 3 * share)), 0, 0};
  rates_.sound_fraud = {std::max(kLeastShare, share / 2), 0, 0};
}

ChainCounts ChainEstimator::expect(std::size_t begin,
                                   std::size_t end,
                                   std::span<float> compromised) const {
  const double start = rates_.starts_per_day.value;
  const double stop = rates_.ends_per_day.value;
  const double stationary = rates_.stationary();
  const double emission[2][2] = {
      {1 - rates_.sound_fraud.value, rates_.sound_fraud.value},
      {1 - rates_.compromised_fraud.value, rates_.compromised_fraud.value}};
  ChainCounts counts;
  std::vector<double> forward;         // P(compromised | labels so far).
  std::vector<double> to_compromised;  // Of a sound key, since the payment before.
  std::vector<double> to_sound;
  for (std::size_t key = begin; key < end; ++key) {
    const std::span<const std::uint32_t> rows(sequences_.rows.data() + sequences_.begins[key],
                                              sequences_.begins[key + 1] - sequences_.begins[key]);
    const std::size_t size = rows.size();
    forward.resize(size);
    to_compromised.resize(size);
    to_sound.resize(size);
    const auto likelihood = [&](std::size_t i, int state) {
      const std::uint32_t row = rows[i];
      return !ignored_.empty() && ignored_[row] != 0 ? 1.0 : emission[state][is_fraud_[row]];
    };
    double belief = stationary;
    for (std::size_t i = 0; i < size; ++i) {
      if (i > 0) {
        const double days =
            static_cast<double>(event_time_[rows[i]] - event_time_[rows[i - 1]]) / kSecondsPerDay;
        const double changed = -std::expm1(-(start + stop) * days);
        to_compromised[i] = stationary * changed;
        to_sound[i] = (1 - stationary) * changed;
        belief = belief * (1 - to_sound[i]) + (1 - belief) * to_compromised[i];
      }
      const double one = belief * likelihood(i, 1);
      const double zero = (1 - belief) * likelihood(i, 0);
      belief = one / (one + zero);
      forward[i] = belief;
    }
    // Backwards: P(later labels | state), scaled so that it stays near 1.
    double later[2] = {1, 1};
    for (std::size_t i = size; i-- > 0;) {
      const double one = forward[i] * later[1];
      const double zero = (1 - forward[i]) * later[0];
      const double smoothed = one / (one + zero);
      const std::uint32_t row = rows[i];
      if (!compromised.empty()) compromised[row] = static_cast<float>(smoothed);
      if (ignored_.empty() || ignored_[row] == 0) {
        counts.compromised_rows += smoothed;
        counts.sound_rows += 1 - smoothed;
        counts.compromised_frauds += smoothed * is_fraud_[row];
        counts.sound_frauds += (1 - smoothed) * is_fraud_[row];
      }
      if (i == 0) break;
      const double here[2] = {likelihood(i, 0) * later[0], likelihood(i, 1) * later[1]};
      const double from_sound =
          (1 - forward[i - 1]) * ((1 - to_compromised[i]) * here[0] + to_compromised[i] * here[1]);
      const double from_compromised =
          forward[i - 1] * (to_sound[i] * here[0] + (1 - to_sound[i]) * here[1]);
      const double both = from_sound + from_compromised;
      counts.starts += (1 - forward[i - 1]) * to_compromised[i] * here[1] / both;
      counts.ends += forward[i - 1] * to_sound[i] * here[0] / both;
      const double days =
          static_cast<double>(event_time_[row] - event_time_[rows[i - 1]]) / kSecondsPerDay;
      const double before = from_compromised / both;
      counts.compromised_days += days * (smoothed + before) / 2;
      counts.sound_days += days * (1 - (smoothed + before) / 2);
      const double scale = 1 / both;
      const double sound =
          ((1 - to_compromised[i]) * here[0] + to_compromised[i] * here[1]) * scale;
      const double bad = (to_sound[i] * here[0] + (1 - to_sound[i]) * here[1]) * scale;
      later[0] = sound;
      later[1] = bad;
    }
  }
  return counts;
}

bool ChainEstimator::sees_compromises() const {
  return rates_.compromised_fraud.value >= kLeastContrast * rates_.sound_fraud.value;
}

void ChainEstimator::assume_none_seen() {
  const double days = std::max(days_, 1.0);
  rates_.starts_per_day = {1 / (days + 1 / kFirstStartsPerDay), 0, 3 / days};
  rates_.ends_per_day = {kFirstEndsPerDay, 0, 1};
  rates_.compromised_fraud = {std::max(kFirstCompromisedFraud, std::min(0.9, 3 * fraud_share_)), 0,
                              1};
  rates_.sound_fraud = share_of(fraud_share_ * rows_, rows_);
}

bool ChainEstimator::improve(const ChainCounts& counts) {
  const ChainRates before = rates_;
  days_ = counts.sound_days + counts.compromised_days;
  rates_.starts_per_day = rate_of(counts.starts, counts.sound_days);
  rates_.ends_per_day = rate_of(counts.ends, counts.compromised_days);
  rates_.compromised_fraud = share_of(counts.compromised_frauds, counts.compromised_rows);
  rates_.sound_fraud = share_of(counts.sound_frauds, counts.sound_rows);
  const auto settled = [](const Estimate& old, const Estimate& now) {
    return std::abs(now.value - old.value) <= kSettled * std::max(old.value, 1e-12);
  };
  return settled(before.starts_per_day, rates_.starts_per_day) &&
         settled(before.ends_per_day, rates_.ends_per_day) &&
         settled(before.compromised_fraud, rates_.compromised_fraud) &&
         settled(before.sound_fraud, rates_.sound_fraud);
}

}  // namespace weir
