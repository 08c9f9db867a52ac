#include "edge/files/clean_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include "core/cleaning/id_filter.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/files/lake.h"
#include "edge/files/payment_store.h"
#include "edge/files/quarantine.h"
#include "edge/files/raw_input.h"
#include "edge/files/repeated_ids.h"
#include "edge/files/row_reader.h"
#include "edge/files/workers.h"

namespace weir::files {
namespace {

constexpr std::size_t kKeptOfLongLine = 1024;

std::vector<RawFile> inspect_all(const CleanSettings& settings) {
  std::vector<RawFile> files;
  for (const Place& place : find_raw_files(settings.inputs)) {
    files.push_back(inspect(place, settings.columns));
    const RawFile& first = files.front();
    if (files.back().text.labelled != first.text.labelled) {
      throw Error(fmt::format(
          "\"{}\" {} labels but \"{}\" {}; clean labelled and unlabelled data into separate lakes",
          first.place.location, first.text.labelled ? "has" : "has no", place.location,
          files.back().text.labelled ? "has" : "has none"));
    }
  }
  return files;
}

/// Reads chunks on many threads and hands each over in log order.
class Reading {
 public:
  Reading(const std::vector<RawFile>& files,
          const CleanSettings& settings,
          const CleaningConfig& config,
          PaymentStore& store,
          RepeatedIds& repeated,
          QuarantineWriter& quarantine,
          CleanReport& report)
      : files_(files),
        settings_(settings),
        config_(config),
        store_(store),
        repeated_(repeated),
        quarantine_(quarantine),
        report_(report) {}

  void run(Progress& progress) {
    std::uint64_t bytes = 0;
    for (const RawFile& file : files_) {
      bytes += file.bytes;
      report_.files.push_back({file.place.location, 0});
    }
    const auto threads = static_cast<std::size_t>(thread_count(settings_.threads));
    progress.begin("reading", bytes, "bytes");
    for_each_index(threads, static_cast<int>(threads), progress, state_,
                   [&](std::size_t) { work(); });
    progress.end();
  }

 private:
  /// A chunk and its place in the log.
  struct Task {
    TextChunk chunk;
    std::size_t file = 0;
    std::uint64_t number = 0;
  };

  void work() {
    Task task;
    ReadRows read;
    RowReader reader(config_);
    Blocks blocks;
    while (!state_.stop && next(task)) {
      reader.read(files_[task.file], task.chunk, report_.labelled, read);
      {
        std::unique_lock lock(commit_mutex_);
        // An error elsewhere sets `stop` without a notice, hence the time limit.
        while (!turn_.wait_for(lock, std::chrono::milliseconds(20),
                               [&] { return next_commit_ == task.number || state_.stop; })) {
        }
        if (state_.stop) return;
        commit(task, read);
        ++next_commit_;
        turn_.notify_all();
      }
      store(read, blocks);
    }
    hand_over(blocks);
  }

  bool next(Task& task) {
    const std::lock_guard lock(read_mutex_);
    while (current_ < files_.size()) {
      if (source_ == nullptr) source_ = open_chunks(files_[current_], settings_.columns);
      const bool more = source_->next(task.chunk);
      state_.done = bytes_before_ + source_->position();
      if (more) {
        task.file = current_;
        task.number = next_chunk_++;
        return true;
      }
      bytes_before_ += files_[current_++].bytes;
      source_.reset();
    }
    return false;
  }

  /// In log order: what came before decides which row of an id stays, and the line numbers.
  void commit(const Task& task, ReadRows& read) {
    if (task.chunk.first) line_ = 1;
    CleanedFile& file = report_.files[task.file];
    for (const ReadReject& reject : read.rejects) {
      report_[reject.reject.rule].add(reject.reject);
      std::string_view raw = line_at(task.chunk, reject.offset);
      if (reject.reject.rule == Rule::kLineTooLong) raw = raw.substr(0, kKeptOfLongLine);
      quarantine_.add(reject.reject, {file.name, line_ + reject.line}, raw);
    }
    const char* counted = task.chunk.begin();
    std::uint64_t line = line_;
    for (ReadRow& row : read.rows) {
      if (!ids_.insert(row.payment.transaction_id())) continue;
      const char* const begin = task.chunk.begin() + row.offset;
      line += static_cast<std::uint64_t>(std::count(counted, begin, '\n'));
      counted = begin;
      repeated_.add(row.payment, row.day, static_cast<std::uint32_t>(task.file), line,
                    line_at(task.chunk, row.offset));
      row.day = kDiverted;
    }
    line_ += read.lines;
    file.rows += read.in.rows;
    report_.in += read.in;
  }

