#include "edge/python/text_table.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir::python {
namespace {

constexpr std::size_t kKeptOfLongLine = 1024;

std::shared_ptr<const TableOutput> payment_rows(const TextRows& read, bool labelled) {
  const std::size_t size = read.rows.size();
  std::vector<std::int64_t> id(size), customer(size), terminal(size), amount(size), offset(size);
  std::vector<Seconds> time(size);
  std::vector<std::int8_t> fraud(labelled ? size : 0), scenario(labelled ? size : 0);
  std::vector<std::int8_t> repaired(size);
  for (std::size_t i = 0; i < size; ++i) {
    const TextRow& row = read.rows[i];
    id[i] = row.payment.transaction_id();
    time[i] = Seconds{row.day} * kSecondsPerDay + row.payment.second();
    customer[i] = row.payment.customer_id();
    terminal[i] = row.payment.terminal_id();
    amount[i] = row.payment.amount_minor();
    offset[i] = row.offset;
    repaired[i] = row.payment.time_repaired() ? 1 : 0;
    if (!labelled) continue;
    fraud[i] = row.payment.label().is_fraud;
    scenario[i] = row.payment.label().fraud_scenario;
  }
  auto table = std::make_shared<TableOutput>(size);
  table->add("transaction_id", std::move(id));
  table->add_times("event_time", time);
  table->add("customer_id", std::move(customer));
  table->add("terminal_id", std::move(terminal));
  table->add("amount_minor", std::move(amount));
  if (labelled) {
    table->add_flags("is_fraud", fraud);
    table->add("fraud_scenario", std::move(scenario));
  }
  table->add_flags("time_repaired", repaired);
  table->add("offset", std::move(offset));
  return table;
}

std::shared_ptr<const TableOutput> reject_rows(const TextRows& read, std::string_view text) {
  const std::size_t size = read.rejects.size();
  std::vector<std::string> rule, field, value, raw;
  std::vector<std::int64_t> line, offset, amount;
  std::vector<std::int8_t> fraud;
  std::vector<bool> no_amount, no_fraud;
  for (const TextReject& row : read.rejects) {
    const Reject& reject = row.reject;
    std::string_view bytes = line_at(text, row.offset);
    if (reject.rule == Rule::kLineTooLong) bytes = bytes.substr(0, kKeptOfLongLine);
    rule.emplace_back(rule_id(reject.rule));
    field.emplace_back(field_name(reject.field));
    value.push_back(to_utf8(reject.value));
    raw.push_back(to_utf8(bytes));
    line.push_back(static_cast<std::int64_t>(row.line));
    offset.push_back(row.offset);
    amount.push_back(reject.amount_minor.value_or(0));
    no_amount.push_back(!reject.amount_minor);
    fraud.push_back(reject.is_fraud.value_or(false) ? 1 : 0);
    no_fraud.push_back(!reject.is_fraud);
  }
  auto table = std::make_shared<TableOutput>(size);
  table->add("rule", rule);
  table->add("field", field);
  table->add("value", value);
  table->add("line", std::move(line));
  table->add("offset", std::move(offset));
  table->add("amount_minor", std::move(amount));
  table->set_nulls(no_amount);
  table->add_flags("is_fraud", fraud);
  table->set_nulls(no_fraud);
  table->add("raw", raw);
  return table;
}

/// Rows by (time, id), equal ones as they came. A day's rows, the usual case, are dealt out by
/// their seconds: a comparing sort took half of the whole call.
std::vector<std::uint32_t> lake_order(std::span<const Seconds> time,
                                      std::span<const std::int64_t> id) {
  std::vector<std::uint32_t> order(time.size());
  if (order.empty()) return order;
  const auto by_id = [&](std::size_t a, std::size_t b) { return id[a] < id[b]; };
  const auto [first, last] = std::minmax_element(time.begin(), time.end());
  const auto seconds = static_cast<std::uint64_t>(*last) - static_cast<std::uint64_t>(*first);
  if (seconds >= 4 * time.size() + kSecondsPerDay) {
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return time[a] != time[b] ? time[a] < time[b] : by_id(a, b);
    });
    return order;
  }
  std::vector<std::uint32_t> ends(seconds + 2, 0);
  const auto second = [&](std::size_t row) { return static_cast<std::size_t>(time[row] - *first); };
  for (std::size_t row = 0; row < time.size(); ++row) ++ends[second(row) + 1];
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  for (std::uint32_t row = 0; row < time.size(); ++row) order[ends[second(row)]++] = row;
  for (auto begin = order.begin(); begin != order.end();) {
    const auto end = std::find_if(begin, order.end(),
                                  [&](std::size_t row) { return time[row] != time[*begin]; });
    if (!std::is_sorted(begin, end, by_id)) std::stable_sort(begin, end, by_id);
    begin = end;
  }
  return order;
}

