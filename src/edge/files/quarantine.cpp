#include "edge/files/quarantine.h"

#include <arrow/builder.h>
#include <arrow/io/file.h>
#include <arrow/table.h>
#include <fmt/format.h>
#include <parquet/arrow/writer.h>

#include <utility>

#include "core/cleaning/rules.h"
#include "core/cleaning/text_rows.h"
#include "edge/files/storage.h"

namespace weir::files {
namespace {

constexpr std::int64_t kRowsAtOnce = 1 << 15;
constexpr std::size_t kBytesAtOnce = 16 << 20;

std::shared_ptr<arrow::Schema> quarantine_schema() {
  return arrow::schema(
      {arrow::field("rule", arrow::utf8(), false), arrow::field("field", arrow::utf8(), false),
       arrow::field("value", arrow::utf8(), false), arrow::field("file", arrow::utf8(), false),
       arrow::field("line", arrow::int64(), false),
       arrow::field("amount_minor", arrow::int64(), true),
       arrow::field("is_fraud", arrow::boolean(), true),
       arrow::field("raw", arrow::utf8(), false)});
}

}  // namespace

struct QuarantineWriter::Implementation {
  std::string path;
  std::shared_ptr<arrow::io::FileOutputStream> stream;
  std::unique_ptr<parquet::arrow::FileWriter> writer;
  arrow::StringBuilder rule;
  arrow::StringBuilder field;
  arrow::StringBuilder value;
  arrow::StringBuilder file;
  arrow::Int64Builder line;
  arrow::Int64Builder amount;
  arrow::BooleanBuilder fraud;
  arrow::StringBuilder raw;
  std::size_t bytes = 0;

  void flush() {
    if (rule.length() == 0) return;
    arrow::ArrayVector columns;
    for (arrow::ArrayBuilder* builder : std::initializer_list<arrow::ArrayBuilder*>{
             &rule, &field, &value, &file, &line, &amount, &fraud, &raw}) {
      columns.push_back(value_or_throw(builder->Finish(), "write", path));
    }
    const std::int64_t rows = columns[0]->length();
    check(writer->WriteTable(*arrow::Table::Make(quarantine_schema(), columns, rows), rows),
          "write", path);
    bytes = 0;
  }
};

QuarantineWriter::QuarantineWriter(const std::filesystem::path& path)
    : implementation_(std::make_unique<Implementation>()) {
  Implementation& self = *implementation_;
  self.path = path.string();
  self.stream = value_or_throw(arrow::io::FileOutputStream::Open(self.path), "write", self.path);
  const auto properties =
      parquet::WriterProperties::Builder().compression(parquet::Compression::ZSTD)->build();
  self.writer = value_or_throw(
      parquet::arrow::FileWriter::Open(*quarantine_schema(), arrow::default_memory_pool(),
                                       self.stream, properties),
      "write", self.path);
}

QuarantineWriter::~QuarantineWriter() = default;

void QuarantineWriter::add(const Reject& reject, const RawPlace& place, std::string_view raw) {
  Implementation& self = *implementation_;
  const std::string text = to_utf8(raw);
  check(self.rule.Append(rule_id(reject.rule)), "write", self.path);
  check(self.field.Append(field_name(reject.field)), "write", self.path);
  check(self.value.Append(to_utf8(reject.value)), "write", self.path);
  check(self.file.Append(place.file), "write", self.path);
  check(self.line.Append(static_cast<std::int64_t>(place.line)), "write", self.path);
  check(reject.amount_minor ? self.amount.Append(*reject.amount_minor) : self.amount.AppendNull(),
        "write", self.path);
  check(reject.is_fraud ? self.fraud.Append(*reject.is_fraud) : self.fraud.AppendNull(), "write",
        self.path);
  check(self.raw.Append(text), "write", self.path);
  self.bytes += text.size();
  if (self.rule.length() >= kRowsAtOnce || self.bytes >= kBytesAtOnce) self.flush();
}

void QuarantineWriter::close() {
  Implementation& self = *implementation_;
  self.flush();
  check(self.writer->Close(), "write", self.path);
  check(self.stream->Close(), "write", self.path);
}

}  // namespace weir::files
