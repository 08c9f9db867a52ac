#include "edge/files/feature_table.h"

#include <arrow/io/file.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>
#include <parquet/column_reader.h>
#include <parquet/column_writer.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>
#include <parquet/file_writer.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/payment_parquet.h"
#include "edge/files/staged.h"
#include "edge/files/storage.h"
#include "edge/files/workers.h"

namespace weir::files {
namespace {

constexpr const char* kSpecKey = "weir.spec";
constexpr const char* kFingerprintKey = "weir.fingerprint";
constexpr const char* kLabelDelayKey = "weir.label_delay_seconds";

std::shared_ptr<parquet::schema::GroupNode> table_schema(const FeatureSpec& spec, bool has_labels) {
  parquet::schema::NodeVector fields = payment_fields(has_labels);
  for (const std::string& name : spec.names()) {
    fields.push_back(parquet::schema::PrimitiveNode::Make(
        name, parquet::Repetition::REQUIRED, parquet::LogicalType::None(), parquet::Type::FLOAT));
  }
  return required_schema(std::move(fields));
}

std::shared_ptr<parquet::WriterProperties> writer_properties(const FeatureSpec& spec) {
  parquet::WriterProperties::Builder builder;
  set_payment_properties(builder);
  // Bytes of one significance together: what zstd finds most in.
  for (const std::string& name : spec.names()) {
    builder.encoding(name, parquet::Encoding::BYTE_STREAM_SPLIT);
  }
  return builder.build();
}

}  // namespace

// ----------------------------------------------------------------------------------- writing

struct FeatureTableWriter::State {
  StagedFile file;
  std::string name;
  std::size_t features;
  bool has_labels;
  std::shared_ptr<arrow::io::FileOutputStream> stream;
  std::unique_ptr<parquet::ParquetFileWriter> writer;

