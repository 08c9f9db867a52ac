#include "cli/verify_replay.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <optional>

#include "cli/loop_scenarios.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/decision_reader.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

constexpr std::size_t kShownDifferences = 10;
constexpr const char* kScenarioKey = "replay_scenario";
constexpr const char* kFromKey = "replay_from";
constexpr const char* kToKey = "replay_to";
constexpr const char* kRunInKey = "replay_run_in";

std::optional<Seconds> seconds_of(const files::DecisionFile& file, const std::string& key) {
  const std::string text = file.metadata(key);
  if (text.empty()) return std::nullopt;
  Seconds seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Error(fmt::format("decisions \"{}\": metadata {} is \"{}\", wanted a whole number",
                            file.location(), key, text));
  }
  return seconds;
}

template <typename Value>
bool same_bits(Value left, Value right) {
  return std::memcmp(&left, &right, sizeof(Value)) == 0;
}

/// The recorded decisions, one by one.
class Recorded {
 public:
  explicit Recorded(const files::DecisionFile& file) : file_(file) {}

  bool next() {
    if (row_ + 1 < rows_.size()) {
      ++row_;
      return true;
    }
    if (group_ == file_.groups()) return false;
    rows_ = file_.read(group_++);
    row_ = 0;
    return rows_.size() > 0;
  }
  /// What differs from the same decision made again, in words; empty when nothing does.
  std::string difference(const Payment& payment, const ReplayedPayment& again) const {
    const Decision& decision = again.decision;
    if (rows_.transaction_id[row_] != payment.transaction_id) {
      return fmt::format("recorded payment {}, replayed payment {}", rows_.transaction_id[row_],
                         payment.transaction_id);
    }
    if (rows_.action[row_] != decision.action) {
      return fmt::format("recorded {}, decided again {}", action_name(rows_.action[row_]),
                         action_name(decision.action));
    }
    if (!same_bits(rows_.score[row_], decision.score)) {
      return fmt::format("recorded score {}, again {}", rows_.score[row_], decision.score);
    }
    if (!same_bits(rows_.probability[row_], decision.probability)) {
      return fmt::format("recorded probability {}, again {}", rows_.probability[row_],
                         decision.probability);
    }
    if ((rows_.executed[row_] != 0) != again.executed) {
      return fmt::format("recorded as {}executed, again the other way",
                         rows_.executed[row_] != 0 ? "" : "not ");
    }
    return {};
  }

 private:
  const files::DecisionFile& file_;
  files::DecisionRows rows_;
  std::size_t group_ = 0;
  std::size_t row_ = 0;
};

}  // namespace

std::vector<std::pair<std::string, std::string>> replay_metadata(const LoopReplayOptions& options,
                                                                 const LoopScenario& scenario) {
  std::vector<std::pair<std::string, std::string>> metadata = {
      {kScenarioKey, scenario_toml(scenario)}, {kRunInKey, fmt::format("{}", options.run_in)}};
  if (options.from) metadata.emplace_back(kFromKey, fmt::format("{}", *options.from));
  if (options.to) metadata.emplace_back(kToKey, fmt::format("{}", *options.to));
  return metadata;
}

VerifyResult verify_replay(const VerifyReplayOptions& options, Progress& progress) {
  const Bundle bundle = registry::load_bundle(options.bundle);
  const files::DecisionFile file(options.decisions);
  const std::string scenario = file.metadata(kScenarioKey);
  if (scenario.empty() || !file.has_executed()) {
    throw Error(
        fmt::format("decisions \"{}\": names no replay of the closed loop, so it cannot be made "
                    "again; write it with weir replay and a bundle of weir train --beliefs",
                    options.decisions));
  }
  if (file.metadata("model_version") != bundle.manifest.version) {
    throw Error(fmt::format("decisions \"{}\": were made by bundle {}, given is {} ({})",
                            options.decisions, file.metadata("model_version"),
                            bundle.manifest.version, options.bundle));
  }
  if (options.lake.empty()) {
    throw UsageError(fmt::format("decisions \"{}\": give the lake that was replayed with --history",
                                 options.decisions));
  }
  LoopReplayOptions replay;
  replay.lake = options.lake;
  replay.from = seconds_of(file, kFromKey);
  replay.to = seconds_of(file, kToKey);
  replay.run_in = seconds_of(file, kRunInKey).value_or(replay.run_in);
  replay.threads = options.threads;
  replay.keep_scores = false;
  VerifyResult result;
  Recorded recorded(file);
  const auto note = [&](std::string text) {
    ++result.different;
    if (result.differences.size() < kShownDifferences) result.differences.push_back(text);
  };
  replay_loops(
      bundle, replay, parse_scenarios(scenario, options.decisions, scenario_of(bundle)),
      [&](const PaymentView& payments, const std::vector<ReplayedPayment>& again) {
        for (std::size_t row = 0; row < payments.size(); ++row) {
          if (!recorded.next()) {
            note(fmt::format("payment {} at {} has no record", payments.transaction_id[row],
                             format_datetime(payments.event_time[row])));
            continue;
          }
          ++result.entries;
          ++result.decisions;
          const std::string text = recorded.difference(payments[row], again[row]);
          if (text.empty()) continue;
          note(fmt::format("payment {} at {}: {}", payments.transaction_id[row],
                           format_datetime(payments.event_time[row]), text));
        }
      },
      progress);
  if (result.entries < file.rows()) {
    note(fmt::format("{} records have no payment in the lake", file.rows() - result.entries));
  }
  return result;
}

}  // namespace weir::cli
