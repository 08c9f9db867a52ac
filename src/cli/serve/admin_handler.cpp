#include "cli/serve/admin_handler.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

#include "cli/serve/answer_json.h"
#include "edge/http/problem.h"

namespace weir::cli {
namespace {

using metrics::Exposition;
using metrics::Metric;

double number(std::uint64_t value) { return static_cast<double>(value); }

}  // namespace

double resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  long total = 0;
  long resident = 0;
  const int read = std::fscanf(file, "%ld %ld", &total, &resident);
  std::fclose(file);
  return read == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

void answer_health(http::Response& response) { response.body = R"({"ok":true})"; }

void answer_ready(ServiceView& service, http::Response& response) {
  if (const auto problem = service.not_ready()) return http::set_problem(response, *problem);
  response.body = R"({"ready":true})";
}

AdminHandler::AdminHandler(ServiceView& service,
                           RequestTally& tally,
                           std::string version,
                           double damage_budget_minor)
    : service_(service),
      tally_(tally),
      version_(std::move(version)),
      damage_budget_minor_(damage_budget_minor) {}

void AdminHandler::handle(const http::Request& request, http::Response& response) {
  Endpoint endpoint = Endpoint::kOther;
  if (request.path == "/metrics") {
    endpoint = Endpoint::kMetrics;
    const auto accept = request.header("Accept");
    const bool open = accept && accept->find("openmetrics-text") != std::string_view::npos;
    const auto format = open ? metrics::Format::kOpenMetrics : metrics::Format::kPrometheus;
    response.content_type = metrics::content_type(format);
    response.body = page(format);
  } else if (request.path == "/healthz") {
    endpoint = Endpoint::kHealth;
    answer_health(response);
  } else if (request.path == "/readyz") {
    endpoint = Endpoint::kReady;
    answer_ready(service_, response);
  } else {
    set_problem(response,
                {404, "no_such_endpoint", "here are /metrics, /healthz and /readyz", std::nullopt});
  }
  tally_.add(endpoint, request.body.size(), response, 0);
}

std::string AdminHandler::page(metrics::Format format) {
  Exposition page(format);
  page.sample(Metric::kBuildInfo, {version_, __VERSION__}, 1);
  page.sample(Metric::kReady, service_.not_ready() ? 0 : 1);
  page.sample(Metric::kPosition, number(service_.position()));
  page.sample(Metric::kResidentBytes, resident_bytes());
  add_http(page);
  add_decisions(page);
  service_.add_log(page);
  return page.finish();
}

void AdminHandler::add_http(Exposition& page) const {
  const auto each = [&](const auto& show) {
    for (std::size_t i = 0; i < kEndpointCount; ++i) {
      const auto& endpoint = tally_.endpoints[i];
      if (!endpoint.by_status.empty()) show(endpoint_name(static_cast<Endpoint>(i)), endpoint);
    }
  };
  each([&](std::string_view name, const auto& endpoint) {
    for (const auto& [status, count] : endpoint.by_status) {
      page.sample(Metric::kHttpRequests, {name, std::to_string(status)}, number(count));
    }
  });
  each([&](std::string_view name, const auto& endpoint) {
    page.histogram(Metric::kHttpRequestSeconds, {name}, endpoint.seconds);
  });
  each([&](std::string_view name, const auto& endpoint) {
    page.sample(Metric::kHttpRequestBytes, {name}, number(endpoint.request_bytes));
  });
  each([&](std::string_view name, const auto& endpoint) {
    page.sample(Metric::kHttpResponseBytes, {name}, number(endpoint.response_bytes));
  });
  if (server_ == nullptr) return;
  const http::ServerCounters& counters = server_->counters();
  page.sample(Metric::kHttpConnections, number(server_->connections()));
  page.sample(Metric::kHttpConnectionsAccepted, number(counters.accepted));
  page.sample(Metric::kHttpConnectionsRefused, {"limit"}, number(counters.refused_full));
  page.sample(Metric::kHttpConnectionsRefused, {"descriptors"},
              number(counters.refused_descriptors));
  page.sample(Metric::kHttpTimeouts, number(counters.timed_out));
}

void AdminHandler::add_decisions(Exposition& page) const {
  const ServiceTally& tally = service_.own_tally();
  for (const auto& [by, counts] : tally.decisions) {
    for (const Action action : {Action::kApprove, Action::kChallenge, Action::kDecline}) {
      page.sample(Metric::kDecisions, {action_name(action), by.first, by.second},
                  number(counts[static_cast<std::size_t>(action)]));
    }
  }
  page.histogram(Metric::kDecisionProbability, {}, tally.probability);
  for (const auto& [rule, count] : tally.rejected) {
    page.sample(Metric::kPaymentsRejected, {rule}, number(count));
  }
  page.sample(Metric::kPaymentsRepeated, number(tally.repeated));
  page.sample(Metric::kPaymentsLate, number(tally.late));
  page.sample(Metric::kUnknownFields, number(tally_.unknown_fields));
  for (std::size_t source = 0; source < tally.feedback.size(); ++source) {
    for (std::size_t outcome = 0; outcome < tally.feedback[source].size(); ++outcome) {
      page.sample(Metric::kFeedback,
                  {source_name(static_cast<OutcomeSource>(source)),
                   outcome_name(static_cast<Outcome>(outcome))},
                  number(tally.feedback[source][outcome]));
    }
  }
  if (const Seconds newest = service_.newest_event_time(); newest != 0) {
    page.sample(Metric::kEventTimeLagSeconds, static_cast<double>(service_.now() - newest));
  }
  page.sample(Metric::kDegraded, {"no_reasons"}, number(tally.no_reasons));
  page.sample(Metric::kDegraded, {"no_challenger"}, number(tally.no_challenger));
  page.sample(Metric::kDegraded, {"rules"}, number(tally.rules));
  page.sample(Metric::kDamageExpected, tally.damage_expected_minor);
  page.sample(Metric::kDamageConfirmed, tally.damage_confirmed_minor);
  const auto each_arm = [&](Metric metric, const auto& value) {
    for (const auto& [name, arm] : tally.arms) {
      page.sample(metric, {name}, static_cast<double>(value(arm)));
    }
  };
  each_arm(Metric::kArmPayments, [](const ServiceTally::Arm& arm) { return arm.payments; });
  each_arm(Metric::kArmTouched, [](const ServiceTally::Arm& arm) { return arm.touched; });
  each_arm(Metric::kArmDamageExpected,
           [](const ServiceTally::Arm& arm) { return arm.expected_minor; });
  each_arm(Metric::kArmDamageConfirmed,
           [](const ServiceTally::Arm& arm) { return arm.confirmed_minor; });
  const ServiceTally::Day month = tally.month();
  page.sample(Metric::kDamageMonth, {"expected"}, month.expected_minor);
  page.sample(Metric::kDamageMonth, {"confirmed"}, month.confirmed_minor);
  page.sample(Metric::kDamageBudget, damage_budget_minor_);
  if (const BudgetController* controller = service_.budgets()) {
    const auto usage = controller->usage();
    const MoneyPolicy& policy = controller->policy();
    page.sample(Metric::kBudgetUsed, {"touched"}, usage.touched);
    page.sample(Metric::kBudgetUsed, {"lost"}, usage.lost);
    page.sample(Metric::kBudgetUsed, {"challenges"}, usage.challenges);
    page.sample(Metric::kBudgetLimit, {"touched"}, policy.false_positive_rate);
    page.sample(Metric::kBudgetLimit, {"lost"}, policy.lost_genuine_rate);
    page.sample(Metric::kBudgetLimit, {"challenges"}, policy.challenges_per_day);
    page.sample(Metric::kBudgetMultiplier, {}, service_.champion().pipeline.loop()->multiplier());
  }
  page.sample(Metric::kModelInfo, {"champion", service_.champion().version()}, 1);
  if (const LoadedModel* challenger = service_.challenger()) {
    page.sample(Metric::kModelInfo, {"challenger", challenger->version()}, 1);
  }
  const auto labels_known = [&](std::string_view role, const LoadedModel& model) {
    page.sample(Metric::kModelLabelsKnown, {role},
                static_cast<double>(model.bundle.manifest.labels_known_at));
  };
  labels_known("champion", service_.champion());
  if (const LoadedModel* challenger = service_.challenger())
    labels_known("challenger", *challenger);
  for (const auto& [name, role] : {std::pair{"champion", ModelRole::kChampion},
                                   std::pair{"challenger", ModelRole::kChallenger}}) {
    page.sample(Metric::kModelReloads, {name, "taken"}, number(service_.model_state(role).taken));
    page.sample(Metric::kModelReloads, {name, "refused"},
                number(service_.model_state(role).refused));
  }
  page.sample(Metric::kShadowDisagreements, number(tally.disagreements));
  page.sample(Metric::kScoreDrift, service_.drift().score());
  for (const auto& input : service_.drift().inputs()) {
    page.sample(Metric::kInputDrift, {*input.name}, input.stability_index);
  }
}

}  // namespace weir::cli