template <typename Value>
std::vector<Value> ordered(std::span<const Value> values, const std::vector<std::uint32_t>& order) {
  std::vector<Value> result(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) result[i] = values[order[i]];
  return result;
}

}  // namespace

TextFile::TextFile(std::string_view head,
                   const ColumnNames& names,
                   CleaningConfig config,
                   std::string source)
    : source_(std::move(source)),
      layout_(inspect_text(head, names, source_)),
      config_(std::move(config)),
      cleaner_(config_) {
  if (!config_.time_origin) config_.time_origin = layout_.time_origin;
}

CleanedLines TextFile::clean(std::string text, bool first) {
  if (!text.empty() && text.back() != '\n') text += '\n';
  if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error("\"" + source_ + "\": more than 4 GiB of lines at once; give them in parts");
  }
  if (first && !layout_.is_json() && text.empty()) {
    throw Error("\"" + source_ + "\" is empty; wanted a header and rows");
  }
  cleaner_.clean(layout_, text, first, layout_.labelled, rows_);
  CleanedLines result;
  result.lines = rows_.lines;
  result.report.labelled = layout_.labelled;
  result.report.files = {{source_, rows_.in.rows}};
  result.report.in = rows_.in;
  for (const TextReject& row : rows_.rejects) result.report[row.reject.rule].add(row.reject);
  result.payments = payment_rows(rows_, layout_.labelled);
  result.rejects = reject_rows(rows_, text);
  return result;
}

OrderedPayments order_payments(const ArrowTable& payments) {
  const auto id = payments.integers("transaction_id");
  const auto time = payments.times("event_time");
  const auto customer = payments.integers("customer_id");
  const auto terminal = payments.integers("terminal_id");
  const auto amount = payments.integers("amount_minor");
  const bool labelled = payments.has_column("is_fraud");
  std::vector<std::int8_t> none(payments.rows());
  const auto fraud = labelled ? payments.small_integers("is_fraud") : Column(none);
  const auto scenario = payments.has_column("fraud_scenario")
                            ? payments.small_integers("fraud_scenario")
                            : Column(none);
  const auto repaired = payments.has_column("time_repaired")
                            ? payments.small_integers("time_repaired")
                            : Column(none);

  if (payments.rows() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error("more than 2^32 - 1 payments at once; give them in parts");
  }
  const std::vector<std::uint32_t> order = lake_order(time.values(), id.values());
  OrderedPayments result;
  CleanReport& report = result.report;
  report.labelled = labelled;
  std::optional<Seconds> day;
  for (const std::size_t row : order) {
    CleanedPayment payment;
    payment.payment = {id.values()[row], time.values()[row], customer.values()[row],
                       terminal.values()[row], amount.values()[row]};
    payment.label = {fraud.values()[row], scenario.values()[row]};
    payment.time_repaired = repaired.values()[row] != 0;
    const PackedPayment packed(payment);
    report.clean.add(packed);
    if (payment.time_repaired) report[Rule::kTime24Repaired].add(packed);
    if (packed.amount_minor() == 0) report[Rule::kAmountZeroKept].add(packed);
    const Seconds this_day = day_start(payment.payment.event_time);
    if (day != this_day) ++report.days;
    day = this_day;
  }
  if (!order.empty()) {
    report.first_time = time.values()[order.front()];
    report.last_time = time.values()[order.back()];
  }
  auto table = std::make_shared<TableOutput>(order.size());
  table->add("transaction_id", ordered(id.values(), order));
  table->add_times("event_time", ordered(time.values(), order));
  table->add("customer_id", ordered(customer.values(), order));
  table->add("terminal_id", ordered(terminal.values(), order));
  table->add("amount_minor", ordered(amount.values(), order));
  if (labelled) {
    table->add_flags("is_fraud", ordered(fraud.values(), order));
    table->add("fraud_scenario", ordered(scenario.values(), order));
  }
  result.payments = table;
  return result;
}

}  // namespace weir::python
