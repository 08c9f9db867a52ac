#include "cli/serve/journal_handler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/serve/answer_json.h"
#include "cli/serve/event_json.h"
#include "core/cleaning/rules.h"
#include "core/pipeline/look_ahead.h"
#include "core/transaction/calendar.h"

namespace weir::cli {
namespace {

using http::Problem;
using http::Request;
using http::Response;
using http::set_problem;

/// Every answer that is none, as a problem.
Problem problem_of(const ServiceAnswer& answer) {
  const std::int64_t id = answer.record.payment.transaction_id;
  switch (answer.kind) {
    case ServiceAnswer::Kind::kConflict:
      return {
          409, "duplicate_id",
          fmt::format(
              "{} {} {} with other content; send what is new under another transaction_id or "
              "known_at",
              answer.record.kind == journal::RecordKind::kPayment ? "payment" : "feedback on", id,
              answer.detail.empty()
                  ? fmt::format("is recorded at position {}", answer.record.position)
                  : answer.detail),
          "transaction_id"};
    case ServiceAnswer::Kind::kRejected:
      return {422, answer.detail,
              fmt::format("payment {}: {}; its time is {}", id,
                          text_of(find_rule(answer.detail).value_or(Rule::kFieldCount)).finds,
                          format_datetime(answer.record.payment.event_time)),
              answer.detail == "time_in_future" ? "event_time" : "transaction_id"};
    case ServiceAnswer::Kind::kUnknown:
      return {404, "unknown_payment",
              "no payment with this transaction_id is recorded; send its customer_id, terminal_id, "
              "event_time and amount with the feedback",
              "transaction_id"};
    case ServiceAnswer::Kind::kMistimed:
      return {422, "feedback_invalid",
              fmt::format("known_at of the feedback on {} {}; send when the outcome became known",
                          id, answer.detail),
              "known_at"};
    default:
      return {503, "not_recorded", answer.detail + "; send the request again", std::nullopt, 1};
  }
}

}  // namespace

JournalHandler::JournalHandler(DecisionService& service, RestOptions options, RequestTally& tally)
    : RestHandler(service, std::move(options), tally), journal_(service) {}

std::optional<Problem> JournalHandler::decide_one(const Payment& payment,
                                                  std::string& out,
                                                  std::uint64_t& ticket) {
  const ServiceAnswer& answer = journal_.decide(payment);
  ticket = std::max(ticket, answer.ticket);
  if (answer.kind != ServiceAnswer::Kind::kDone && answer.kind != ServiceAnswer::Kind::kRepeated &&
      answer.kind != ServiceAnswer::Kind::kUnrecorded) {
    return problem_of(answer);
  }
  if (answer.kind == ServiceAnswer::Kind::kUnrecorded) {
    append_unrecorded(out, answer.record);
  } else {
    append_decision(out, answer.record);
  }
  return std::nullopt;
}

void JournalHandler::decide(const Request& request, Response& response) {
  if (!is_json(request, response)) return;
  std::optional<Problem> problem;
  const auto payment = read_payment(request.body, problem);
  if (payment) problem = decide_one(*payment, response.body, response.ticket);
  if (problem) set_problem(response, *problem);
}

void JournalHandler::decide_batch(const Request& request, Response& response) {
  if (!is_json(request, response)) return;
  if (!split_batch(request, response)) return;
  batch_.resize(elements_.size());
  std::optional<Problem> problem;
  for (std::size_t i = 0; i < elements_.size(); ++i) {
    if (const auto payment = read_payment(elements_[i], problem)) {
      batch_[i] = *payment;
    } else {
      batch_[i] = *std::exchange(problem, std::nullopt);
    }
  }
  response.body = "{\"results\":[";
  look_ahead(
      batch_.size(),
      [&](std::size_t i, LoadStep step) {
        if (const auto* payment = std::get_if<Payment>(&batch_[i])) {
          journal_.prefetch(i, *payment, step);
        }
      },
      [&](std::size_t i) {
        if (i != 0) response.body += ',';
        if (const auto* payment = std::get_if<Payment>(&batch_[i])) {
          problem = decide_one(*payment, response.body, response.ticket);
          if (problem) response.body += http::problem_json(*problem);
        } else {
          response.body += http::problem_json(std::get<Problem>(batch_[i]));
        }
      });
  response.body += "]}";
}

void JournalHandler::feedback(const Request& request, Response& response) {
  if (!is_json(request, response)) return;
  FeedbackRequest feedback;
  if (const auto problem = read_feedback(request.body, parser_, options_.cleaning, feedback)) {
    return set_problem(response, *problem);
  }
  const ServiceAnswer answer = journal_.feedback(feedback);
  response.ticket = answer.ticket;
  if (answer.kind != ServiceAnswer::Kind::kDone && answer.kind != ServiceAnswer::Kind::kRepeated) {
    return set_problem(response, problem_of(answer));
  }
  append_feedback(response.body, answer.record);
}

void JournalHandler::reload_model(const Request& request, Response& response) {
  if (!is_json(request, response)) return;
  journal_.reload();
  response.status = 202;
  response.body = R"({"loading":true})";
}

}  // namespace weir::cli
