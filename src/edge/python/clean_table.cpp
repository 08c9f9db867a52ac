#include "edge/python/clean_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

#include "core/cleaning/raw_cell.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir::python {
namespace {

constexpr std::size_t kOriginRows = 10'000;

struct StopReading {};

std::optional<Seconds> find_time_origin(const ArrowTable& raw,
                                        const RowLayout& layout,
                                        const std::vector<int>& columns) {
  if (layout.column(Field::kTimeSeconds) == RowLayout::kAbsent) return std::nullopt;
  TimeOriginVote vote;
  try {
    raw.for_each_row_as_text(
        columns, [&](std::size_t row, std::span<const std::string_view> cells) {
          if (row == kOriginRows) throw StopReading();
          const RawPayment payment = layout.fields(cells);
          const auto cleaned = clean(payment, {});
          const auto seconds = parse_id(payment.time_seconds.value_or(""));
          if (seconds && std::holds_alternative<CleanedPayment>(cleaned)) {
            vote.add(std::get<CleanedPayment>(cleaned).payment.event_time, *seconds);
          }
        });
  } catch (const StopReading&) {  // NOLINT(bugprone-empty-catch)
  }
  return vote.winner();
}

/// Text for Arrow: cut where a value was cut inside a character.
std::string whole_characters(std::string text) {
  if (text.size() < kMaxRejectValue) return text;
  std::size_t end = text.size();
  std::size_t continuation = 0;
  while (end > 0 && (static_cast<unsigned char>(text[end - 1]) & 0xC0) == 0x80) {
    --end;
    ++continuation;
  }
  if (end == 0) return text;
  const auto lead = static_cast<unsigned char>(text[end - 1]);
  const std::size_t wanted = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  if (continuation < wanted) text.resize(end - 1);
  return text;
}

struct RejectedRow {
  Reject reject;
  std::int64_t row = 0;
};

std::shared_ptr<const TableOutput> reject_table(std::vector<RejectedRow> rejected) {
  std::stable_sort(rejected.begin(), rejected.end(),
                   [](const auto& left, const auto& right) { return left.row < right.row; });
  auto table = std::make_shared<TableOutput>(rejected.size());
  std::vector<std::string> rules, fields, values;
  std::vector<std::int64_t> rows, amounts;
  std::vector<std::int8_t> labels;
  std::vector<bool> no_amount, no_label;
  for (RejectedRow& row : rejected) {
    rules.emplace_back(rule_id(row.reject.rule));
    fields.emplace_back(field_name(row.reject.field));
    values.push_back(whole_characters(std::move(row.reject.value)));
    rows.push_back(row.row);
    amounts.push_back(row.reject.amount_minor.value_or(0));
    no_amount.push_back(!row.reject.amount_minor);
    labels.push_back(row.reject.is_fraud.value_or(false) ? 1 : 0);
    no_label.push_back(!row.reject.is_fraud);
  }
  table->add("rule", rules);
  table->add("field", fields);
  table->add("value", values);
  table->add("row", std::move(rows));
  table->add("amount_minor", std::move(amounts));
  table->set_nulls(no_amount);
  table->add_flags("is_fraud", labels);
  table->set_nulls(no_label);
  return table;
}

std::shared_ptr<const TableOutput> payment_table(const PaymentColumns& payments, bool labelled) {
  auto table = std::make_shared<TableOutput>(payments.size());
  table->add("transaction_id", payments.transaction_id);
  table->add_times("event_time", payments.event_time);
  table->add("customer_id", payments.customer_id);
  table->add("terminal_id", payments.terminal_id);
  table->add("amount_minor", payments.amount_minor);
  if (labelled) {
    table->add_flags("is_fraud", payments.is_fraud);
    table->add("fraud_scenario", payments.fraud_scenario);
  }
  return table;
}

}  // namespace

