// One payment through clean + features + score + decide, one at a time, in one thread.
//
// Usage: pipeline_bench BUNDLE LAKE [PAYMENTS]
// First the answer: every margin equals that of the naive scorer on the batch features, to the bit.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/features/feature_batch.h"
#include "core/pipeline/pipeline.h"
#include "core/transaction/calendar.h"
#include "core/transaction/money.h"
#include "edge/files/lake.h"
#include "edge/registry/bundle_folder.h"

namespace {
using namespace weir;
using Clock = std::chrono::steady_clock;

/// A payment as its sender writes it.
struct Texts {
  std::string transaction_id, event_time, customer_id, terminal_id, amount;

  explicit Texts(const Payment& payment)
      : transaction_id(fmt::format("{}", payment.transaction_id)),
        event_time(format_datetime(payment.event_time)),
        customer_id(fmt::format("{}", payment.customer_id)),
        terminal_id(fmt::format("{}", payment.terminal_id)),
        amount(format_amount(payment.amount_minor)) {}
  RawPayment raw() const {
    return {transaction_id, event_time, customer_id, terminal_id, amount, false, {}, {}, {}};
  }
};

/// Margins of the batch features under the naive scorer.
std::vector<float> expected_margins(const Bundle& bundle, const PaymentView& payments) {
  FeatureBatch batch(payments, bundle.features, bundle.manifest.label_delay);
  FeatureMatrix matrix(payments.size(), bundle.features.size());
  std::vector<float*> columns;
  for (std::size_t i = 0; i < matrix.columns(); ++i) columns.push_back(matrix.column(i).data());
  for (std::size_t part = 0; part < batch.part_count(); ++part)
    batch.compute(part, 0, payments.size(), columns);
  const Scorer naive(Forest::parse_ubj(bundle.forest_ubj, "bundle"), ScorerKind::kNaive);
  std::vector<float> margins(payments.size());
  std::vector<float> row(matrix.columns());
  for (std::size_t i = 0; i < payments.size(); ++i) {
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = matrix.column(j)[i];
    margins[i] = naive.margin(row.data());
  }
  return margins;
}

int run(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: pipeline_bench BUNDLE LAKE [PAYMENTS]\n");
    return 2;
  }
  const Bundle bundle = registry::load_bundle(argv[1]);
  Progress silent;
  const PaymentColumns columns = files::read_lake(argv[2], std::nullopt, std::nullopt, 2, silent);
  const std::size_t wanted = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1'000'000;
  const PaymentView payments = columns.view().slice(0, std::min(wanted, columns.size()));
  const std::vector<float> expected = expected_margins(bundle, payments);

  Pipeline pipeline(bundle);
  std::vector<float> latency_us;
  latency_us.reserve(payments.size());
  std::size_t labelled = 0;
  std::size_t differing = 0;
  for (std::size_t row = 0; row < payments.size(); ++row) {
    const Payment payment = payments[row];
    for (; labelled < row &&
           payments.event_time[labelled] + bundle.manifest.label_delay <= payment.event_time;
         ++labelled) {
      const bool fraud = payments.is_fraud[labelled] != 0;
      pipeline.apply({payments[labelled], fraud ? Outcome::kFraud : Outcome::kGenuine,
                      fraud ? OutcomeSource::kChargeback : OutcomeSource::kMaturity,
                      payments.event_time[labelled] + bundle.manifest.label_delay});
    }
    const Texts texts(payment);
    const auto start = Clock::now();
    const auto answer = pipeline.apply(texts.raw(), payment.event_time);
    const auto end = Clock::now();
    latency_us.push_back(std::chrono::duration<float, std::micro>(end - start).count());
    const auto* decision = std::get_if<Decision>(&answer);
    if (decision == nullptr || decision->margin != expected[row]) ++differing;
  }
  if (differing != 0) {
    fmt::print(stderr, "pipeline_bench: {} of {} margins differ from the naive twin\n", differing,
               payments.size());
    return 1;
  }
  // The second half: the windows are full by then.
  std::vector<float> steady(latency_us.begin() + static_cast<std::ptrdiff_t>(latency_us.size() / 2),
                            latency_us.end());
  std::sort(steady.begin(), steady.end());
  const auto quantile = [&](double q) {
    return steady[static_cast<std::size_t>(q * static_cast<double>(steady.size() - 1))];
  };
  fmt::print("pipeline: {} payments, {} features, margins equal to the naive twin's\n",
             payments.size(), bundle.features.size());
  fmt::print(
      "clean + features + score + decide, us: p50 {:.2f}  p99 {:.2f}  p99.9 {:.2f}  (goal: p50 <= "
      "2, p99 <= 4)\n",
      quantile(0.5), quantile(0.99), quantile(0.999));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "pipeline_bench: {}\n", error.what());
    return 1;
  }
}
