#include "edge/python/arrow_output.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "core/transaction/error.h"

namespace weir::python {
namespace {

constexpr std::int64_t kNullable = 2;  // ARROW_FLAG_NULLABLE

template <typename Value>
std::shared_ptr<const void> share(std::vector<Value> values) {
  auto owner = std::make_shared<const std::vector<Value>>(std::move(values));
  const void* memory = owner->data();
  return {std::move(owner), memory};
}

std::vector<std::uint8_t> pack_bits(std::size_t size, const auto& get) {
  std::vector<std::uint8_t> bytes((size + 7) / 8, 0);
  for (std::size_t i = 0; i < size; ++i) {
    if (get(i)) bytes[i / 8] = static_cast<std::uint8_t>(bytes[i / 8] | 1U << (i % 8));
  }
  return bytes;
}

/// What an exported schema keeps alive until its release.
struct SchemaMemory {
  std::string name, format, metadata;
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> pointers;
};

/// The same for an array.
struct ArrayMemory {
  std::vector<std::shared_ptr<const void>> memory;
  std::vector<const void*> buffers;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> pointers;
};

template <typename Item, typename Memory>
void release(Item* item) {
  auto* memory = static_cast<Memory*>(item->private_data);
  for (Item& child : memory->children) {
    if (child.release != nullptr) child.release(&child);
  }
  delete memory;
  item->release = nullptr;
}

void fill(ArrowSchema& schema, std::unique_ptr<SchemaMemory> memory, std::int64_t flags) {
  for (ArrowSchema& child : memory->children) memory->pointers.push_back(&child);
  schema = {};
  schema.format = memory->format.c_str();
  schema.name = memory->name.c_str();
  schema.metadata = memory->metadata.empty() ? nullptr : memory->metadata.data();
  schema.flags = flags;
  schema.n_children = static_cast<std::int64_t>(memory->children.size());
  schema.children = memory->pointers.data();
  schema.release = release<ArrowSchema, SchemaMemory>;
  schema.private_data = memory.release();
}

void fill(ArrowArray& array,
          std::unique_ptr<ArrayMemory> memory,
          std::size_t rows,
          std::int64_t null_count) {
  for (ArrowArray& child : memory->children) memory->pointers.push_back(&child);
  for (const auto& buffer : memory->memory) memory->buffers.push_back(buffer.get());
  array = {};
  array.length = static_cast<std::int64_t>(rows);
  array.null_count = null_count;
  array.n_buffers = static_cast<std::int64_t>(memory->buffers.size());
  array.n_children = static_cast<std::int64_t>(memory->children.size());
  array.buffers = memory->buffers.data();
  array.children = memory->pointers.data();
  array.release = release<ArrowArray, ArrayMemory>;
  array.private_data = memory.release();
}

}  // namespace

std::vector<std::string> TableOutput::column_names() const {
  std::vector<std::string> names;
  for (const Field& field : fields_) names.push_back(field.name);
  return names;
}

template <typename Value>
void TableOutput::add_vector(std::string name, const char* format, std::vector<Value> values) {
  WEIR_CHECK(values.size() == rows_);
  fields_.push_back({std::move(name), format, {{nullptr, share(std::move(values))}, 0}});
}

void TableOutput::add(std::string name, std::vector<std::int64_t> values) {
  add_vector(std::move(name), "l", std::move(values));
}
void TableOutput::add(std::string name, std::vector<std::int8_t> values) {
  add_vector(std::move(name), "c", std::move(values));
}
void TableOutput::add(std::string name, std::vector<float> values) {
  add_vector(std::move(name), "f", std::move(values));
}
void TableOutput::add(std::string name, std::vector<double> values) {
  add_vector(std::move(name), "g", std::move(values));
}

void TableOutput::add(std::string name, std::shared_ptr<const void> owner, const float* values) {
  fields_.push_back({std::move(name),
                     "f",
                     {{nullptr, std::shared_ptr<const void>(std::move(owner), values)}, 0}});
}

void TableOutput::add(std::string name, const std::vector<std::string>& texts) {
  WEIR_CHECK(texts.size() == rows_);
  std::vector<std::int64_t> offsets = {0};
  std::vector<char> bytes;
  for (const std::string& text : texts) {
    bytes.insert(bytes.end(), text.begin(), text.end());
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }
  fields_.push_back(
      {std::move(name), "U", {{nullptr, share(std::move(offsets)), share(std::move(bytes))}, 0}});
}

void TableOutput::add_flags(std::string name, const std::vector<std::int8_t>& values) {
  WEIR_CHECK(values.size() == rows_);
  fields_.push_back(
      {std::move(name),
       "b",
       {{nullptr, share(pack_bits(rows_, [&](std::size_t i) { return values[i] != 0; }))}, 0}});
}

void TableOutput::add_times(std::string name, std::span<const Seconds> values) {
  WEIR_CHECK(values.size() == rows_);
  constexpr std::int64_t kMicroseconds = 1'000'000;
  std::vector<std::int64_t> scaled(values.size());
  std::transform(values.begin(), values.end(), scaled.begin(),
                 [](Seconds value) { return value * kMicroseconds; });
  add_vector(std::move(name), "tsu:UTC", std::move(scaled));
}

void TableOutput::set_nulls(const std::vector<bool>& is_null) {
  Buffers& buffers = fields_.back().buffers;
  buffers.null_count = std::count(is_null.begin(), is_null.end(), true);
  buffers.memory[0] = share(pack_bits(rows_, [&](std::size_t i) { return !is_null[i]; }));
}

void TableOutput::set_metadata(std::vector<std::pair<std::string, std::string>> pairs) {
  const auto number = [&](std::size_t value) {
    const auto narrow = static_cast<std::int32_t>(value);
    char bytes[sizeof narrow];
    std::memcpy(bytes, &narrow, sizeof narrow);
    metadata_.append(bytes, sizeof narrow);
  };
  metadata_.clear();
  number(pairs.size());
  for (const auto& [key, value] : pairs) {
    number(key.size());
    metadata_ += key;
    number(value.size());
    metadata_ += value;
  }
}

void TableOutput::export_schema(ArrowSchema& schema) const {
  auto memory = std::make_unique<SchemaMemory>();
  memory->format = "+s";
  memory->metadata = metadata_;
  memory->children.resize(fields_.size());
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    auto child = std::make_unique<SchemaMemory>();
    child->name = fields_[i].name;
    child->format = fields_[i].format;
    const bool has_nulls = fields_[i].buffers.memory[0] != nullptr;
    fill(memory->children[i], std::move(child), has_nulls ? kNullable : 0);
  }
  fill(schema, std::move(memory), 0);
}

