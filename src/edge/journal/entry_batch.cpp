#include "edge/journal/entry_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/transaction/byte_io.h"
#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir::journal {
namespace {

static_assert(std::endian::native == std::endian::little);

using Size = std::uint32_t;
constexpr std::size_t kLeastSlots = 64;

/// The fields of fixed size, gathered first: one append costs more than all of them.
class Fields {
 public:
  template <typename Value>
  Fields& operator<<(Value value) {
    static_assert(std::is_arithmetic_v<Value>);
    std::memcpy(raw_ + size_, &value, sizeof(Value));
    size_ += sizeof(Value);
    return *this;
  }
  void append_to(std::string& bytes) const { bytes.append(raw_, size_); }

 private:
  char raw_[160];
  std::size_t size_ = 0;
};

Fields& operator<<(Fields& fields, const DecisionBeliefs& beliefs) {
  return fields << beliefs.model << beliefs.takeover << beliefs.card << beliefs.terminal;
}

template <typename Enum>
std::uint8_t byte_of(Enum value) {
  return static_cast<std::uint8_t>(value);
}

void put_text(std::string& bytes, std::string_view text) {
  put_bytes(bytes, static_cast<Size>(text.size()));
  bytes += text;
}

void put_decision(std::string& bytes, const Record& record) {
  Fields fields;
  fields << byte_of(record.action) << byte_of(record.late) << byte_of(record.cause)
         << byte_of(record.review) << record.degraded << byte_of(record.shadow_action)
         << record.margin << record.score << record.audit_probability;
  fields << record.beliefs;
  fields << record.probability << record.shadow_probability;
  fields.append_to(bytes);
  put_text(bytes, record.model);
  put_text(bytes, record.arm);
  put_text(bytes, record.reasons);
  put_text(bytes, record.shadow_model);
  put_text(bytes, {reinterpret_cast<const char*>(record.features.data()),
                   record.features.size() * sizeof(float)});
}

class Source {
 public:
  explicit Source(std::string_view bytes) : reader_(bytes) {}

  template <typename Value>
  Source& operator>>(Value& value) {
    if constexpr (std::is_same_v<Value, bool>) {
      value = reader_.get<std::uint8_t>() != 0;
    } else if constexpr (std::is_enum_v<Value>) {
      value = static_cast<Value>(reader_.get<std::uint8_t>());
    } else {
      value = reader_.get<Value>();
    }
    return *this;
  }
  Source& operator>>(DecisionBeliefs& beliefs) {
    return *this >> beliefs.model >> beliefs.takeover >> beliefs.card >> beliefs.terminal;
  }
  Source& operator>>(std::string& text) {
    text = reader_.take(reader_.get<Size>());
    return *this;
  }
  Source& operator>>(std::vector<float>& values) {
    const std::string_view bytes = reader_.take(reader_.get<Size>());
    values.resize(bytes.size() / sizeof(float));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return *this;
  }

 private:
  ByteReader reader_;
};

}  // namespace

EntryBatch::EntryBatch(std::span<const Record> records) {
  for (const Record& record : records) add(record);
}

void EntryBatch::add(const Record& record) {
  const std::size_t begin = bytes_.size();
  const Payment& payment = record.payment;
  const bool decided = record.kind == RecordKind::kPayment && record.rejected.empty();
  entries_.push_back(
      {record.position, record.logged_at, payment.transaction_id, begin, record.kind, decided});
  if (decided) index(entries_.size() - 1);
  Fields head;
  head << Size{0} << byte_of(record.kind) << record.logged_at << payment.transaction_id
       << payment.event_time << payment.customer_id << payment.terminal_id << payment.amount_minor;
  switch (record.kind) {
    case RecordKind::kPayment:
      head.append_to(bytes_);
      put_text(bytes_, record.rejected);
      if (record.rejected.empty()) put_decision(bytes_, record);
      break;
    case RecordKind::kFeedback:
      head << byte_of(record.outcome) << byte_of(record.source) << byte_of(record.challenged)
           << record.known_at << record.damage_minor << record.beliefs;
      head.append_to(bytes_);
      put_text(bytes_, record.note);
      break;
    case RecordKind::kControl:
      head << record.control.multiplier << record.control.answered << record.control.fraud_passes;
      head.append_to(bytes_);
      put_text(bytes_, record.model);
      break;
  }
  const auto size = static_cast<Size>(bytes_.size() - begin - sizeof(Size));
  std::memcpy(bytes_.data() + begin, &size, sizeof(size));
}

