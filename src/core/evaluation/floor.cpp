#include "core/evaluation/floor.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {

constexpr std::string_view kHeader = "scenario,key,from,until";
constexpr int kTerminalScenario = 2;
constexpr std::size_t kLuckyRankings = 1000;
constexpr double kLuck = 0.99;
constexpr std::uint64_t kChanceSeed = 0x666c6f6f72;  // Any constant.

using Episodes = std::map<std::int64_t, std::vector<TruthWindow>>;

Episodes terminal_episodes(std::span<const TruthWindow> windows) {
  Episodes episodes;
  for (const TruthWindow& window : windows) {
    if (window.scenario == kTerminalScenario) episodes[window.key].push_back(window);
  }
  for (auto& [terminal, list] : episodes) {
    std::sort(list.begin(), list.end(), [](const TruthWindow& left, const TruthWindow& right) {
      return left.from < right.from;
    });
    std::vector<TruthWindow> merged;
    for (const TruthWindow& window : list) {
      if (!merged.empty() && window.from <= merged.back().until) {
        merged.back().until = std::max(merged.back().until, window.until);
      } else {
        merged.push_back(window);
      }
    }
    list = std::move(merged);
  }
  return episodes;
}

const TruthWindow* episode_at(const Episodes& episodes, std::int64_t terminal, Seconds time) {
  const auto found = episodes.find(terminal);
  if (found == episodes.end()) return nullptr;
  for (const TruthWindow& window : found->second) {
    if (window.from <= time && time < window.until) return &window;
  }
  return nullptr;
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

/// One ranking in which each episode's blind frauds stand together at a place drawn by chance.
struct LuckyRanking {
  double average_precision = 0;
  double roc_auc = 0;
  double false_negative_rate = 0;
};

LuckyRanking draw_ranking(const Floor& floor, double genuine, double rate, std::uint64_t number) {
  std::vector<std::pair<double, std::uint64_t>>
      episodes;  // Share of genuine payments above, frauds.
  for (std::size_t i = 0; i < floor.blind_by_episode.size(); ++i) {
    episodes.emplace_back(unit_interval(hash64(kChanceSeed, number, i)), floor.blind_by_episode[i]);
  }
  std::sort(episodes.begin(), episodes.end());
  const auto frauds = static_cast<double>(floor.frauds);
  auto found = static_cast<double>(floor.frauds - floor.blind);
  LuckyRanking ranking{found, found, 0};
  for (const auto& [above, blind] : episodes) {
    for (std::uint64_t i = 0; i < blind; ++i) {
      found += 1;
      ranking.average_precision += found / (found + above * genuine);
    }
    ranking.roc_auc += static_cast<double>(blind) * (1 - above);
    if (above > rate) ranking.false_negative_rate += static_cast<double>(blind);
  }
  return {ranking.average_precision / frauds, ranking.roc_auc / frauds,
          ranking.false_negative_rate / frauds};
}

double quantile_of(std::vector<double> values, double share) {
  const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + place, values.end());
  return values[static_cast<std::size_t>(place)];
}

void bound_by_luck(Ceiling& ceiling, const Floor& floor, double genuine, double rate) {
  std::vector<double> average_precision;
  std::vector<double> roc_auc;
  std::vector<double> false_negative_rate;
  for (std::uint64_t number = 0; number < kLuckyRankings; ++number) {
    const LuckyRanking ranking = draw_ranking(floor, genuine, rate, number);
    average_precision.push_back(ranking.average_precision);
    roc_auc.push_back(ranking.roc_auc);
    false_negative_rate.push_back(ranking.false_negative_rate);
  }
  ceiling.average_precision_bound = quantile_of(std::move(average_precision), kLuck);
  ceiling.roc_auc_bound = quantile_of(std::move(roc_auc), kLuck);
  ceiling.false_negative_rate_bound = quantile_of(std::move(false_negative_rate), 1 - kLuck);
}

}  // namespace

