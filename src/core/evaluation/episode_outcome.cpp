#include "core/evaluation/episode_outcome.h"

#include <algorithm>
#include <tuple>

#include "core/transaction/hash.h"

namespace weir {

std::optional<Seconds> EpisodeOutcome::time_to_block() const {
  if (!first_fraud || !first_block) return std::nullopt;
  return *first_block - *first_fraud;
}

std::size_t EpisodeOutcomes::KeyHash::operator()(const Key& key) const {
  return hash64(static_cast<std::uint64_t>(key.scenario), static_cast<std::uint64_t>(key.id));
}

BlindDamage blind_damage(std::span<const EpisodeOutcome> episodes, Seconds from) {
  constexpr double kKopecks = 100;
  BlindDamage blind;
  for (const EpisodeOutcome& episode : episodes) {
    if (episode.window.scenario != 2 || episode.window.from < from) continue;
    ++blind.episodes;
    blind.exposure_roubles += static_cast<double>(episode.blind_minor) / kKopecks;
    blind.damage_roubles += static_cast<double>(episode.blind_damage_minor) / kKopecks;
  }
  return blind;
}

EpisodeOutcomes::EpisodeOutcomes(std::span<const TruthWindow> windows, Seconds answer_delay)
    : answer_delay_(answer_delay) {
  std::vector<TruthWindow> sorted(windows.begin(), windows.end());
  std::sort(sorted.begin(), sorted.end(), [](const TruthWindow& left, const TruthWindow& right) {
    return std::tie(left.scenario, left.key, left.from, left.until) <
           std::tie(right.scenario, right.key, right.from, right.until);
  });
  for (const TruthWindow& window : sorted) {
    if (!episodes_.empty()) {
      TruthWindow& last = episodes_.back().window;
      if (last.scenario == window.scenario && last.key == window.key && window.from <= last.until) {
        last.until = std::max(last.until, window.until);
        continue;
      }
    }
    first_of_.try_emplace({window.scenario, window.key}, episodes_.size());
    EpisodeOutcome episode;
    episode.window = window;
    episodes_.push_back(episode);
  }
}

void EpisodeOutcomes::add_fraud(const LoopPayment& payment, std::int64_t key) {
  const auto found = first_of_.find({payment.scenario, key});
  if (found == first_of_.end()) return;
  // One key has few episodes.
  for (std::size_t i = found->second; i < episodes_.size(); ++i) {
    EpisodeOutcome& episode = episodes_[i];
    if (episode.window.key != key || episode.window.scenario != payment.scenario) return;
    const Seconds time = payment.event_time;
    if (time < episode.window.from || time >= episode.window.until) continue;
    ++episode.frauds;
    episode.first_fraud = std::min(episode.first_fraud.value_or(time), time);
    if (time < episode.window.from + answer_delay_) {
      episode.blind_minor += payment.amount_minor;
      if (payment.executed) episode.blind_damage_minor += payment.amount_minor;
    }
    if (payment.executed) {
      ++episode.frauds_through;
      episode.damage_minor += payment.amount_minor;
    } else {
      episode.first_block = std::min(episode.first_block.value_or(time), time);
    }
    return;
  }
}

std::vector<EpisodeOutcome> EpisodeOutcomes::outcomes() const {
  std::vector<EpisodeOutcome> result;
  for (const EpisodeOutcome& episode : episodes_) {
    if (episode.frauds > 0) result.push_back(episode);
  }
  std::sort(result.begin(), result.end(), [](const auto& left, const auto& right) {
    return std::tie(left.window.scenario, left.window.from, left.window.key) <
           std::tie(right.window.scenario, right.window.from, right.window.key);
  });
  return result;
}

}  // namespace weir
