#include <arrow/filesystem/localfs.h>
#include <arrow/io/file.h>
#include <fmt/format.h>
#include <parquet/exception.h>
#include <parquet/file_writer.h>
#include <unistd.h>

#include <fstream>

#include "core/transaction/calendar.h"
#include "edge/files/lake.h"
#include "edge/files/lake_manifest.h"
#include "edge/files/payment_parquet.h"
#include "edge/files/storage.h"

namespace weir::files {
namespace fs = std::filesystem;
namespace {

std::shared_ptr<parquet::WriterProperties> writer_properties() {
  parquet::WriterProperties::Builder builder;
  set_payment_properties(builder);
  return builder.max_row_group_length(static_cast<std::int64_t>(kRowGroupRows))->build();
}

}  // namespace

struct PaymentFileWriter::Implementation {
  fs::path path;
  bool labelled;
  std::shared_ptr<arrow::io::FileOutputStream> stream;
  std::unique_ptr<parquet::ParquetFileWriter> writer;

  template <typename Work>
  void naming_file(const Work& work) {
    try {
      work();
    } catch (const parquet::ParquetException& error) {
      writer.reset();
      throw Error(fmt::format("cannot write \"{}\": {}", path.string(), error.what()));
    }
  }
};

PaymentFileWriter::PaymentFileWriter(const fs::path& path, bool labelled)
    : implementation_(std::make_unique<Implementation>()) {
  implementation_->path = path;
  implementation_->labelled = labelled;
  implementation_->stream =
      value_or_throw(arrow::io::FileOutputStream::Open(path.string()), "write", path.string());
  implementation_->naming_file([&] {
    implementation_->writer = parquet::ParquetFileWriter::Open(
        implementation_->stream, required_schema(payment_fields(labelled)), writer_properties());
  });
}

PaymentFileWriter::~PaymentFileWriter() {
  // Closing may fail again on a full disk, after the error that unwound us here.
  try {
    implementation_->writer.reset();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

void PaymentFileWriter::append(const PaymentView& rows) {
  if (rows.size() == 0) return;
  WEIR_CHECK(!implementation_->labelled || rows.has_labels());
  implementation_->naming_file([&] {
    parquet::RowGroupWriter* group = implementation_->writer->AppendRowGroup();
    write_payment_columns(*group, rows, implementation_->labelled);
    group->Close();
  });
}

void PaymentFileWriter::close() {
  implementation_->naming_file([&] {
    implementation_->writer->Close();
    implementation_->writer.reset();
  });
  check(implementation_->stream->Close(), "write", implementation_->path.string());
}

struct LakeWriter::Implementation {
  Place lake;
  bool labelled;
  fs::path root;  ///< The lake itself, or where a remote one is staged.
  bool remove_root = false;
  std::optional<StagedFolder> clean;
  std::optional<StagedFolder> quarantine;

  ~Implementation() {
    clean.reset();
    quarantine.reset();
    std::error_code ignored;
    if (!lake.is_local()) {
      fs::remove_all(root, ignored);
    } else if (remove_root) {
      fs::remove(root, ignored);  // Only when it is empty: a failed first run leaves nothing.
    }
  }

  void upload() const {
    for (const char* folder : {"clean", "quarantine"}) {
      const Place target = lake / folder;
      check(target.system->DeleteDirContents(target.path, /*missing_dir_ok=*/true), "replace",
            target.location);
    }
    arrow::fs::LocalFileSystem local;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (!entry.is_regular_file() || entry.path().filename().string().starts_with('.')) continue;
      const Place target = lake / fs::relative(entry.path(), root).generic_string();
      auto input = value_or_throw(local.OpenInputStream(entry.path().string()), "read",
                                  entry.path().string());
      auto output =
          value_or_throw(target.system->OpenOutputStream(target.path), "write", target.location);
      for (;;) {
        const auto block = value_or_throw(input->Read(8 << 20), "read", entry.path().string());
        if (block->size() == 0) break;
        check(output->Write(block), "write", target.location);
      }
      check(output->Close(), "write", target.location);
    }
  }
};

LakeWriter::LakeWriter(const std::string& location, bool labelled)
    : implementation_(std::make_unique<Implementation>()) {
  Implementation& lake = *implementation_;
  lake.lake = open_place(location);
  lake.labelled = labelled;
  if (published_files(lake.lake)) {
    throw Error(fmt::format(
        "\"{}\" is a lake of published states (manifests/), which the cleaning job keeps; run that "
        "job, or write to another place",
        location));
  }
  lake.root = lake.lake.is_local()
                  ? fs::path(lake.lake.path)
                  : fs::temp_directory_path() / fmt::format("weir-lake-{}", getpid());
  lake.remove_root = !fs::exists(lake.root);
  lake.clean.emplace(lake.root / "clean");
  lake.quarantine.emplace(lake.root / "quarantine");
}

LakeWriter::~LakeWriter() = default;

const fs::path& LakeWriter::quarantine() const { return implementation_->quarantine->path(); }

std::unique_ptr<PaymentFileWriter> LakeWriter::day(Seconds day) const {
  const fs::path folder = implementation_->clean->path() / ("date=" + format_date(day));
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(fmt::format("cannot make folder \"{}\": {}", folder.string(), error.message()));
  }
  return std::make_unique<PaymentFileWriter>(folder / "part-0.parquet", implementation_->labelled);
}

void LakeWriter::write_day(const PaymentView& rows) const {
  if (rows.size() == 0) return;
  const auto file = day(day_start(rows.event_time.front()));
  for (std::size_t begin = 0; begin < rows.size(); begin += kRowGroupRows) {
    file->append(rows.slice(begin, std::min(rows.size(), begin + kRowGroupRows)));
  }
  file->close();
}

void LakeWriter::commit(const std::string& report) {
  Implementation& lake = *implementation_;
  lake.clean->commit();
  lake.quarantine->commit();
  write_text(lake.root / "reports" / "clean.json", report);
  if (!lake.lake.is_local()) lake.upload();
}

}  // namespace weir::files
