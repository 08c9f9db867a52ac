#include <fmt/format.h>
#include <parquet/column_reader.h>
#include <parquet/exception.h>
#include <parquet/file_reader.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "core/transaction/calendar.h"
#include "edge/files/lake.h"
#include "edge/files/lake_manifest.h"
#include "edge/files/payment_parquet.h"
#include "edge/files/storage.h"
#include "edge/files/workers.h"

namespace weir::files {
namespace {

constexpr std::int64_t kBatch = 1 << 16;

/// The columns of a lake's file, found by name.
struct Columns {
  int transaction_id = -1;
  int event_time = -1;
  int customer_id = -1;
  int terminal_id = -1;
  int amount_minor = -1;
  int is_fraud = -1;
  int fraud_scenario = -1;
};

/// What a file's footer says. The file itself is not kept open: a lake may have more files than a
/// process may open.
struct LakeFile {
  Place place;
  std::shared_ptr<parquet::FileMetaData> metadata;
  Columns columns;

  bool labelled() const { return columns.is_fraud >= 0; }
};

std::unique_ptr<parquet::ParquetFileReader> open_reader(
    const Place& place, std::shared_ptr<parquet::FileMetaData> metadata = nullptr) {
  auto input = value_or_throw(place.system->OpenInputFile(place.path), "read", place.location);
  parquet::ReaderProperties properties;
  properties.set_page_checksum_verification(true);
  return parquet::ParquetFileReader::Open(std::move(input), properties, std::move(metadata));
}

LakeFile open_file(Place place) {
  LakeFile file{std::move(place), nullptr, {}};
  file.metadata = open_reader(file.place)->metadata();
  const parquet::SchemaDescriptor& schema = *file.metadata->schema();
  const auto required = [&](const char* name) {
    const int column = find_column(schema, name);
    if (column >= 0) return column;
    throw Error(
        fmt::format("\"{}\" has no column {}; wanted the clean payments of a lake, which "
                    "`weir clean` writes",
                    file.place.location, name));
  };
  file.columns.transaction_id = required("transaction_id");
  file.columns.event_time = required("event_time");
  file.columns.customer_id = required("customer_id");
  file.columns.terminal_id = required("terminal_id");
  file.columns.amount_minor = required("amount_minor");
  file.columns.is_fraud = find_column(schema, "is_fraud");
  file.columns.fraud_scenario = find_column(schema, "fraud_scenario");
  return file;
}

/// Reads one column of a row group into `target`, converting each value.
template <typename Type, typename Target, typename Convert>
void read_column(parquet::ColumnReader& column,
                 const std::string& name,
                 Target* target,
                 std::int64_t rows,
                 Convert convert) {
  auto& reader = static_cast<parquet::TypedColumnReader<Type>&>(column);
  using Value = typename Type::c_type;
  const bool optional = column.descr()->max_definition_level() > 0;
  std::vector<std::int16_t> levels(optional ? kBatch : 0);
  const auto values = std::make_unique<Value[]>(kBatch);
  for (std::int64_t done = 0; done < rows;) {
    std::int64_t count = 0;
    const std::int64_t wanted = std::min(kBatch, rows - done);
    const std::int64_t read =
        reader.ReadBatch(wanted, optional ? levels.data() : nullptr, nullptr, values.get(), &count);
    if (read == 0) throw Error(fmt::format("column {} ends after {} of {} rows", name, done, rows));
    if (read != count) {
      throw Error(
          fmt::format("column {} has an empty value among rows {} to {}", name, done, done + read));
    }
    std::transform(values.get(), values.get() + count, target + done, convert);
    done += count;
  }
}

/// How many units of a timestamp column make a second.
std::int64_t units_per_second(const parquet::ColumnDescriptor& column) {
  const auto type = column.logical_type();
  if (type && type->is_timestamp()) {
    switch (static_cast<const parquet::TimestampLogicalType&>(*type).time_unit()) {
      case parquet::LogicalType::TimeUnit::MILLIS:
        return 1'000;
      case parquet::LogicalType::TimeUnit::MICROS:
        return 1'000'000;
      case parquet::LogicalType::TimeUnit::NANOS:
        return 1'000'000'000;
      default:
        break;
    }
  }
  throw Error(fmt::format("column event_time is {}, wanted a timestamp",
                          type ? type->ToString() : "untyped"));
}

Seconds floor_divide(std::int64_t value, std::int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

void read_times(parquet::ColumnReader& column, Seconds* target, std::int64_t rows) {
  const std::string name = "event_time";
  if (column.type() == parquet::Type::INT96) {
    // Spark's older default: nanoseconds of the day and a Julian day number.
    read_column<parquet::Int96Type>(column, name, target, rows, [](const parquet::Int96& value) {
      return floor_divide(parquet::Int96GetNanoSeconds(value), 1'000'000'000);
    });
    return;
  }
  if (column.type() != parquet::Type::INT64) {
    throw Error(fmt::format("column event_time holds {}, wanted a timestamp",
                            parquet::TypeToString(column.type())));
  }
  const std::int64_t units = units_per_second(*column.descr());
  if (units == 1'000'000) {  // The usual one: a division by a constant is several times faster.
    read_column<parquet::Int64Type>(column, name, target, rows, [](std::int64_t value) {
      return floor_divide(value, 1'000'000);
    });
    return;
  }
  read_column<parquet::Int64Type>(column, name, target, rows, [units](std::int64_t value) {
    return floor_divide(value, units);
  });
}

template <typename Target>
void read_numbers(parquet::ColumnReader& column,
                  const std::string& name,
                  Target* target,
                  std::int64_t rows) {
  const auto convert = [](auto value) { return static_cast<Target>(value); };
  switch (column.type()) {
    case parquet::Type::BOOLEAN:
      return read_column<parquet::BooleanType>(column, name, target, rows, convert);
    case parquet::Type::INT32:
      return read_column<parquet::Int32Type>(column, name, target, rows, convert);
    case parquet::Type::INT64:
      return read_column<parquet::Int64Type>(column, name, target, rows, convert);
    default:
      throw Error(fmt::format("column {} holds {}, wanted whole numbers", name,
                              parquet::TypeToString(column.type())));
  }
}

/// Decodes one row group into its place of `all`; labels only where `all` has room for them.
void read_row_group(parquet::RowGroupReader& reader,
                    const LakeFile& file,
                    PaymentColumns& all,
                    std::size_t offset) {
  const std::int64_t rows = reader.metadata()->num_rows();
  read_times(*reader.Column(file.columns.event_time), all.event_time.data() + offset, rows);
  const auto numbers = [&](int column, const char* name, auto& target) {
    read_numbers(*reader.Column(column), name, target.data() + offset, rows);
  };
  numbers(file.columns.transaction_id, "transaction_id", all.transaction_id);
  numbers(file.columns.customer_id, "customer_id", all.customer_id);
  numbers(file.columns.terminal_id, "terminal_id", all.terminal_id);
  numbers(file.columns.amount_minor, "amount_minor", all.amount_minor);
  if (all.is_fraud.empty()) return;
  numbers(file.columns.is_fraud, "is_fraud", all.is_fraud);
  if (file.columns.fraud_scenario >= 0) {
    numbers(file.columns.fraud_scenario, "fraud_scenario", all.fraud_scenario);
  }
}

/// Parquet's exceptions name no file; ours do.
template <typename Work>
void naming_file(const Place& place, const Work& work) {
  try {
    work();
  } catch (const parquet::ParquetException& error) {
    throw Error(
        fmt::format("\"{}\" is damaged or no Parquet: {}; make the lake again with `weir clean`",
                    place.location, error.what()));
  } catch (const Error& error) {
    if (std::string_view(error.what()).find(place.location) != std::string_view::npos) throw;
    throw Error(fmt::format("\"{}\": {}", place.location, error.what()));
  }
}

/// The day of `…/date=YYYY-MM-DD/x.parquet`; nothing for a path without one.
std::optional<Seconds> partition_day(const std::string& path) {
  const auto start = path.rfind("date=");
  if (start == std::string::npos) return std::nullopt;
  return parse_date(std::string_view(path).substr(start + 5, 10));
}

bool in_period(std::optional<Seconds> day, std::optional<Seconds> from, std::optional<Seconds> to) {
  if (!day) return true;
  return (!from || *day + kSecondsPerDay > *from) && (!to || *day < *to);
}

std::vector<Place> find_files(const Place& lake) {
  const auto missing = [&](const char* what) {
    return Error(
        fmt::format("\"{}\" {}; wanted a lake with clean/date=YYYY-MM-DD/*.parquet, which "
                    "`weir clean INPUT --out LAKE` makes",
                    lake.location, what));
  };
  const auto type = describe(lake).type();
  if (type == arrow::fs::FileType::NotFound) throw missing("does not exist");
  if (type == arrow::fs::FileType::File) throw missing("is a file");
  if (auto published = published_files(lake)) {
    if (published->empty()) throw missing("has published no file yet");
    return *std::move(published);
  }
  const Place clean = lake / "clean";
  if (describe(clean).type() != arrow::fs::FileType::Directory) {
    throw missing("has no folder clean/");
  }
  std::vector<Place> files;
  for (const auto& info : list_files(clean)) {
    if (!info.path().ends_with(".parquet")) continue;
    files.push_back(
        {lake.system, info.path(),
         lake.is_local() ? info.path() : lake.system->type_name() + "://" + info.path()});
  }
  if (files.empty()) throw missing("holds no Parquet file under clean/");
  return files;
}

bool is_sorted(const PaymentView& rows) {
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (earlier_in_batch(rows[i], rows[i - 1])) return false;
  }
  return true;
}

template <typename Value>
void permute(std::vector<Value>& column, const std::vector<std::uint32_t>& order) {
  if (column.empty()) return;
  std::vector<Value> sorted(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) sorted[i] = column[order[i]];
  column.swap(sorted);
}

/// Keeps the rows of [from, to) and puts them in order; other writers' lakes may need it.
void select_and_sort(PaymentColumns& rows, std::optional<Seconds> from, std::optional<Seconds> to) {
  const auto inside = [&](Seconds time) { return (!from || time >= *from) && (!to || time < *to); };
  const PaymentView view = rows.view();
  if (std::all_of(view.event_time.begin(), view.event_time.end(), inside) && is_sorted(view))
    return;
  std::vector<std::uint32_t> order;
  order.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (inside(rows.event_time[i])) order.push_back(static_cast<std::uint32_t>(i));
  }
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t left, std::uint32_t right) {
    return earlier_in_batch(view[left], view[right]);
  });
  permute(rows.transaction_id, order);
  permute(rows.event_time, order);
  permute(rows.customer_id, order);
  permute(rows.terminal_id, order);
  permute(rows.amount_minor, order);
  permute(rows.is_fraud, order);
  permute(rows.fraud_scenario, order);
}

