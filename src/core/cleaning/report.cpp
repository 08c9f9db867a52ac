#include "core/cleaning/report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/transaction/calendar.h"
#include "core/transaction/money.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const RowTally& tally, bool labelled) {
  Json json = {{"rows", tally.rows},
               {"amount_minor", static_cast<std::int64_t>(tally.amount_minor)}};
  if (labelled) json["frauds"] = tally.frauds;
  json["unknown_amounts"] = tally.unknown_amounts;
  if (labelled) json["unknown_labels"] = tally.unknown_labels;
  return json;
}

/// Kullback-Leibler divergence of a coin `q` from a coin `p`, in nats.
double divergence(double q, double p) {
  const double heads = q > 0 ? q * std::log(q / p) : 0;
  const double tails = q < 1 ? (1 - q) * std::log((1 - q) / (1 - p)) : 0;
  return heads + tails;
}

std::string grouped(std::uint64_t number) {
  std::string text = fmt::format("{}", number);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

}  // namespace

RowTally& RowTally::operator+=(const RowTally& other) {
  rows += other.rows;
  amount_minor += other.amount_minor;
  frauds += other.frauds;
  unknown_amounts += other.unknown_amounts;
  unknown_labels += other.unknown_labels;
  return *this;
}

RowTally CleanReport::sum(RuleAction action) const {
  RowTally total;
  for (const RuleText& text : rule_texts()) {
    if (text.action == action) total += (*this)[text.rule];
  }
  return total;
}

bool CleanReport::balances() const {
  RowTally out = clean;
  out += sum(RuleAction::kDrop);
  out += sum(RuleAction::kQuarantine);
  return out == in;
}

std::string CleanReport::to_json() const {
  Json json;
  json["labelled"] = labelled;
  json["in"] = weir::to_json(in, labelled);
  json["clean"] = weir::to_json(clean, labelled);
  json["dropped"] = weir::to_json(sum(RuleAction::kDrop), labelled);
  json["quarantined"] = weir::to_json(sum(RuleAction::kQuarantine), labelled);
  json["balanced"] = balances();
  json["days"] = days;
  json["first_time"] = first_time ? Json(format_datetime(*first_time)) : Json();
  json["last_time"] = last_time ? Json(format_datetime(*last_time)) : Json();
  for (const RuleText& text : rule_texts()) {
    Json rule = {{"action", action_name(text.action)}};
    rule.update(weir::to_json((*this)[text.rule], labelled));
    json["rules"][std::string(text.id)] = std::move(rule);
  }
  json["files"] = Json::array();
  for (const CleanedFile& file : files) {
    json["files"].push_back({{"name", file.name}, {"rows", file.rows}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string CleanReport::to_table() const {
  std::string text;
  const auto line = [&](std::string_view name, std::string_view action, const RowTally& tally) {
    text += fmt::format("{:<24} {:<11} {:>15} {:>18}", name, action, grouped(tally.rows),
                        format_roubles(static_cast<std::int64_t>(tally.amount_minor)));
    if (labelled) text += fmt::format(" {:>12}", grouped(tally.frauds));
    if (tally.unknown_amounts + (labelled ? tally.unknown_labels : 0) != 0) {
      text += fmt::format("  (unread: {} amounts", grouped(tally.unknown_amounts));
      if (labelled) text += fmt::format(", {} labels", grouped(tally.unknown_labels));
      text += ")";
    }
    text += "\n";
  };
  text += fmt::format("{:<24} {:<11} {:>15} {:>18}", "", "", "rows", "roubles");
  text += labelled ? fmt::format(" {:>12}\n", "frauds") : "\n";
  line("in", "", in);
  for (const RuleText& rule : rule_texts()) {
    const RowTally& tally = (*this)[rule.rule];
    if (tally.rows != 0) line("  " + std::string(rule.id), action_name(rule.action), tally);
  }
  line("dropped", "", sum(RuleAction::kDrop));
  line("quarantined", "", sum(RuleAction::kQuarantine));
  line("clean", "", clean);
  if (first_time && last_time) {
    text += fmt::format("{} days, {} to {}; {}\n", days, format_datetime(*first_time),
                        format_datetime(*last_time),
                        balances() ? "in = clean + dropped + quarantined" : "DOES NOT BALANCE");
  }
  return text;
}

std::vector<FraudEater> find_fraud_eaters(const CleanReport& report,
                                          const std::set<Rule>& accepted) {
  std::vector<FraudEater> found;
  const std::uint64_t readable = report.in.rows - report.in.unknown_labels;
  if (!report.labelled || readable == 0) return found;
  const double data_share = static_cast<double>(report.in.frauds) / static_cast<double>(readable);
  constexpr std::uint64_t kLeastFrauds = 10;
  constexpr double kLogChance = 20;
  for (const RuleText& text : rule_texts()) {
    if (text.action != RuleAction::kQuarantine || accepted.contains(text.rule)) continue;
    const RowTally& tally = report[text.rule];
    const std::uint64_t rows = tally.rows - tally.unknown_labels;
    if (tally.frauds < kLeastFrauds) continue;
    const double share = static_cast<double>(tally.frauds) / static_cast<double>(rows);
    if (share <= 2 * data_share) continue;
    if (static_cast<double>(rows) * divergence(share, data_share) <= kLogChance) continue;
    found.push_back({text.rule, rows, tally.frauds, share, data_share});
  }
  return found;
}

}  // namespace weir