  using Blocks = std::map<std::int32_t, BigVector<PackedPayment>>;

  /// Sorts rows into blocks by day and hands over the full ones.
  void store(const ReadRows& read, Blocks& blocks) {
    BigVector<PackedPayment>* block = nullptr;
    std::int32_t day = kDiverted;
    for (const ReadRow& row : read.rows) {
      if (row.day == kDiverted) continue;
      if (row.day != day) {
        day = row.day;
        block = &blocks[day];
        // Rows of a day mostly stand together; where they do not, blocks must not be large.
        if (block->capacity() == 0 && blocks.size() <= kFewDays) block->reserve(kBlockRows);
      }
      block->push_back(row.payment);
      if (block->size() < kBlockRows) continue;
      store_.add(day, std::move(*block));
      blocks.erase(day);
      day = kDiverted;
    }
    if (blocks.size() > kFewDays) hand_over(blocks);
  }

  void hand_over(Blocks& blocks) {
    for (auto& [day, rows] : blocks) store_.add(day, std::move(rows));
    blocks.clear();
  }

  static constexpr std::size_t kBlockRows = 1 << 16;  // One page of 2 MiB.
  static constexpr std::size_t kFewDays = 3;
  static constexpr std::int32_t kDiverted = -1;  // No row is before 1970.

  const std::vector<RawFile>& files_;
  const CleanSettings& settings_;
  const CleaningConfig& config_;
  PaymentStore& store_;
  RepeatedIds& repeated_;
  QuarantineWriter& quarantine_;
  CleanReport& report_;
  WorkerState state_;

  std::mutex read_mutex_;
  std::unique_ptr<ChunkSource> source_;
  std::size_t current_ = 0;
  std::uint64_t next_chunk_ = 0;
  std::uint64_t bytes_before_ = 0;

  std::mutex commit_mutex_;
  std::condition_variable turn_;
  std::uint64_t next_commit_ = 0;
  std::uint64_t line_ = 1;
  IdFilter ids_;
};

/// Sorts days and writes them, one after another; one a thread, so that its memory is used again.
class DayWriter {
 public:
  DayWriter(PaymentStore& store, const LakeWriter& lake, bool labelled)
      : store_(store), lake_(lake), labelled_(labelled) {}

  /// Adds what it wrote to the tallies.
  void write(std::int32_t day, WorkerState& state) {
    store_.take_sorted(day, sorted_);
    const Seconds midnight = Seconds{day} * kSecondsPerDay;
    const auto file = lake_.day(midnight);
    for (std::size_t begin = 0; begin < sorted_.size() && !state.stop; begin += kRowGroupRows) {
      const std::size_t count = std::min(kRowGroupRows, sorted_.size() - begin);
      file->append(fill(std::span(sorted_).subspan(begin, count), midnight));
      state.done += count;
    }
    if (state.stop) return;
    file->close();
    const Seconds first = midnight + sorted_.front().second();
    const Seconds last = midnight + sorted_.back().second();
    first_time = std::min(first_time.value_or(first), first);
    last_time = std::max(last_time.value_or(last), last);
  }

  RowTally clean;
  RowTally repaired;
  RowTally zero;
  std::optional<Seconds> first_time;
  std::optional<Seconds> last_time;

