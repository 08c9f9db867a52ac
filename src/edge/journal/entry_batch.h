#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "edge/journal/record.h"

namespace weir::journal {

/// Entries of the log in order, as the bytes that the journal stores: each is written down once,
/// when it is added, and a commit hands on the bytes.
///
/// An entry is the size of its rest (u32), its kind (u8), then the fields of its kind in the order
/// of entry_batch.cpp: numbers in little-endian order, texts and lists behind their length (u32).
class EntryBatch {
 public:
  EntryBatch() = default;
  explicit EntryBatch(std::span<const Record> records);

  void add(const Record& record);
  /// Adds what `other` has, after what is there.
  void append(const EntryBatch& other);
  /// The same for entries as bytes, the first of which has `position`. Throws Error when they are
  /// damaged.
  void append(std::string_view bytes, std::uint64_t position);
  /// Keeps its memory.
  void clear();

  struct Entry {
    std::uint64_t position;
    Seconds logged_at;
    std::int64_t transaction_id;
    std::size_t begin;  ///< In bytes().
    RecordKind kind;
    bool decided;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  const std::string& bytes() const { return bytes_; }
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  /// The payment of this id that was decided last.
  std::optional<Record> find_payment(std::int64_t transaction_id) const;
  Record record(const Entry& entry) const;

 private:
  std::size_t slot_of(std::int64_t transaction_id) const;
  void index(std::size_t entry);
  void resize_slots(std::size_t entries);

  std::string bytes_;
  std::vector<Entry> entries_;
  // The decided payments by id, as number of the entry + 1: open addressing, at most half full.
  std::vector<std::uint32_t> slots_;
};

/// Reads the entries of one block, the first of which has `position`.
class EntryReader {
 public:
  EntryReader(std::string_view bytes, std::uint64_t position) : rest_(bytes), position_(position) {}

  bool done() const { return rest_.empty(); }
  std::uint64_t position() const { return position_; }
  /// Passes over one entry. Like the others throws Error when the bytes are damaged.
  void skip() { take(); }
  /// What an index wants of an entry; passes over it.
  struct Head {
    RecordKind kind = RecordKind::kPayment;
    std::int64_t transaction_id = 0;
    std::uint64_t position = 0;
  };
  Head head();
  /// What is not read yet.
  std::string_view bytes() const { return rest_; }
  Record next();

 private:
  std::string_view take();

  std::string_view rest_;
  std::uint64_t position_;
};

}  // namespace weir::journal