void EntryBatch::append(const EntryBatch& other) {
  const std::size_t begin = bytes_.size();
  bytes_ += other.bytes_;
  for (Entry entry : other.entries_) {
    entry.begin += begin;
    entries_.push_back(entry);
    if (entry.decided) index(entries_.size() - 1);
  }
}

void EntryBatch::append(std::string_view bytes, std::uint64_t position) {
  for (EntryReader reader(bytes, position); !reader.done();) add(reader.next());
}

void EntryBatch::clear() {
  // Costs what was in it, not what once was.
  resize_slots(entries_.size());
  bytes_.clear();
  entries_.clear();
}

void EntryBatch::resize_slots(std::size_t entries) {
  slots_.assign(std::max(kLeastSlots, std::bit_ceil(entries * 2)), 0);
}

/// Where the id is, or the free place for it.
std::size_t EntryBatch::slot_of(std::int64_t transaction_id) const {
  const std::size_t last = slots_.size() - 1;
  std::size_t slot = mix64(static_cast<std::uint64_t>(transaction_id)) & last;
  while (slots_[slot] != 0 && entries_[slots_[slot] - 1].transaction_id != transaction_id) {
    slot = (slot + 1) & last;
  }
  return slot;
}

void EntryBatch::index(std::size_t entry) {
  if (entries_.size() * 2 > slots_.size()) {
    resize_slots(entries_.size() * 2);
    for (std::size_t i = 0; i < entry; ++i) {
      if (entries_[i].decided) index(i);
    }
  }
  slots_[slot_of(entries_[entry].transaction_id)] = static_cast<std::uint32_t>(entry + 1);
}

std::optional<Record> EntryBatch::find_payment(std::int64_t transaction_id) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t found = slots_[slot_of(transaction_id)];
  if (found == 0) return std::nullopt;
  return record(entries_[found - 1]);
}

Record EntryBatch::record(const Entry& entry) const {
  return EntryReader(std::string_view(bytes_).substr(entry.begin), entry.position).next();
}

std::string_view EntryReader::take() {
  Size size = 0;
  if (rest_.size() >= sizeof(size)) std::memcpy(&size, rest_.data(), sizeof(size));
  if (size == 0 || size > rest_.size() - sizeof(size)) {
    throw Error(
        fmt::format("journal: entry {} is damaged; restore the journal from a backup", position_));
  }
  const std::string_view entry = rest_.substr(sizeof(size), size);
  rest_.remove_prefix(sizeof(size) + size);
  ++position_;
  return entry;
}

EntryReader::Head EntryReader::head() {
  Head head;
  head.position = position_;
  Seconds logged_at = 0;
  Source(take()) >> head.kind >> logged_at >> head.transaction_id;
  return head;
}

Record EntryReader::next() {
  Record record;
  record.position = position_;
  Source source(take());
  Payment& payment = record.payment;
  source >> record.kind >> record.logged_at >> payment.transaction_id >> payment.event_time >>
      payment.customer_id >> payment.terminal_id >> payment.amount_minor;
  switch (record.kind) {
    case RecordKind::kPayment:
      source >> record.rejected;
      if (!record.rejected.empty()) break;
      source >> record.action >> record.late >> record.cause >> record.review >> record.degraded >>
          record.shadow_action >> record.margin >> record.score >> record.audit_probability >>
          record.beliefs >> record.probability >> record.shadow_probability >> record.model >>
          record.arm >> record.reasons >> record.shadow_model >> record.features;
      break;
    case RecordKind::kFeedback:
      source >> record.outcome >> record.source >> record.challenged >> record.known_at >>
          record.damage_minor >> record.beliefs >> record.note;
      break;
    case RecordKind::kControl:
      record.control.time = record.logged_at;
      source >> record.control.multiplier >> record.control.answered >>
          record.control.fraud_passes >> record.model;
      break;
  }
  return record;
}

}  // namespace weir::journal
