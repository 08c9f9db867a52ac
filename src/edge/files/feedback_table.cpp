#include "edge/files/feedback_table.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <fmt/format.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>

#include <algorithm>
#include <iterator>

#include "core/transaction/error.h"
#include "edge/files/payment_parquet.h"
#include "edge/files/staged.h"
#include "edge/files/storage.h"

namespace weir::files {
namespace {

std::shared_ptr<arrow::Schema> feedback_schema() {
  const auto time = arrow::timestamp(arrow::TimeUnit::MICRO, "UTC");
  return arrow::schema(
      {arrow::field("transaction_id", arrow::int64(), false),
       arrow::field("event_time", time, false), arrow::field("customer_id", arrow::int64(), false),
       arrow::field("terminal_id", arrow::int64(), false),
       arrow::field("amount_minor", arrow::int64(), false),
       arrow::field("outcome", arrow::utf8(), false), arrow::field("source", arrow::utf8(), false),
       arrow::field("known_at", time, false),
       arrow::field("model_probability", arrow::float32(), false),
       arrow::field("takeover_probability", arrow::float32(), false),
       arrow::field("card_probability", arrow::float32(), false),
       arrow::field("terminal_probability", arrow::float32(), false),
       arrow::field("challenged", arrow::boolean(), false)});
}

/// The file's columns by name, checked.
class Columns {
 public:
  Columns(const arrow::Table& table, const std::string& location)
      : table_(table), location_(location) {}

  template <typename Array>
  std::shared_ptr<Array> get(int index) const {
    const auto wanted = feedback_schema()->field(index);
    const auto column = table_.GetColumnByName(wanted->name());
    if (column == nullptr || !column->type()->Equals(wanted->type()) || column->null_count() > 0) {
      throw Error(fmt::format(
          "feedback \"{}\": column {} is {}, wanted {} without missing values; write the file with "
          "`weir export --feedback` or `weir replay --feedback`",
          location_, wanted->name(), column == nullptr ? "missing" : column->type()->ToString(),
          wanted->type()->ToString()));
    }
    const auto whole =
        column->num_chunks() == 0
            ? value_or_throw(arrow::MakeArrayOfNull(wanted->type(), 0), "read", location_)
            : value_or_throw(arrow::Concatenate(column->chunks()), "read", location_);
    return std::static_pointer_cast<Array>(whole);
  }