std::vector<TruthWindow> parse_truth(std::string_view csv, std::string_view source) {
  std::vector<TruthWindow> windows;
  std::size_t line_number = 0;
  while (!csv.empty()) {
    const std::size_t end = csv.find('\n');
    std::string_view line = csv.substr(0, end);
    csv.remove_prefix(end == std::string_view::npos ? csv.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (++line_number == 1) {
      if (line != kHeader) {
        throw Error(fmt::format(
            "truth \"{}\": line 1 is \"{}\", wanted \"{}\"; give the windows.csv of weir simulate",
            source, line.substr(0, 80), kHeader));
      }
      continue;
    }
    if (line.empty()) continue;
    std::vector<std::string_view> fields;
    for (std::string_view rest = line;;) {
      const std::size_t comma = rest.find(',');
      fields.push_back(rest.substr(0, comma));
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
    TruthWindow window;
    const auto from = fields.size() == 4 ? parse_datetime(fields[2]) : std::nullopt;
    const auto until = fields.size() == 4 ? parse_datetime(fields[3]) : std::nullopt;
    if (!from || !until || *from > *until || !read_number(fields[0], window.scenario) ||
        !read_number(fields[1], window.key)) {
      throw Error(fmt::format("truth \"{}\": line {} is \"{}\", wanted scenario,key,from,until",
                              source, line_number, line.substr(0, 80)));
    }
    window.from = *from;
    window.until = *until;
    windows.push_back(window);
  }
  if (line_number == 0)
    throw Error(
        fmt::format("truth \"{}\" is empty; give the windows.csv of weir simulate", source));
  return windows;
}

std::vector<TruthWindow> windows_from_labels(const PaymentView& history) {
  std::map<std::int64_t, TruthWindow> open;
  std::vector<TruthWindow> windows;
  for (std::size_t row = 0; row < history.size(); ++row) {
    if (history.fraud_scenario[row] != kTerminalScenario) continue;
    const std::int64_t terminal = history.terminal_id[row];
    const Seconds time = history.event_time[row];
    const auto [window, first] =
        open.try_emplace(terminal, TruthWindow{kTerminalScenario, terminal, time, time + 1});
    if (first) continue;
    if (time - window->second.until > kEpisodeGap) {
      windows.push_back(window->second);
      window->second.from = time;
    }
    window->second.until = time + 1;
  }
  for (const auto& [terminal, window] : open) windows.push_back(window);
  return windows;
}

double Floor::share() const {
  return frauds == 0 ? 0.0 : static_cast<double>(blind) / static_cast<double>(frauds);
}

FloorScan::FloorScan(std::span<const TruthWindow> windows, Seconds label_delay)
    : episodes_(terminal_episodes(windows)), label_delay_(label_delay) {}

void FloorScan::add(const PaymentView& payments, std::size_t row, bool evaluated) {
  const bool fraud = payments.is_fraud[row] != 0;
  if (evaluated) floor_.is_blind.push_back(false);
  if (!fraud) return;
  const Seconds time = payments.event_time[row];
  const std::int64_t terminal = payments.terminal_id[row];
  const TruthWindow* episode = episode_at(episodes_, terminal, time);
  const Episode key{terminal, episode == nullptr ? 0 : episode->from};
  const auto evidence = episode == nullptr ? first_fraud_.end() : first_fraud_.find(key);
  if (evaluated) {
    ++floor_.frauds;
    if (payments.fraud_scenario[row] == kTerminalScenario) {
      ++floor_.scenario_2;
      const bool known = evidence != first_fraud_.end() && evidence->second + label_delay_ <= time;
      floor_.is_blind.back() = !known;
      floor_.blind += !known;
      if (!known) ++blind_of_[key];
    }
  }
  if (episode != nullptr) first_fraud_.try_emplace(key, time);
}

Floor FloorScan::finish() && {
  for (const auto& [episode, blind] : blind_of_) floor_.blind_by_episode.push_back(blind);
  return std::move(floor_);
}

Floor compute_floor(const PaymentView& history,
                    std::size_t begin,
                    std::span<const TruthWindow> windows,
                    Seconds label_delay) {
  WEIR_CHECK(history.has_labels() && begin <= history.size());
  FloorScan scan(windows, label_delay);
  for (std::size_t row = 0; row < history.size(); ++row) scan.add(history, row, row >= begin);
  return std::move(scan).finish();
}

Ceiling compute_ceiling(const Floor& floor, double false_positive_rate) {
  const std::size_t payments = floor.is_blind.size();
  const auto visible = static_cast<double>(floor.frauds - floor.blind);
  const auto blind = static_cast<double>(floor.blind);
  const auto frauds = static_cast<double>(floor.frauds);
  const std::size_t rest = payments - (floor.frauds - floor.blind);
  Ceiling ceiling;
  if (floor.frauds == 0 || rest == floor.blind) {
    ceiling.average_precision = ceiling.roc_auc = std::numeric_limits<double>::quiet_NaN();
    return ceiling;
  }
  // Place j of the rest is a fraud with chance `density`; expected precision there.
  const double density = blind / static_cast<double>(rest);
  double sum = visible;
  for (std::size_t j = 1; j <= rest; ++j) {
    const auto place = static_cast<double>(j);
    sum += density * (visible + 1 + density * (place - 1)) / (visible + place);
  }
  ceiling.average_precision = sum / frauds;
  ceiling.roc_auc = (visible + blind / 2) / frauds;
  bound_by_luck(ceiling, floor, static_cast<double>(payments - floor.frauds), false_positive_rate);
  return ceiling;
}

std::vector<float> perfect_scores(const Floor& floor, const PaymentView& payments) {
  WEIR_CHECK(floor.is_blind.size() == payments.size());
  std::vector<float> scores;
  scores.reserve(payments.size());
  for (std::size_t row = 0; row < payments.size(); ++row) {
    const auto id = static_cast<std::uint64_t>(payments.transaction_id[row]);
    const bool seen = payments.is_fraud[row] != 0 && !floor.is_blind[row];
    scores.push_back(seen ? 2.0F : static_cast<float>(unit_interval(hash64(kChanceSeed, id))));
  }
  return scores;
}

}  // namespace weir