void check_fraud_eaters(const CleanReport& report, const std::set<Rule>& accepted) {
  const auto found = find_fraud_eaters(report, accepted);
  if (found.empty()) return;
  std::vector<std::string> texts, rules;
  for (const FraudEater& eater : found) {
    texts.push_back(fmt::format("{} ({} rows, {} frauds = {:.1f} %)", rule_id(eater.rule),
                                eater.rows, eater.frauds, 100 * eater.share));
    rules.push_back(fmt::format("\"{}\"", rule_id(eater.rule)));
  }
  throw Error(fmt::format(
      "rules that would quarantine far more frauds than chance, where the data has {:.2f} %: {}; "
      "look at these rows, then accept with accept_rules=[{}]",
      100 * found[0].data_share, fmt::join(texts, ", "), fmt::join(rules, ", ")));
}

CleanedTable clean_table(const ArrowTable& raw, const CleanSettings& settings) {
  const RowLayout layout(raw.column_names(), ',', settings.columns, "payments");
  std::vector<int> columns(layout.column_count(), -1);
  for (std::size_t field = 0; field < kRawFieldCount; ++field) {
    const int column = layout.column(static_cast<Field>(field));
    if (column != RowLayout::kAbsent) columns[static_cast<std::size_t>(column)] = column;
  }
  CleaningConfig config = settings.config;
  if (!config.time_origin) config.time_origin = find_time_origin(raw, layout, columns);

  CleanedTable result;
  CleanReport& report = result.report;
  report.labelled = layout.labelled();
  report.files = {{"payments", raw.rows()}};
  std::vector<CleanedPayment> kept;
  std::vector<RejectedRow> rejected;
  std::unordered_map<std::int64_t, std::size_t> first_of_id;
  raw.for_each_row_as_text(columns, [&](std::size_t row, std::span<const std::string_view> cells) {
    auto cleaned = clean(layout.fields(cells), config);
    if (auto* reject = std::get_if<Reject>(&cleaned)) {
      report.in.add(*reject);
      report[reject->rule].add(*reject);
      rejected.push_back({std::move(*reject), static_cast<std::int64_t>(row)});
      return;
    }
    CleanedPayment& payment = std::get<CleanedPayment>(cleaned);
    if (!report.labelled) payment.label = {};
    const PackedPayment packed(payment);
    report.in.add(packed);
    const auto [first, is_new] =
        first_of_id.try_emplace(payment.payment.transaction_id, kept.size());
    if (is_new) {
      kept.push_back(payment);
    } else if (const CleanedPayment& before = kept[first->second];
               before.payment.event_time == payment.payment.event_time &&
               packed.same_payment(PackedPayment(before))) {
      report[Rule::kDuplicateRow].add(packed);
    } else {
      Reject reject;
      reject.rule = Rule::kDuplicateId;
      reject.field = Field::kTransactionId;
      reject.value = std::to_string(payment.payment.transaction_id);
      reject.amount_minor = payment.payment.amount_minor;
      if (report.labelled) reject.is_fraud = payment.label.is_fraud != 0;
      report[Rule::kDuplicateId].add(packed);
      rejected.push_back({std::move(reject), static_cast<std::int64_t>(row)});
    }
  });
  check_fraud_eaters(report, settings.accepted);

  std::sort(kept.begin(), kept.end(), [](const auto& left, const auto& right) {
    return earlier_in_batch(left.payment, right.payment);
  });
  PaymentColumns payments;
  payments.reserve(kept.size());
  for (const CleanedPayment& row : kept) {
    const PackedPayment packed(row);
    report.clean.add(packed);
    if (row.time_repaired) report[Rule::kTime24Repaired].add(packed);
    if (row.payment.amount_minor == 0) report[Rule::kAmountZeroKept].add(packed);
    const Seconds day = day_start(row.payment.event_time);
    if (!report.last_time || day_start(*report.last_time) != day) ++report.days;
    if (!report.first_time) report.first_time = row.payment.event_time;
    report.last_time = row.payment.event_time;
    payments.push_back(row.payment, row.label);
  }
  WEIR_CHECK(report.balances());
  result.payments = payment_table(payments, report.labelled);
  result.rejects = reject_table(std::move(rejected));
  return result;
}

}  // namespace weir::python