  template <typename Work>
  void naming_file(const Work& work) {
    try {
      work();
    } catch (const parquet::ParquetException& error) {
      throw Error(fmt::format("cannot write \"{}\": {}", name, error.what()));
    }
  }
};

FeatureTableWriter::FeatureTableWriter(const std::filesystem::path& target,
                                       const FeatureSpec& spec,
                                       Seconds label_delay,
                                       bool has_labels)
    : state_(new State{StagedFile(target), target.string(), spec.size(), has_labels, {}, {}}) {
  state_->stream = value_or_throw(arrow::io::FileOutputStream::Open(state_->file.path().string()),
                                  "write", state_->name);
  const auto metadata = arrow::key_value_metadata(
      {kSpecKey, kFingerprintKey, kLabelDelayKey},
      {spec.to_toml(), spec.fingerprint(), fmt::format("{}", label_delay)});
  state_->naming_file([&] {
    state_->writer = parquet::ParquetFileWriter::Open(
        state_->stream, table_schema(spec, has_labels), writer_properties(spec), metadata);
  });
}

FeatureTableWriter::~FeatureTableWriter() {
  // Closing may fail again on a full disk, after the error that unwound us here.
  try {
    state_->writer.reset();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

void FeatureTableWriter::write(const PaymentView& payments, const FeatureMatrix& features) {
  if (payments.size() == 0) return;
  WEIR_CHECK(features.columns() == state_->features && features.rows() >= payments.size());
  WEIR_CHECK(!state_->has_labels || payments.has_labels());
  state_->naming_file([&] {
    parquet::RowGroupWriter* group = state_->writer->AppendRowGroup();
    const auto rows = static_cast<std::int64_t>(payments.size());
    write_payment_columns(*group, payments, state_->has_labels);
    for (std::size_t i = 0; i < features.columns(); ++i) {
      static_cast<parquet::FloatWriter*>(group->NextColumn())
          ->WriteBatch(rows, nullptr, nullptr, features.column(i).data());
    }
    group->Close();
  });
}

void FeatureTableWriter::commit() {
  state_->naming_file([&] { state_->writer->Close(); });
  state_->writer.reset();
  check(state_->stream->Close(), "write", state_->name);
  state_->file.commit();
}

// ----------------------------------------------------------------------------------- reading

namespace {

/// Reads rows [skip, skip + rows) of a column chunk straight into `target`.
template <typename Type>
void read_values(parquet::ColumnReader& column,
                 const std::string& name,
                 std::int64_t skip,
                 std::int64_t rows,
                 typename Type::c_type* target) {
  auto& reader = static_cast<parquet::TypedColumnReader<Type>&>(column);
  if (skip > 0) reader.Skip(skip);
  std::vector<std::int16_t> levels(
      column.descr()->max_definition_level() > 0 ? static_cast<std::size_t>(rows) : 0);
  for (std::int64_t done = 0; done < rows;) {
    std::int64_t count = 0;
    const std::int64_t read = reader.ReadBatch(
        rows - done, levels.empty() ? nullptr : levels.data(), nullptr, target + done, &count);
    if (read == 0 || read != count) {
      throw Error(fmt::format("column {} has a missing value near row {} of its row group", name,
                              skip + done + count));
    }
    done += count;
  }
}

template <typename Type, typename Target, typename Convert>
void read_converted(parquet::ColumnReader& column,
                    const std::string& name,
                    std::int64_t skip,
                    std::int64_t rows,
                    Target* target,
                    Convert convert) {
  const auto values = std::make_unique<typename Type::c_type[]>(static_cast<std::size_t>(rows));
  read_values<Type>(column, name, skip, rows, values.get());
  std::transform(values.get(), values.get() + rows, target, convert);
}

/// A feature table opened for reading: what is inside, and where each column stands.
class TableFile {
 public:
  explicit TableFile(const std::filesystem::path& source) : place_(open_place(source.string())) {
    const auto reader = open();
    metadata_ = reader->metadata();
  }

  std::unique_ptr<parquet::ParquetFileReader> open() const {
    auto input = value_or_throw(place_.system->OpenInputFile(place_.path), "read", name());
    parquet::ReaderProperties properties;
    properties.set_page_checksum_verification(true);
    return parquet::ParquetFileReader::Open(std::move(input), properties, metadata_);
  }

  const std::string& name() const { return place_.location; }
  const parquet::FileMetaData& metadata() const { return *metadata_; }

  std::string text(const char* key) const {
    const auto& pairs = metadata_->key_value_metadata();
    const auto value = pairs == nullptr ? arrow::Result<std::string>(arrow::Status::KeyError(""))
                                        : pairs->Get(key);
    if (!value.ok()) {
      throw Error(
          fmt::format("no feature table: the metadata {} is missing; make one with `weir "
                      "features`",
                      key));
    }
    return *value;
  }

  int find(const std::string& column) const {
    for (int i = 0; i < metadata_->num_columns(); ++i) {
      if (metadata_->schema()->Column(i)->path()->ToDotString() == column) return i;
    }
    return -1;
  }

  int require(const std::string& column, parquet::Type::type type) const {
    const int index = find(column);
    if (index < 0) throw Error(fmt::format("the column {} is missing", column));
    const auto got = metadata_->schema()->Column(index)->physical_type();
    if (got != type) {
      throw Error(fmt::format("the column {} is {}, {} wanted", column, parquet::TypeToString(got),
                              parquet::TypeToString(type)));
    }
    return index;
  }

 private:
  Place place_;
  std::shared_ptr<parquet::FileMetaData> metadata_;
};

/// Rows of one row group that lie in the period, and where they go.
struct GroupPart {
  int group;
  std::int64_t skip;
  std::int64_t rows;
  std::size_t offset;
};

FeatureSpec spec_inside(const TableFile& file) {
  FeatureSpec spec = FeatureSpec::parse(file.text(kSpecKey), "inside the file");
  if (spec.fingerprint() != file.text(kFingerprintKey)) {
    throw Error(
        fmt::format("made for features {}, this build computes {} for the same spec; make "
                    "it again with `weir features`",
                    file.text(kFingerprintKey), spec.fingerprint()));
  }
  return spec;
}

Seconds label_delay_inside(const TableFile& file) {
  const std::string text = file.text(kLabelDelayKey);
  Seconds delay = -1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), delay);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || delay < 0) {
    throw Error(
        fmt::format("the metadata {} is \"{}\", a number of seconds wanted", kLabelDelayKey, text));
  }
  return delay;
}

std::vector<GroupPart> choose_rows(const TableFile& file,
                                   std::optional<Seconds> from,
                                   std::optional<Seconds> to,
                                   std::vector<Seconds>& times) {
  const auto reader = file.open();
  const int column = file.require("event_time", parquet::Type::INT64);
  std::vector<GroupPart> parts;
  for (int group = 0; group < file.metadata().num_row_groups(); ++group) {
    const std::int64_t rows = file.metadata().RowGroup(group)->num_rows();
    std::vector<Seconds> all(static_cast<std::size_t>(rows));
    read_converted<parquet::Int64Type>(*reader->RowGroup(group)->Column(column), "event_time", 0,
                                       rows, all.data(),
                                       [](std::int64_t time) { return time / kMicroseconds; });
    if (!std::is_sorted(all.begin(), all.end()) ||
        (!times.empty() && !all.empty() && all.front() < times.back())) {
      throw Error("its rows are not sorted by event_time; make it again with `weir features`");
    }
    const auto begin = from ? std::lower_bound(all.begin(), all.end(), *from) : all.begin();
    const auto end =
        to ? std::lower_bound(begin, all.end(), std::max(*to, from.value_or(*to))) : all.end();
    if (begin == end) continue;
    parts.push_back({group, begin - all.begin(), end - begin, times.size()});
    times.insert(times.end(), begin, end);
  }
  return parts;
}

FeatureTable read_table(const TableFile& file,
                        std::optional<Seconds> from,
                        std::optional<Seconds> to,
                        int threads,
                        Progress& progress) {
  FeatureTable table{spec_inside(file), label_delay_inside(file), {}, {}};
  PaymentColumns& payments = table.payments;
  const std::vector<GroupPart> parts = choose_rows(file, from, to, payments.event_time);
  const std::size_t rows = payments.event_time.size();
  const bool has_labels = file.find("is_fraud") >= 0;
  for (auto* column : {&payments.transaction_id, &payments.customer_id, &payments.terminal_id,
                       &payments.amount_minor}) {
    column->resize(rows);
  }
  if (has_labels) {
    payments.is_fraud.resize(rows);
    payments.fraud_scenario.resize(rows);
  }
  table.features = FeatureMatrix(rows, table.spec.size());

  // One piece of work a column: each decodes into its own contiguous place.
  using Work = std::function<void(parquet::RowGroupReader&, const GroupPart&)>;
  std::vector<Work> columns;
  const auto add_number = [&](const char* name, std::vector<std::int64_t>& target) {
    columns.push_back([&target, name, index = file.require(name, parquet::Type::INT64)](
                          parquet::RowGroupReader& group, const GroupPart& part) {
      read_values<parquet::Int64Type>(*group.Column(index), name, part.skip, part.rows,
                                      target.data() + part.offset);
    });
  };
  add_number("transaction_id", payments.transaction_id);
  add_number("customer_id", payments.customer_id);
  add_number("terminal_id", payments.terminal_id);
  add_number("amount_minor", payments.amount_minor);
  if (has_labels) {
    columns.push_back([&, index = file.require("is_fraud", parquet::Type::BOOLEAN)](
                          parquet::RowGroupReader& group, const GroupPart& part) {
      read_converted<parquet::BooleanType>(*group.Column(index), "is_fraud", part.skip, part.rows,
                                           payments.is_fraud.data() + part.offset, [](bool label) {
                                             return static_cast<std::int8_t>(label);
                                           });
    });
    columns.push_back([&, index = file.require("fraud_scenario", parquet::Type::INT32)](
                          parquet::RowGroupReader& group, const GroupPart& part) {
      read_converted<parquet::Int32Type>(
          *group.Column(index), "fraud_scenario", part.skip, part.rows,
          payments.fraud_scenario.data() + part.offset,
          [](std::int32_t scenario) { return static_cast<std::int8_t>(scenario); });
    });
  }
  for (std::size_t i = 0; i < table.spec.size(); ++i) {
    const std::string& name = table.spec.names()[i];
    columns.push_back([&, i, index = file.require(name, parquet::Type::FLOAT)](
                          parquet::RowGroupReader& group, const GroupPart& part) {
      read_values<parquet::FloatType>(*group.Column(index), name, part.skip, part.rows,
                                      table.features.column(i).data() + part.offset);
    });
  }
  progress.begin("reading", columns.size(), "columns");
  WorkerState state;
  for_each_index(columns.size(), threads, progress, state, [&](std::size_t index) {
    const auto reader = file.open();
    for (const GroupPart& part : parts) {
      if (state.stop) return;
      columns[index](*reader->RowGroup(part.group), part);
    }
    state.done += 1;
  });
  progress.end();
  return table;
}

}  // namespace

FeatureTable read_feature_table(const std::filesystem::path& source,
                                std::optional<Seconds> from,
                                std::optional<Seconds> to,
                                int threads,
                                Progress& progress) {
  try {
    return read_table(TableFile(source), from, to, threads, progress);
  } catch (const parquet::ParquetException& error) {
    throw Error(
        fmt::format("feature table \"{}\" is damaged or no Parquet: {}; make it again with "
                    "`weir features`",
                    source.string(), error.what()));
  } catch (const Interrupted&) {
    throw;
  } catch (const Error& error) {
    throw Error(fmt::format("feature table \"{}\": {}", source.string(), error.what()));
  }
}

}  // namespace weir::files
