#include "edge/files/decision_table.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/writer.h>

#include <vector>

#include "core/transaction/error.h"
#include "edge/files/staged.h"
#include "edge/files/storage.h"

namespace weir::files {
namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

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

}  // namespace

void write_decisions(const std::filesystem::path& target,
                     const PaymentView& payments,
                     std::span<const Decision> decisions,
                     const std::string& model_version) {
  WEIR_CHECK(payments.size() == decisions.size());
  const std::string name = target.string();
  const auto event_time_type = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  std::vector<std::int64_t> event_time(payments.size());
  for (std::size_t row = 0; row < payments.size(); ++row) {
    event_time[row] = payments.event_time[row] * kMicroseconds;
  }
  const auto schema = arrow::schema({arrow::field("transaction_id", arrow::int64(), false),
                                     arrow::field("event_time", event_time_type, false),
                                     arrow::field("customer_id", arrow::int64(), false),
                                     arrow::field("terminal_id", arrow::int64(), false),
                                     arrow::field("amount_minor", arrow::int64(), false),
                                     arrow::field("position", arrow::uint64(), false),
                                     arrow::field("action", arrow::utf8(), false),
                                     arrow::field("margin", arrow::float32(), false),
                                     arrow::field("probability", arrow::float64(), false),
                                     arrow::field("late", arrow::boolean(), false)},
                                    arrow::key_value_metadata({"model_version"}, {model_version}));
  const auto table = arrow::Table::Make(
      schema,
      {borrow(arrow::int64(), payments.transaction_id),
       borrow(event_time_type, std::span<const std::int64_t>(event_time)),
       borrow(arrow::int64(), payments.customer_id), borrow(arrow::int64(), payments.terminal_id),
       borrow(arrow::int64(), payments.amount_minor),
       column<arrow::UInt64Builder>(decisions, name, [](const Decision& d) { return d.position; }),
       column<arrow::StringBuilder>(decisions, name,
                                    [](const Decision& d) { return action_name(d.action); }),
       column<arrow::FloatBuilder>(decisions, name, [](const Decision& d) { return d.margin; }),
       column<arrow::DoubleBuilder>(decisions, name,
                                    [](const Decision& d) { return d.probability; }),
       column<arrow::BooleanBuilder>(decisions, name, [](const Decision& d) { return d.late; })});
  StagedFile staged(target);
  const auto sink =
      value_or_throw(arrow::io::FileOutputStream::Open(staged.path().string()), "write", name);
  const auto properties =
      parquet::WriterProperties::Builder().compression(parquet::Compression::ZSTD)->build();
  const auto with_schema = parquet::ArrowWriterProperties::Builder().store_schema()->build();
  check(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), sink, 1 << 20, properties,
                                   with_schema),
        "write", name);
  check(sink->Close(), "write", name);
  staged.commit();
}

}  // namespace weir::files
