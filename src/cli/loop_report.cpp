#include "cli/loop_report.h"

#include <fmt/format.h>

#include <memory>

#include "cli/replay_page.h"
#include "cli/verify_replay.h"
#include "core/transaction/calendar.h"
#include "edge/files/decision_table.h"
#include "edge/files/feedback_table.h"
#include "edge/files/staged.h"

namespace weir::cli {
namespace {

/// Shares of genuine payments that the frontier may touch.
constexpr double kFrontier[] = {0.01, 0.02, 0.03, 0.045};

ReplayPage page_of(const std::vector<LoopResult>& results, std::size_t given) {
  const LoopResult& main = results.front();
  const FeedbackSettings& feedback = main.scenario.feedback;
  ReplayPage page(main.outcome);
  page.title = "The closed loop, in roubles";
  page.subtitle =
      fmt::format("{} to {}", format_date(main.outcome.from()), format_date(main.outcome.to()));
  page.settings = {
      {"answers after", format_duration(feedback.answer_delay)},
      {"cardholders who answer", fmt::format("{:g} %", 100 * feedback.answered)},
      {"frauds that pass a challenge", fmt::format("{:g} %", 100 * feedback.fraud_passes)},
      {"chargebacks after", format_duration(feedback.label_delay)},
      {"budget for genuine payments touched",
       fmt::format("{:g} %", 100 * main.scenario.policy.false_positive_rate)}};
  page.average_precision = main.average_precision;
  page.damage_interval = main.damage_interval;
  page.budget = main.budget;
  page.episodes = main.episodes;
  const BlindDamage blind = blind_damage(main.episodes, main.outcome.from());
  if (blind.episodes > 0) {
    page.notes.push_back(fmt::format(
        "Terminals compromised in the period: {}. Before any answer about them could come, "
        "{:.0f} RUB of fraud were tried and {:.0f} % of it went through. No honest policy stops a "
        "larger part of this than it touches of all payments, so much less than 100 % would be a "
        "leak.",
        blind.episodes, blind.exposure_roubles, 100 * blind.share()));
  }
  page.chosen = point_of(main, "this policy");
  const Seconds period = main.outcome.to() - main.outcome.from();
  for (std::size_t i = 1; i < results.size(); ++i) {
    const LoopResult& other = results[i];
    if (!other.scenario.closed) {
      page.references.push_back({fmt::format("no loop, labels after {}",
                                             format_duration(other.scenario.feedback.label_delay)),
                                 other.open.damage_roubles_per_month(period),
                                 other.open.false_positive_rate(), other.open.false_negative_rate(),
                                 other.average_precision});
      if (other.best_open) {
        page.references.push_back({"the expected best without a loop", std::nullopt,
                                   kOpenLoopFalsePositiveRate, other.best_open->false_negative_rate,
                                   other.best_open->average_precision});
      }
    } else if (i < given) {
      page.references.push_back({other.scenario.name, other.outcome.damage_roubles_per_month(),
                                 other.outcome.total().false_positive_rate(),
                                 other.outcome.total().false_negative_rate(),
                                 other.average_precision});
    } else {
      page.frontier.push_back(point_of(other, other.scenario.name));
    }
  }
  return page;
}

}  // namespace

FrontierPoint point_of(const LoopResult& result, std::string name) {
  return {std::move(name), result.outcome.damage_roubles_per_month(),
          result.outcome.total().false_positive_rate(),
          result.outcome.challenges_per_customer_month()};
}

std::vector<LoopResult> run_loop_report(const LoopReportOptions& options,
                                        const Bundle& bundle,
                                        std::vector<LoopScenario> scenarios,
                                        Progress& progress) {
  const std::size_t given = scenarios.size();
  if (!options.page.empty()) {
    LoopScenario open = scenarios.front();
    open.name = "no loop";
    open.closed = false;
    scenarios.push_back(open);
  }
  if (options.frontier) {
    for (const double share : kFrontier) {
      LoopScenario other = scenarios.front();
      other.name = fmt::format("{:g} % touched", 100 * share);
      other.policy.false_positive_rate = share;
      other.policy.lost_genuine_rate = 1;
      scenarios.push_back(other);
    }
  }
  std::unique_ptr<files::DecisionTableWriter> writer;
  ReplayedSink sink;
  if (!options.decisions.empty()) {
    writer = std::make_unique<files::DecisionTableWriter>(
        options.decisions, bundle.manifest.version, files::DecisionColumns::kReplay,
        replay_metadata(options.replay, scenarios.front()));
    sink = [&](const PaymentView& payments, const std::vector<ReplayedPayment>& replayed) {
      std::vector<Decision> decisions;
      std::vector<std::uint8_t> executed;
      for (const ReplayedPayment& one : replayed) {
        decisions.push_back(one.decision);
        executed.push_back(one.executed);
      }
      writer->append(payments, decisions, executed);
    };
  }
  LoopReplayOptions replay = options.replay;
  if (!options.truth.empty()) {
    replay.truth = parse_truth(files::read_text(options.truth), options.truth);
  }
  std::unique_ptr<files::FeedbackTableWriter> feedback;
  if (!options.feedback.empty()) {
    feedback = std::make_unique<files::FeedbackTableWriter>(options.feedback);
    replay.heard = [&](const std::vector<Feedback>& heard) { feedback->append(heard); };
  }
  auto results = replay_loops(bundle, replay, scenarios, sink, progress);
  if (writer) writer->commit();
  if (feedback) feedback->commit();
  if (!options.page.empty()) {
    files::StagedFile staged(options.page);
    ReplayPage page = page_of(results, given);
    page.references.insert(page.references.end(), options.references.begin(),
                           options.references.end());
    files::write_text(staged.path(), replay_page(page));
    staged.commit();
  }
  return results;
}

}  // namespace weir::cli
