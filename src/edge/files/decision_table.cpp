#include "edge/files/decision_table.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>

#include <vector>

#include "core/transaction/error.h"
#include "edge/files/payment_parquet.h"
#include "edge/files/staged.h"
#include "edge/files/storage.h"

namespace weir::files {
namespace {

/// Borrows the values: they must outlive the array.
template <typename Value>
std::shared_ptr<arrow::Array> borrow(std::shared_ptr<arrow::DataType> type,
                                     std::span<const Value> values) {
  return arrow::MakeArray(arrow::ArrayData::Make(
      std::move(type), static_cast<std::int64_t>(values.size()),
      {nullptr,
       std::make_shared<arrow::Buffer>(reinterpret_cast<const std::uint8_t*>(values.data()),
                                       static_cast<std::int64_t>(values.size_bytes()))}));
}

/// One value of each decision, copied into a column of its own.
template <typename Builder, typename Get>
std::shared_ptr<arrow::Array> column(std::span<const Decision> decisions,
                                     const std::string& name,
                                     Get get) {
  Builder builder;
  check(builder.Reserve(static_cast<std::int64_t>(decisions.size())), "write", name);
  for (const Decision& decision : decisions) check(builder.Append(get(decision)), "write", name);
  return value_or_throw(builder.Finish(), "write", name);
}

std::shared_ptr<arrow::DataType> event_time_type() {
  return arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
}

std::shared_ptr<arrow::Schema> schema_of(
    DecisionColumns columns,
    const std::string& version,
    const std::vector<std::pair<std::string, std::string>>& more) {
  arrow::FieldVector fields = {arrow::field("transaction_id", arrow::int64(), false),
                               arrow::field("event_time", event_time_type(), false),
                               arrow::field("customer_id", arrow::int64(), false),
                               arrow::field("terminal_id", arrow::int64(), false),
                               arrow::field("amount_minor", arrow::int64(), false),
                               arrow::field("position", arrow::uint64(), false),
                               arrow::field("action", arrow::utf8(), false),
                               arrow::field("margin", arrow::float32(), false),
                               arrow::field("probability", arrow::float64(), false),
                               arrow::field("late", arrow::boolean(), false)};
  if (columns == DecisionColumns::kReplay) {
    for (auto& field :
         arrow::FieldVector{arrow::field("cause", arrow::utf8(), false),
                            arrow::field("review", arrow::boolean(), false),
                            arrow::field("score", arrow::float32(), false),
                            arrow::field("card_probability", arrow::float32(), false),
                            arrow::field("terminal_probability", arrow::float32(), false),
                            arrow::field("audit_probability", arrow::float32(), false),
                            arrow::field("executed", arrow::boolean(), false),
                            arrow::field("is_fraud", arrow::boolean(), false)}) {
      fields.push_back(field);
    }
  }
  const auto metadata = arrow::key_value_metadata({"model_version"}, {version});
  for (const auto& [key, value] : more) metadata->Append(key, value);
  return arrow::schema(std::move(fields), metadata);
}

std::shared_ptr<arrow::Array> flags(std::span<const std::uint8_t> values, const std::string& name) {
  arrow::BooleanBuilder builder;
  check(builder.AppendValues(values.data(), static_cast<std::int64_t>(values.size())), "write",
        name);
  return value_or_throw(builder.Finish(), "write", name);
}

}  // namespace

struct DecisionTableWriter::Implementation {
  StagedFile staged;
  std::string name;
  DecisionColumns columns;
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<arrow::io::FileOutputStream> sink;
  std::unique_ptr<parquet::arrow::FileWriter> writer;
};

DecisionTableWriter::DecisionTableWriter(
    const std::filesystem::path& target,
    const std::string& model_version,
    DecisionColumns columns,
    const std::vector<std::pair<std::string, std::string>>& more)
    : implementation_(new Implementation{StagedFile(target),
                                         target.string(),
                                         columns,
                                         schema_of(columns, model_version, more),
                                         {},
                                         {}}) {
  Implementation& all = *implementation_;
  all.sink = value_or_throw(arrow::io::FileOutputStream::Open(all.staged.path().string()), "write",
                            all.name);
  all.writer = value_or_throw(
      parquet::arrow::FileWriter::Open(
          *all.schema, arrow::default_memory_pool(), all.sink,
          parquet::WriterProperties::Builder().compression(parquet::Compression::ZSTD)->build(),
          parquet::ArrowWriterProperties::Builder().store_schema()->build()),
      "write", all.name);
}

DecisionTableWriter::~DecisionTableWriter() = default;

void DecisionTableWriter::append(const PaymentView& payments,
                                 std::span<const Decision> decisions,
                                 std::span<const std::uint8_t> executed) {
  const Implementation& all = *implementation_;
  const bool replay = all.columns == DecisionColumns::kReplay;
  WEIR_CHECK(payments.size() == decisions.size());
  WEIR_CHECK(!replay || (executed.size() == decisions.size() && payments.has_labels()));
  std::vector<std::int64_t> event_time(payments.size());
  for (std::size_t row = 0; row < payments.size(); ++row) {
    event_time[row] = payments.event_time[row] * kMicroseconds;
  }
  const auto& name = all.name;
  arrow::ArrayVector arrays = {
      borrow(arrow::int64(), payments.transaction_id),
      borrow(event_time_type(), std::span<const std::int64_t>(event_time)),
      borrow(arrow::int64(), payments.customer_id),
      borrow(arrow::int64(), payments.terminal_id),
      borrow(arrow::int64(), payments.amount_minor),
      column<arrow::UInt64Builder>(decisions, name, [](const Decision& d) { return d.position; }),
      column<arrow::StringBuilder>(decisions, name,
                                   [](const Decision& d) { return action_name(d.action); }),
      column<arrow::FloatBuilder>(decisions, name, [](const Decision& d) { return d.margin; }),
      column<arrow::DoubleBuilder>(decisions, name,
                                   [](const Decision& d) { return d.probability; }),
      column<arrow::BooleanBuilder>(decisions, name, [](const Decision& d) { return d.late; })};
  if (replay) {
    const std::vector<std::uint8_t> labels(payments.is_fraud.begin(), payments.is_fraud.end());
    for (auto& array : arrow::ArrayVector{
             column<arrow::StringBuilder>(decisions, name,
                                          [](const Decision& d) { return cause_name(d.cause); }),
             column<arrow::BooleanBuilder>(decisions, name,
                                           [](const Decision& d) { return d.review; }),
             column<arrow::FloatBuilder>(decisions, name,
                                         [](const Decision& d) { return d.score; }),
             column<arrow::FloatBuilder>(decisions, name,
                                         [](const Decision& d) { return d.beliefs.card; }),
             column<arrow::FloatBuilder>(decisions, name,
                                         [](const Decision& d) { return d.beliefs.terminal; }),
             column<arrow::FloatBuilder>(decisions, name,
                                         [](const Decision& d) { return d.audit_probability; }),
             flags(executed, name), flags(labels, name)}) {
      arrays.push_back(array);
    }
  }
  const auto table = arrow::Table::Make(all.schema, arrays);
  check(all.writer->WriteTable(*table, 1 << 20), "write", name);
}

void DecisionTableWriter::commit() {
  Implementation& all = *implementation_;
  check(all.writer->Close(), "write", all.name);
  check(all.sink->Close(), "write", all.name);
  all.staged.commit();
}

void write_decisions(const std::filesystem::path& target,
                     const PaymentView& payments,
                     std::span<const Decision> decisions,
                     const std::string& model_version) {
  DecisionTableWriter writer(target, model_version);
  writer.append(payments, decisions);
  writer.commit();
}

}  // namespace weir::files
