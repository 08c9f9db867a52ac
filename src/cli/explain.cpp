#include "cli/explain.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/serve/history.h"
#include "core/model/contributions.h"
#include "core/model/forest.h"
#include "core/pipeline/pipeline.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"
#include "edge/files/lake.h"
#include "edge/registry/bundle_folder.h"

namespace weir::cli {
namespace {

std::size_t row_of(const PaymentView& payments, const ExplainOptions& options) {
  const auto found = std::find(payments.transaction_id.begin(), payments.transaction_id.end(),
                               options.transaction_id);
  if (found == payments.transaction_id.end()) {
    throw Error(fmt::format(
        "lake \"{}\": no payment {} among {}; it may be in quarantine, or in another lake",
        options.lake, options.transaction_id, payments.size()));
  }
  return static_cast<std::size_t>(found - payments.transaction_id.begin());
}

/// The payments before `row` that share its customer or its terminal, oldest first.
std::vector<std::size_t> history_of(const PaymentView& payments, std::size_t row) {
  std::vector<std::size_t> history;
  for (std::size_t i = 0; i < row; ++i) {
    if (payments.customer_id[i] == payments.customer_id[row] ||
        payments.terminal_id[i] == payments.terminal_id[row]) {
      history.push_back(i);
    }
  }
  return history;
}

Feedback label_of(const PaymentView& payments, std::size_t row, Seconds label_delay) {
  const bool fraud = payments.is_fraud[row] != 0;
  return {payments[row], fraud ? Outcome::kFraud : Outcome::kGenuine,
          fraud ? OutcomeSource::kChargeback : OutcomeSource::kMaturity,
          payments.event_time[row] + label_delay};
}

nlohmann::ordered_json beliefs_json(const Decision& decision) {
  if (!decision.beliefs.known()) return nullptr;
  return {{"model", decision.beliefs.model},
          {"takeover", decision.beliefs.takeover},
          {"card", decision.beliefs.card},
          {"terminal", decision.beliefs.terminal}};
}

nlohmann::ordered_json to_json(const ExplainResult& result) {
  const Payment& payment = result.payment;
  nlohmann::ordered_json features;
  for (std::size_t i = 0; i < result.names.size(); ++i) {
    features[result.names[i]] = result.features[i];
  }
  auto reasons = nlohmann::ordered_json::array();
  for (const Reason& reason : result.reasons) {
    reasons.push_back({{"code", reason.code},
                       {"sentence", reason.sentence},
                       {"weight", reason.weight},
                       {"input", reason.input},
                       {"value", reason.value}});
  }
  return {{"payment",
           {{"transaction_id", payment.transaction_id},
            {"event_time", format_datetime(payment.event_time)},
            {"customer_id", payment.customer_id},
            {"terminal_id", payment.terminal_id},
            {"amount_minor", payment.amount_minor}}},
          {"action", action_name(result.decision.action)},
          {"margin", result.decision.margin},
          {"probability", result.decision.probability},
          {"beliefs", beliefs_json(result.decision)},
          {"policy", result.policy},
          {"model_version", result.model_version},
          {"reasons", reasons},
          {"bias", result.bias},
          {"features", features}};
}

void print(const ExplainResult& result) {
  const Payment& payment = result.payment;
  fmt::print("payment {}: {} UTC, customer {}, terminal {}, {} RUB\n", payment.transaction_id,
             format_datetime(payment.event_time), payment.customer_id, payment.terminal_id,
             format_amount(payment.amount_minor));
  fmt::print("decision: {}; margin {:.3f}, probability of fraud {:.2f}%, model {}\n\npolicy\n",
             action_name(result.decision.action), result.decision.margin,
             100 * result.decision.probability, result.model_version);
  if (const DecisionBeliefs& beliefs = result.decision.beliefs; beliefs.known()) {
    fmt::print(
        "beliefs: fraud because of the terminal {:.2f}%, of the card {:.2f}%; by the model alone "
        "{:.2f}%\n(as if every payment before had been executed and nobody was asked; {})\n",
        100 * static_cast<double>(beliefs.terminal), 100 * static_cast<double>(beliefs.card),
        100 * static_cast<double>(beliefs.model), cause_name(result.decision.cause));
  }
  for (std::size_t begin = 0; begin < result.policy.size();) {
    const std::size_t end = std::min(result.policy.find('\n', begin), result.policy.size());
    if (end != begin) fmt::print("  {}\n", result.policy.substr(begin, end - begin));
    begin = end + 1;
  }
  fmt::print("\nreasons, for fraud first (weight: added log-odds; odds: what they are times)\n");
  fmt::print("  {:>8} {:>9}  {}\n", "weight", "odds", "reason");
  for (const Reason& reason : result.reasons) {
    fmt::print("  {:>+8.3f} {:>9.3g}  {} [{}]\n", reason.weight, std::exp(reason.weight),
               reason.sentence, reason.code);
  }
  fmt::print("  {:>+8.3f} {:>9}  what a payment has on average\n\ninputs\n", result.bias, "");
  for (std::size_t i = 0; i < result.names.size(); ++i) {
    fmt::print("  {:<48} {:>14.6g}\n", result.names[i], result.features[i]);
  }
}

}  // namespace

ExplainResult run_explain(const ExplainOptions& options, Progress& progress) {
  const Bundle bundle = registry::load_bundle(options.bundle);
  const Seconds label_delay = options.label_delay.value_or(bundle.manifest.label_delay);
  const PaymentColumns columns =
      files::read_lake(options.lake, std::nullopt, std::nullopt, options.threads, progress);
  const PaymentView payments = columns.view();
  const std::size_t row = row_of(payments, options);
  const Payment payment = payments[row];

  Pipeline pipeline(bundle);
  // Beliefs look at the whole past: an outcome is weighed with what its decision knew.
  const bool whole = pipeline.loop() != nullptr;
  PastPayments past(pipeline, payments, label_delay);
  while (whole && past.applied() < row) past.apply_next();
  if (whole) past.learn_until(payment.event_time);
  const std::vector<std::size_t> history =
      whole ? std::vector<std::size_t>{} : history_of(payments, row);
  std::size_t labelled = 0;
  const auto apply_labels_until = [&](Seconds now) {
    while (payments.has_labels() && labelled < history.size() &&
           payments.event_time[history[labelled]] + label_delay <= now) {
      pipeline.apply(label_of(payments, history[labelled++], label_delay));
    }
  };
  for (const std::size_t earlier : history) {
    apply_labels_until(payments.event_time[earlier]);
    pipeline.apply(payments[earlier], payments.event_time[earlier]);
  }
  apply_labels_until(payment.event_time);
  const auto answer = pipeline.apply(payment, payment.event_time);
  const auto* decision = std::get_if<Decision>(&answer);
  // A lake holds no duplicate and no future: cleaning saw to it.
  WEIR_CHECK(decision != nullptr);

  ExplainResult result;
  result.payment = payment;
  result.decision = *decision;
  result.names = bundle.features.names();
  result.features = pipeline.last_features();
  const Forest forest = Forest::parse_ubj(bundle.forest_ubj, options.bundle + "/forest.ubj");
  std::vector<double> weights(result.features.size() + 1);
  TreeShap(forest).contributions(result.features, weights);
  result.reasons = all_reasons(bundle.features, result.features, weights);
  result.bias = weights.back();
  result.policy = bundle.policy_toml;
  result.model_version = bundle.manifest.version;
  return result;
}

void add_explain_command(CLI::App& weir, Terminal& terminal) {
  CLI::App* command =
      add_command(weir, terminal, "explain", "One payment: what was decided, and why in words",
                  "weir explain --bundle out/run/bundle --lake out/run/lake 1000");
  auto options = std::make_shared<ExplainOptions>();
  command->add_option("transaction_id", options->transaction_id, "Id of the payment")->required();
  command->add_option("--bundle", options->bundle, "Model bundle (folder)")->required();
  command->add_option("--lake", options->lake, "Lake of clean payments (folder or s3://)")
      ->required();
  add_duration_option(*command, "--label-delay", options->label_delay,
                      "When outcomes become known; the bundle's own if not given");
  command->add_option("--threads", options->threads, "Threads for reading; 0 = all cores");
  command->callback([options, &terminal] {
    const auto progress = terminal.make_progress();
    const ExplainResult result = run_explain(*options, *progress);
    if (terminal.json) {
      fmt::print("{}\n", to_json(result).dump(2));
    } else {
      print(result);
    }
  });
}

}  // namespace weir::cli