void resize(PaymentColumns& columns, std::size_t rows, bool labelled) {
  columns.transaction_id.resize(rows);
  columns.event_time.resize(rows);
  columns.customer_id.resize(rows);
  columns.terminal_id.resize(rows);
  columns.amount_minor.resize(rows);
  columns.is_fraud.resize(labelled ? rows : 0);
  columns.fraud_scenario.resize(labelled ? rows : 0);
}

PaymentColumns read_files(const std::vector<LakeFile>& files, int threads, Progress& progress) {
  std::vector<std::size_t> offsets;
  std::size_t rows = 0;
  for (const LakeFile& file : files) {
    if (file.labelled() != files[0].labelled()) {
      throw Error(fmt::format(
          "\"{}\" {} labels but \"{}\" {}; clean labelled and unlabelled data into separate lakes",
          files[0].place.location, files[0].labelled() ? "has" : "has no", file.place.location,
          file.labelled() ? "has" : "has none"));
    }
    offsets.push_back(rows);
    rows += static_cast<std::size_t>(file.metadata->num_rows());
  }
  if (rows > std::size_t{UINT32_MAX}) {
    throw Error(
        fmt::format("the period holds {} payments, at most {} can be read at once; give a "
                    "shorter one with --from and --to",
                    rows, UINT32_MAX));
  }
  PaymentColumns all;
  resize(all, rows, files[0].labelled());
  WorkerState state;
  progress.begin("reading", rows, "payments");
  for_each_index(files.size(), threads, progress, state, [&](std::size_t index) {
    const LakeFile& file = files[index];
    naming_file(file.place, [&] {
      const auto reader = open_reader(file.place, file.metadata);
      std::size_t offset = offsets[index];
      for (int group = 0; group < file.metadata->num_row_groups() && !state.stop; ++group) {
        const auto row_group = reader->RowGroup(group);
        read_row_group(*row_group, file, all, offset);
        const auto count = static_cast<std::size_t>(row_group->metadata()->num_rows());
        offset += count;
        state.done += count;
      }
    });
  });
  progress.end();
  return all;
}

}  // namespace

