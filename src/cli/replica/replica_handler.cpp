#include "cli/replica/replica_handler.h"

#include <fmt/format.h>

#include <utility>

#include "cli/serve/answer_json.h"
#include "cli/serve/event_json.h"
#include "core/cleaning/rules.h"

namespace weir::cli {
namespace {

using http::Problem;
using http::Request;
using http::Response;

/// Longer than any request may wait for the log.
constexpr auto kForgotten = std::chrono::minutes(10);

Problem known_otherwise(std::int64_t transaction_id, std::optional<std::uint64_t> position) {
  return {409, "duplicate_id",
          fmt::format("payment {} is recorded{} with other content; send what is new under another "
                      "transaction_id",
                      transaction_id, position ? fmt::format(" at position {}", *position) : ""),
          "transaction_id"};
}

}  // namespace

ReplicaHandler::ReplicaHandler(ReplicaService& service, RestOptions options, RequestTally& tally)
    : RestHandler(service, std::move(options), tally), log_(service) {}

std::uint64_t ReplicaHandler::open(Endpoint endpoint, const Request& request, std::size_t parts) {
  Open& opened = open_[++last_ticket_];
  opened.endpoint = endpoint;
  opened.parts.resize(parts);
  opened.waiting = parts;
  opened.request_bytes = request.body.size();
  opened.began = Clock::now();
  return last_ticket_;
}

void ReplicaHandler::set(std::uint64_t ticket, std::size_t part, std::string json) {
  const auto found = open_.find(ticket);
  if (found == open_.end()) return;
  found->second.parts[part] = std::move(json);
  --found->second.waiting;
}

void ReplicaHandler::set(std::uint64_t ticket, std::size_t part, Problem problem) {
  std::string json = http::problem_json(problem);
  const auto found = open_.find(ticket);
  if (found != open_.end() && found->second.endpoint != Endpoint::kDecideBatch) {
    found->second.problem = std::move(problem);
  }
  set(ticket, part, std::move(json));
}

void ReplicaHandler::answer_later(std::uint64_t ticket, Response& response) {
  response.ticket = ticket;
  response.deferred = true;
}

void ReplicaHandler::decide_part(std::string_view json, std::uint64_t ticket, std::size_t part) {
  std::optional<Problem> problem;
  const auto payment = read_payment(json, problem);
  if (!payment) return set(ticket, part, *std::move(problem));
  if (log_.caught_up()) {
    if (const auto known = log_.known(*payment)) {
      std::string text;
      append_decision(text, *known);
      return set(ticket, part, std::move(text));
    }
    if (const auto position = log_.conflict(*payment)) {
      log_.count_reject(rule_id(Rule::kDuplicateId));
      return set(ticket, part, known_otherwise(payment->transaction_id, position));
    }
  }
  problem = log_.send(*payment, [this, ticket, part, payment](const LogAnswer& answer) {
    if (answer.failure != nullptr) return set(ticket, part, *answer.failure);
    if (answer.kind != EventAnswer::kRefused) {
      std::string text;
      append_decision(text, *answer.record);
      return set(ticket, part, std::move(text));
    }
    if (answer.fault->rule == rule_id(Rule::kDuplicateId)) {
      return set(ticket, part, known_otherwise(payment->transaction_id, log_.conflict(*payment)));
    }
    set(ticket, part, problem_of(*answer.fault));
  });
  if (problem) set(ticket, part, *std::move(problem));
}

void ReplicaHandler::decide(const Request& request, Response& response) {
  if (!is_json(request, response)) return;
  const std::uint64_t ticket = open(Endpoint::kDecide, request, 1);
  decide_part(request.body, ticket, 0);
  answer_later(ticket, response);
}

void ReplicaHandler::decide_batch(const Request& request, Response& response) {
  if (!is_json(request, response) || !split_batch(request, response)) return;
  const std::uint64_t ticket = open(Endpoint::kDecideBatch, request, elements_.size());
  for (std::size_t i = 0; i < elements_.size(); ++i) decide_part(elements_[i], ticket, i);
  answer_later(ticket, response);
}

void ReplicaHandler::feedback(const Request& request, Response& response) {
  if (!is_json(request, response)) return;
  FeedbackRequest feedback;
  if (const auto problem = read_feedback(request.body, parser_, options_.cleaning, feedback)) {
    return set_problem(response, *problem);
  }
  if (!feedback.payment) {
    const auto known = log_.find(feedback.transaction_id);
    if (!known) {
      return set_problem(response, {404, "unknown_payment",
                                    "this replica does not remember the payment; send its "
                                    "customer_id, terminal_id, event_time and amount with the "
                                    "feedback",
                                    "transaction_id"});
    }
    feedback.payment = known->payment;
  }
  const std::uint64_t ticket = open(Endpoint::kFeedback, request, 1);
  open_.at(ticket).note = feedback.note;
  const auto problem = log_.send(feedback, [this, ticket](const LogAnswer& answer) {
    if (answer.failure != nullptr) return set(ticket, 0, *answer.failure);
    if (answer.kind == EventAnswer::kRefused) return set(ticket, 0, problem_of(*answer.fault));
    journal::Record record = *answer.record;
    const auto found = open_.find(ticket);
    if (found != open_.end()) record.note = found->second.note;
    std::string text;
    append_feedback(text, record);
    set(ticket, 0, std::move(text));
  });
  if (problem) set(ticket, 0, *problem);
  answer_later(ticket, response);
}

void ReplicaHandler::reload_model(const Request&, Response& response) {
  set_problem(response,
              {409, "bundle_is_fixed",
               "behind a log in Kafka all replicas decide by one bundle for as long as they live; "
               "start new ones with the new bundle",
               std::nullopt});
}

bool ReplicaHandler::settled(std::uint64_t ticket) const {
  const auto found = open_.find(ticket);
  return found == open_.end() || found->second.waiting == 0;
}

void ReplicaHandler::finish(std::uint64_t ticket, Response& response) {
  auto found = open_.extract(ticket);
  if (!found) return set_problem(response, {503, "fault", "the answer is lost", std::nullopt, 1});
  Open& opened = found.mapped();
  if (opened.problem) {
    set_problem(response, *opened.problem);
  } else if (opened.endpoint == Endpoint::kDecideBatch) {
    response.body = "{\"results\":[";
    for (std::size_t i = 0; i < opened.parts.size(); ++i) {
      if (i != 0) response.body += ',';
      response.body += opened.parts[i];
    }
    response.body += "]}";
  } else {
    response.body = std::move(opened.parts.front());
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - opened.began).count();
  if (opened.endpoint != Endpoint::kFeedback) {
    response.headers += fmt::format("Server-Timing: decide;dur={:.4f}\r\n", seconds * 1e3);
  }
  tally_.add(opened.endpoint, opened.request_bytes, response, seconds);
}

void ReplicaHandler::tick() {
  const auto oldest = Clock::now() - kForgotten;
  std::erase_if(open_, [&](const auto& entry) { return entry.second.began < oldest; });
}

}  // namespace weir::cli