 private:
  const arrow::Table& table_;
  const std::string& location_;
};

template <typename Value, std::size_t Count>
Value named(std::string_view text,
            const std::string_view (&names)[Count],
            std::string_view column,
            const std::string& location) {
  const auto* const found = std::find(std::begin(names), std::end(names), text);
  if (found == std::end(names)) {
    throw Error(
        fmt::format("feedback \"{}\": {} is \"{}\", which is none", location, column, text));
  }
  return static_cast<Value>(found - std::begin(names));
}

}  // namespace

struct FeedbackTableWriter::Implementation {
  StagedFile staged;
  std::string name;
  std::shared_ptr<arrow::io::FileOutputStream> sink;
  std::unique_ptr<parquet::arrow::FileWriter> writer;
};

FeedbackTableWriter::FeedbackTableWriter(const std::filesystem::path& target)
    : implementation_(new Implementation{StagedFile(target), target.string(), {}, {}}) {
  Implementation& all = *implementation_;
  all.sink = value_or_throw(arrow::io::FileOutputStream::Open(all.staged.path().string()), "write",
                            all.name);
  all.writer = value_or_throw(
      parquet::arrow::FileWriter::Open(
          *feedback_schema(), arrow::default_memory_pool(), all.sink,
          parquet::WriterProperties::Builder().compression(parquet::Compression::ZSTD)->build(),
          parquet::ArrowWriterProperties::Builder().store_schema()->build()),
      "write", all.name);
}

FeedbackTableWriter::~FeedbackTableWriter() = default;

void FeedbackTableWriter::append(std::span<const Feedback> feedback) {
  Implementation& all = *implementation_;
  const auto schema = feedback_schema();
  const auto column = [&]<typename Builder>(Builder builder, auto get) {
    for (const Feedback& one : feedback) check(builder.Append(get(one)), "write", all.name);
    return value_or_throw(builder.Finish(), "write", all.name);
  };
  const auto number = [&](auto get) { return column(arrow::Int64Builder(), get); };
  const auto time = [&](auto get) {
    return column(arrow::TimestampBuilder(schema->field(1)->type(), arrow::default_memory_pool()),
                  get);
  };
  const auto share = [&](auto get) { return column(arrow::FloatBuilder(), get); };
  using F = const Feedback&;
  const arrow::ArrayVector arrays = {
      number([](F one) { return one.payment.transaction_id; }),
      time([](F one) { return one.payment.event_time * kMicroseconds; }),
      number([](F one) { return one.payment.customer_id; }),
      number([](F one) { return one.payment.terminal_id; }),
      number([](F one) { return one.payment.amount_minor; }),
      column(arrow::StringBuilder(), [](F one) { return outcome_name(one.outcome); }),
      column(arrow::StringBuilder(), [](F one) { return source_name(one.source); }),
      time([](F one) { return one.known_at * kMicroseconds; }),
      share([](F one) { return one.beliefs.model; }),
      share([](F one) { return one.beliefs.takeover; }),
      share([](F one) { return one.beliefs.card; }),
      share([](F one) { return one.beliefs.terminal; }),
      column(arrow::BooleanBuilder(), [](F one) { return one.challenged; })};
  check(all.writer->WriteTable(*arrow::Table::Make(schema, arrays), 1 << 20), "write", all.name);
}

void FeedbackTableWriter::commit() {
  Implementation& all = *implementation_;
  check(all.writer->Close(), "write", all.name);
  check(all.sink->Close(), "write", all.name);
  all.staged.commit();
}

std::vector<Feedback> read_feedback(const std::string& location) {
  const Place place = open_place(location);
  auto input = value_or_throw(place.system->OpenInputFile(place.path), "read", location);
  parquet::arrow::FileReaderBuilder builder;
  check(builder.Open(std::move(input)), "read", location);
  std::unique_ptr<parquet::arrow::FileReader> reader;
  check(builder.Build(&reader), "read", location);
  const auto table = value_or_throw(reader->ReadTable(), "read", location);
  const Columns columns(*table, location);
  const auto id = columns.get<arrow::Int64Array>(0);
  const auto event_time = columns.get<arrow::TimestampArray>(1);
  const auto customer = columns.get<arrow::Int64Array>(2);
  const auto terminal = columns.get<arrow::Int64Array>(3);
  const auto amount = columns.get<arrow::Int64Array>(4);
  const auto outcome = columns.get<arrow::StringArray>(5);
  const auto source = columns.get<arrow::StringArray>(6);
  const auto known_at = columns.get<arrow::TimestampArray>(7);
  const auto model = columns.get<arrow::FloatArray>(8);
  const auto takeover = columns.get<arrow::FloatArray>(9);
  const auto card = columns.get<arrow::FloatArray>(10);
  const auto bad_terminal = columns.get<arrow::FloatArray>(11);
  const auto challenged = columns.get<arrow::BooleanArray>(12);
  std::vector<Feedback> all;
  all.reserve(static_cast<std::size_t>(table->num_rows()));
  for (std::int64_t row = 0; row < table->num_rows(); ++row) {
    all.push_back(
        {{id->Value(row), event_time->Value(row) / kMicroseconds, customer->Value(row),
          terminal->Value(row), amount->Value(row)},
         named<Outcome>(outcome->GetView(row), kOutcomeNames, "outcome", location),
         named<OutcomeSource>(source->GetView(row), kSourceNames, "source", location),
         known_at->Value(row) / kMicroseconds,
         {model->Value(row), takeover->Value(row), card->Value(row), bad_terminal->Value(row)},
         challenged->Value(row)});
  }
  return all;
}

}  // namespace weir::files