PaymentColumns read_lake(const std::string& location,
                         std::optional<Seconds> from,
                         std::optional<Seconds> to,
                         int threads,
                         Progress& progress) {
  const Place lake = open_place(location);
  std::vector<Place> places = find_files(lake);
  const auto first = partition_day(places.front().path);
  const auto last = partition_day(places.back().path);
  std::erase_if(
      places, [&](const Place& place) { return !in_period(partition_day(place.path), from, to); });
  PaymentColumns all;
  if (!places.empty()) {
    std::vector<LakeFile> files(places.size());
    WorkerState state;
    for_each_index(places.size(), threads, progress, state, [&](std::size_t index) {
      naming_file(places[index], [&] { files[index] = open_file(places[index]); });
    });
    all = read_files(files, threads, progress);
    select_and_sort(all, from, to);
  }
  if (all.size() == 0) {
    throw Error(fmt::format("lake \"{}\" holds no payment in [{}, {}); it covers {} to {}",
                            location, from ? format_date(*from) : "…", to ? format_date(*to) : "…",
                            first ? format_date(*first) : "?", last ? format_date(*last) : "?"));
  }
  return all;
}

std::pair<Seconds, Seconds> lake_period(const std::string& location) {
  const std::vector<Place> places = find_files(open_place(location));
  const auto first = partition_day(places.front().path);
  const auto last = partition_day(places.back().path);
  if (!first || !last) {
    throw Error(fmt::format(
        "lake \"{}\": has files outside date=YYYY-MM-DD folders; make it with weir clean",
        location));
  }
  return {*first, *last + kSecondsPerDay};
}

PaymentColumns read_payment_file(const std::string& location) {
  const Place place = open_place(location);
  std::vector<LakeFile> files(1);
  naming_file(place, [&] { files[0] = open_file(place); });
  Progress silent;
  return read_files(files, 1, silent);
}

}  // namespace weir::files
