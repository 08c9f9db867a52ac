#include "edge/files/repeated_ids.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir::files {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::uint64_t kIdsAtOnce = 4'000'000;  // About 400 MB of look-up table.

/// Says no quickly to nearly every id that is not in the table: 16 bits an id.
class QuickNo {
 public:
  explicit QuickNo(std::size_t ids) {
    while ((std::size_t{1} << bits_) < ids * 16) ++bits_;
    words_.resize((std::size_t{1} << bits_) / 64);
  }
  void add(std::int64_t id) { words_[word(id)] |= bit(id); }
  bool maybe(std::int64_t id) const { return (words_[word(id)] & bit(id)) != 0; }

 private:
  // Fibonacci hashing: the upper bits of a product.
  std::uint64_t slot(std::int64_t id) const {
    return static_cast<std::uint64_t>(id) * 0x9E3779B97F4A7C15ULL >> (64 - bits_);
  }
  std::size_t word(std::int64_t id) const { return slot(id) >> 6; }
  std::uint64_t bit(std::int64_t id) const { return std::uint64_t{1} << (slot(id) & 63); }

  int bits_ = 16;
  std::vector<std::uint64_t> words_;
};

struct Kept {
  PackedPayment row;
  std::int32_t day = 0;
  bool found = false;
};

Reject duplicate_id(const PackedPayment& row, bool labelled) {
  Reject reject;
  reject.rule = Rule::kDuplicateId;
  reject.field = Field::kTransactionId;
  reject.value = std::to_string(row.transaction_id());
  reject.amount_minor = row.amount_minor();
  if (labelled) reject.is_fraud = row.is_fraud();
  return reject;
}

}  // namespace

RepeatedIds::RepeatedIds(std::filesystem::path spill_folder) : folder_(std::move(spill_folder)) {}

void RepeatedIds::add(const PackedPayment& row,
                      std::int32_t day,
                      std::uint32_t file,
                      std::uint64_t line,
                      std::string_view raw) {
  const Entry entry{row, day, file, line, raw.size()};
  const auto* bytes = reinterpret_cast<const char*>(&entry);
  buffer_.insert(buffer_.end(), bytes, bytes + sizeof entry);
  buffer_.insert(buffer_.end(), raw.begin(), raw.end());
  ++count_;
  if (buffer_.size() >= kBufferBytes) flush();
}

void RepeatedIds::flush() {
  if (buffer_.empty()) return;
  if (spill_ == nullptr) spill_ = std::make_unique<SpillFile>(folder_);
  spill_->append(buffer_.data(), buffer_.size());
  buffer_.clear();
}

void RepeatedIds::for_each(const std::function<void(const Entry&, std::string_view raw)>& visit) {
  flush();
  std::vector<char> block;
  for (std::uint64_t offset = 0; spill_ != nullptr && offset < spill_->size();) {
    block.resize(std::min<std::uint64_t>(spill_->size() - offset, 2 * kBufferBytes));
    spill_->read(offset, block.data(), block.size());
    std::size_t at = 0;
    while (block.size() - at >= sizeof(Entry)) {
      Entry entry;
      std::memcpy(&entry, block.data() + at, sizeof entry);
      if (block.size() - at - sizeof entry < entry.raw_size) break;
      visit(entry, {block.data() + at + sizeof entry, entry.raw_size});
      at += sizeof entry + entry.raw_size;
    }
    WEIR_CHECK(at != 0);  // A line has at most kMaxLineBytes.
    offset += at;
  }
}

void RepeatedIds::resolve(PaymentStore& store,
                          const std::vector<std::string>& file_names,
                          QuarantineWriter& quarantine,
                          CleanReport& report,
                          int threads,
                          Progress& progress) {
  // So many ids at a time as fit into memory.
  const std::uint64_t passes = count_ / kIdsAtOnce + (count_ == 0 ? 0 : 1);
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    const auto in_pass = [&](std::int64_t id) {
      return mix64(static_cast<std::uint64_t>(id)) % passes == pass;
    };
    std::unordered_map<std::int64_t, Kept> kept;
    for_each([&](const Entry& entry, std::string_view) {
      if (in_pass(entry.row.transaction_id())) kept.try_emplace(entry.row.transaction_id());
    });
    QuickNo quick(kept.size());
    for (const auto& [id, row] : kept) quick.add(id);

    // An id has at most one row in the store, so no two threads write to one entry.
    const std::vector<std::int32_t> days = store.days();
    WorkerState state;
    progress.begin("duplicates", days.size(), "days");
    for_each_index(days.size(), threads, progress, state, [&](std::size_t index) {
      store.visit(days[index], [&](std::span<const PackedPayment> rows) {
        for (const PackedPayment& row : rows) {
          if (!quick.maybe(row.transaction_id())) continue;
          const auto found = kept.find(row.transaction_id());
          if (found != kept.end()) found->second = {row, days[index], true};
        }
      });
      ++state.done;
    });
    progress.end();

    for_each([&](const Entry& entry, std::string_view raw) {
      if (!in_pass(entry.row.transaction_id())) return;
      Kept& first = kept.at(entry.row.transaction_id());
      if (!first.found) {
        first = {entry.row, entry.day, true};
        store.add(entry.day, BigVector<PackedPayment>(1, entry.row));
      } else if (entry.day == first.day && entry.row.same_payment(first.row)) {
        report[Rule::kDuplicateRow].add(entry.row);
      } else {
        const Reject reject = duplicate_id(entry.row, report.labelled);
        report[Rule::kDuplicateId].add(entry.row);
        quarantine.add(reject, {file_names[entry.file], entry.line}, raw);
      }
    });
  }
}

}  // namespace weir::files
