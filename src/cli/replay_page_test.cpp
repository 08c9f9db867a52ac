#include "cli/replay_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/transaction/hash.h"

namespace weir::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr Seconds kFrom = 17'900 * kSecondsPerDay;
constexpr int kDays = 30;

ReplayPage small_page() {
  LoopOutcome outcome(kFrom, kFrom + kDays * kSecondsPerDay);
  LossRecord record(kFrom, {});
  const std::vector<TruthWindow> windows = {{2, 3, kFrom, kFrom + 20 * kSecondsPerDay},
                                            {3, 5, kFrom, kFrom + 9 * kSecondsPerDay}};
  EpisodeOutcomes episodes(windows, 900);
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    LoopPayment payment;
    payment.event_time = kFrom + static_cast<Seconds>(i * kDays * kSecondsPerDay / 20'000);
    payment.customer_id = static_cast<std::int64_t>(i % 100);
    payment.amount_minor = static_cast<std::int64_t>(hash64(1, i) % 200'00);
    payment.is_fraud = i % 20 == 0;
    payment.scenario = payment.is_fraud ? (i % 40 == 0 ? 2 : 3) : 0;
    const bool stopped = payment.is_fraud ? i > 300 && hash64(2, i) % 10 != 0 : i % 37 == 0;
    payment.action =
        stopped ? Action::kDecline : (i % 91 == 0 ? Action::kChallenge : Action::kApprove);
    payment.executed = !stopped;
    if (payment.is_fraud && payment.executed)
      record.confirm(payment.event_time, payment.amount_minor);
    if (payment.executed) record.expect(payment.event_time, payment.amount_minor, 0.006);
    if (payment.is_fraud && payment.scenario == 3) payment.customer_id = 5;
    outcome.add(payment);
    episodes.add(payment, payment.scenario == 2 ? 3 : 1);
  }
  ReplayPage page(std::move(outcome));
  page.title = "Replay of <a model>";
  page.subtitle = "30 days";
  page.average_precision = 0.996;
  page.budget = record.state(kFrom + kDays * kSecondsPerDay, 0);
  page.episodes = episodes.outcomes();
  return page;
}

TEST(ReplayPage, ShowsWhetherTheGoalsAreMet) {
  ReplayPage page = small_page();
  std::string html = replay_page(page);
  EXPECT_THAT(html, HasSubstr("goal below 500,000 RUB: met"));
  EXPECT_THAT(html, HasSubstr("goal below 2.0%: NOT MET"));
  EXPECT_THAT(html, HasSubstr("Replay of &lt;a model&gt;"));
  EXPECT_THAT(html, HasSubstr("Loss of the month so far"));
  EXPECT_THAT(html, HasSubstr("Compromised terminals: 1."));
  EXPECT_THAT(html, HasSubstr("terminal 3"));
  EXPECT_THAT(html, Not(HasSubstr("nan ")));
  EXPECT_THAT(html, Not(HasSubstr(">nan")));
  EXPECT_THAT(html, Not(HasSubstr("What less damage costs")));
  EXPECT_THAT(html, Not(HasSubstr("Against no loop")));
  page.budget.month_budget = 1;
  EXPECT_THAT(replay_page(page), HasSubstr("goal below 1 RUB: NOT MET"));
}

TEST(ReplayPage, ShowsTheFrontierAndWhatItIsHeldAgainst) {
  ReplayPage page = small_page();
  page.references = {{"no loop, labels after 7d", 29e6, 0.05, 0.22, 0.79},
                     {"floor", std::nullopt, std::nullopt, 0.2, std::nullopt}};
  page.frontier = {{"k = 100", 258e3, 0.0132, 0.59},
                   {"k = 50", 215e3, 0.0237, 1.05},
                   {"k = 25", 152e3, 0.0457, 2.03},
                   {"worse", 300e3, 0.04, 2}};
  page.chosen = FrontierPoint{"k = 50", 215e3, 0.0237, 1.05};
  page.settings = {{"answers after", "15m"}};
  page.notes = {"Not met: 1 day."};
  const std::string html = replay_page(page);
  EXPECT_THAT(html, HasSubstr("29,000,000 RUB"));
  EXPECT_THAT(html, HasSubstr("Damage by challenges a customer sees"));
  EXPECT_THAT(html, HasSubstr("chosen: k = 50"));
  EXPECT_THAT(html, HasSubstr("answers after"));
  EXPECT_THAT(html, HasSubstr("Not met: 1 day."));
  EXPECT_EQ(html, replay_page(page));
}

}  // namespace
}  // namespace weir::cli