 private:
  PaymentView fill(std::span<const PackedPayment> rows, Seconds midnight) {
    const std::size_t size = rows.size();
    columns_.transaction_id.resize(size);
    columns_.event_time.resize(size);
    columns_.customer_id.resize(size);
    columns_.terminal_id.resize(size);
    columns_.amount_minor.resize(size);
    columns_.is_fraud.resize(labelled_ ? size : 0);
    columns_.fraud_scenario.resize(labelled_ ? size : 0);
    for (std::size_t i = 0; i < size; ++i) {
      const PackedPayment& row = rows[i];
      columns_.transaction_id[i] = row.transaction_id();
      columns_.event_time[i] = midnight + row.second();
      columns_.customer_id[i] = row.customer_id();
      columns_.terminal_id[i] = row.terminal_id();
      columns_.amount_minor[i] = row.amount_minor();
      if (labelled_) {
        columns_.is_fraud[i] = row.label().is_fraud;
        columns_.fraud_scenario[i] = row.label().fraud_scenario;
      }
      clean.add(row);
      if (row.time_repaired()) repaired.add(row);
      if (row.amount_minor() == 0) zero.add(row);
    }
    return columns_.view();
  }

  PaymentStore& store_;
  const LakeWriter& lake_;
  bool labelled_;
  BigVector<PackedPayment> sorted_;
  PaymentColumns columns_;
};

void write_days(PaymentStore& store,
                const LakeWriter& lake,
                int threads,
                CleanReport& report,
                Progress& progress) {
  const std::vector<std::int32_t> days = store.days();
  std::uint64_t rows = 0;
  for (const std::int32_t day : days) rows += store.row_count(day);
  const auto writers = static_cast<std::size_t>(thread_count(threads));
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  WorkerState state;
  progress.begin("writing", rows, "payments");
  for_each_index(writers, threads, progress, state, [&](std::size_t) {
    DayWriter writer(store, lake, report.labelled);
    for (std::size_t i = next++; i < days.size() && !state.stop; i = next++) {
      writer.write(days[i], state);
    }
    if (!writer.first_time) return;
    const std::lock_guard lock(mutex);
    report.clean += writer.clean;
    report[Rule::kTime24Repaired] += writer.repaired;
    report[Rule::kAmountZeroKept] += writer.zero;
    report.first_time =
        std::min(report.first_time.value_or(*writer.first_time), *writer.first_time);
    report.last_time = std::max(report.last_time.value_or(*writer.last_time), *writer.last_time);
  });
  progress.end();
  report.days = days.size();
}

void check_fraud_eaters(const CleanReport& report, const std::set<Rule>& accepted) {
  const auto found = find_fraud_eaters(report, accepted);
  if (found.empty()) return;
  std::vector<std::string> texts;
  std::string flags;
  for (const FraudEater& rule : found) {
    texts.push_back(fmt::format("{} ({} rows, {} frauds = {:.1f} %)", rule_id(rule.rule), rule.rows,
                                rule.frauds, 100 * rule.share));
    flags += fmt::format(" --accept-rule {}", rule_id(rule.rule));
  }
  throw Error(fmt::format(
      "rules that would quarantine far more frauds than chance, where the data has {:.2f} %: "
      "{}; the lake is not published. Look at these rows, then accept with{}",
      100 * found[0].data_share, fmt::join(texts, ", "), flags));
}

}  // namespace

CleanReport clean_files(const CleanSettings& settings, Progress& progress) {
  const std::vector<RawFile> files = inspect_all(settings);
  CleaningConfig config;
  config.terminals = settings.terminals;
  for (const RawFile& file : files) {
    if (!config.time_origin) config.time_origin = file.text.time_origin;
  }
  CleanReport report;
  report.labelled = files.front().text.labelled;

  LakeWriter lake(settings.lake, report.labelled);
  PaymentStore store(lake.quarantine(), settings.memory_bytes);
  RepeatedIds repeated(lake.quarantine());
  QuarantineWriter quarantine(lake.quarantine() / "rows.parquet");
  Reading(files, settings, config, store, repeated, quarantine, report).run(progress);

  std::vector<std::string> names;
  for (const CleanedFile& file : report.files) names.push_back(file.name);
  repeated.resolve(store, names, quarantine, report, settings.threads, progress);
  quarantine.close();
  check_fraud_eaters(report, settings.accepted);
  if (store.days().empty()) {
    throw Error(fmt::format("no clean payment in {} rows of \"{}\"; the lake is not published\n{}",
                            report.in.rows, fmt::join(names, "\", \""), report.to_table()));
  }
  write_days(store, lake, settings.threads, report, progress);
  WEIR_CHECK(report.balances());
  lake.commit(report.to_json());
  return report;
}

}  // namespace weir::files