void TableOutput::export_array(ArrowArray& array) const {
  auto memory = std::make_unique<ArrayMemory>();
  memory->memory = {nullptr};  // A struct has but a validity bitmap.
  memory->children.resize(fields_.size());
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    auto child = std::make_unique<ArrayMemory>();
    child->memory = fields_[i].buffers.memory;
    fill(memory->children[i], std::move(child), rows_, fields_[i].buffers.null_count);
  }
  fill(array, std::move(memory), rows_, 0);
}

void export_stream(std::shared_ptr<const TableOutput> table, ArrowArrayStream& stream) {
  struct State {
    std::shared_ptr<const TableOutput> table;
    bool given = false;
  };
  stream = {};
  stream.private_data = new State{std::move(table)};
  stream.get_schema = [](ArrowArrayStream* self, ArrowSchema* out) {
    static_cast<State*>(self->private_data)->table->export_schema(*out);
    return 0;
  };
  stream.get_next = [](ArrowArrayStream* self, ArrowArray* out) {
    auto* state = static_cast<State*>(self->private_data);
    *out = {};
    if (!std::exchange(state->given, true)) state->table->export_array(*out);
    return 0;
  };
  stream.get_last_error = [](ArrowArrayStream*) -> const char* { return nullptr; };
  stream.release = [](ArrowArrayStream* self) {
    delete static_cast<State*>(self->private_data);
    self->release = nullptr;
  };
}

}  // namespace weir::python
