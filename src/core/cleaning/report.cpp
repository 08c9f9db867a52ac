#include "core/cleaning/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
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

RowTally tally_of(const Json& json) {
  RowTally tally;
  tally.rows = json.at("rows").get<std::uint64_t>();
  tally.amount_minor = static_cast<std::uint64_t>(json.at("amount_minor").get<std::int64_t>());
  tally.frauds = json.value("frauds", std::uint64_t{0});
  tally.unknown_amounts = json.value("unknown_amounts", std::uint64_t{0});
  tally.unknown_labels = json.value("unknown_labels", std::uint64_t{0});
  return tally;
}

std::optional<Seconds> time_of(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return parse_datetime(json.get<std::string>());
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

CleanReport& CleanReport::operator+=(const CleanReport& other) {
  if (labelled != other.labelled) {
    throw Error("one cleaning report is of labelled data, the other is not; clean them apart");
  }
  for (const CleanedFile& file : other.files) {
    const auto same = std::find_if(files.begin(), files.end(), [&](const CleanedFile& known) {
      return known.name == file.name;
    });
    if (same == files.end()) {
      files.push_back(file);
    } else {
      same->rows += file.rows;
    }
  }
  in += other.in;
  clean += other.clean;
  for (std::size_t i = 0; i < rules.size(); ++i) rules[i] += other.rules[i];
  days += other.days;
  if (other.first_time) {
    first_time = std::min(first_time.value_or(*other.first_time), *other.first_time);
    last_time = std::max(last_time.value_or(*other.last_time), *other.last_time);
  }
  return *this;
}

CleanReport CleanReport::from_json(std::string_view text, std::string_view source) {
  CleanReport report;
  try {
    const Json json = Json::parse(text);
    report.labelled = json.at("labelled").get<bool>();
    report.in = tally_of(json.at("in"));
    report.clean = tally_of(json.at("clean"));
    report.days = json.at("days").get<std::uint64_t>();
    report.first_time = time_of(json.at("first_time"));
    report.last_time = time_of(json.at("last_time"));
    for (const RuleText& rule : rule_texts()) {
      // A report of before the rule existed found nothing by it.
      const auto found = json.at("rules").find(std::string(rule.id));
      if (found != json.at("rules").end()) report[rule.rule] = tally_of(*found);
    }
    for (const Json& file : json.at("files")) {
      report.files.push_back(
          {file.at("name").get<std::string>(), file.at("rows").get<std::uint64_t>()});
    }
  } catch (const Json::exception& error) {
    throw Error(fmt::format("\"{}\" is no cleaning report: {}", source, error.what()));
  }
  return report;
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
