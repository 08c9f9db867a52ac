#include "core/features/feature_engine.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/features/feature_arithmetic.h"
#include "core/features/key_history.h"
#include "core/features/key_plan.h"
#include "core/features/key_table.h"
#include "core/features/varint.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"

namespace weir {
namespace {

constexpr std::string_view kMagic = "WEIRFEA1";
constexpr std::size_t kChecksumBytes = 8;

void check_range(const Payment& payment) {
  if (payment.event_time < 0 || payment.event_time > Seconds{0xFFFF'FFFF}) {
    throw Error(
        fmt::format("payment {}: event_time {} s lies outside 1970..2105; run weir clean first",
                    payment.transaction_id, payment.event_time));
  }
  if (payment.amount_minor < 0 || payment.amount_minor > kMaxAmountMinor) {
    throw Error(
        fmt::format("payment {}: amount of {} kopecks lies outside 0..{}; run weir clean "
                    "first",
                    payment.transaction_id, payment.amount_minor, kMaxAmountMinor));
  }
}

HistoryKey pair_key(const Payment& payment) { return {payment.customer_id, payment.terminal_id}; }

}  // namespace

struct FeatureEngine::State {
  explicit State(FeatureSpec wanted)
      : spec(std::move(wanted)),
        customer_plan(make_key_plan(spec, FeatureKey::kCustomer)),
        terminal_plan(make_key_plan(spec, FeatureKey::kTerminal)),
        pair_plan(make_key_plan(spec, FeatureKey::kPair)) {
    for (std::size_t i = 0; i < spec.size(); ++i) {
      if (spec.inputs()[i].key == FeatureKey::kPayment) own_columns.push_back(i);
    }
  }

  void apply(const KeyPlan& plan,
             KeyTable& table,
             const HistoryKey& key,
             const Payment& payment,
             std::span<float> row) {
    if (plan.empty()) return;
    switch (table[key].apply(plan, payment, row)) {
      case KeyHistory::Arrival::kInOrder:
        break;
      case KeyHistory::Arrival::kLate:
        counters.late += 1;
        break;
      case KeyHistory::Arrival::kTooLate:
        counters.too_late += 1;
        break;
    }
  }

  void apply(const KeyPlan& plan,
             KeyTable& table,
             const HistoryKey& key,
             const Feedback& feedback) {
    if (!plan.outcomes) return;
    KeyHistory* history = table.find(key);
    const bool applied =
        history != nullptr && history->apply(plan, feedback) == KeyHistory::Match::kApplied;
    (applied ? counters.feedback_applied : counters.feedback_unmatched) += 1;
  }

  void prefetch(const Payment& payment, LoadStep step, Coming& coming) const {
    const auto each = [&](const auto& load) {
      if (coming.customer != nullptr) load(*coming.customer, customer_plan);
      if (coming.terminal != nullptr) load(*coming.terminal, terminal_plan);
      if (coming.pair != nullptr) load(*coming.pair, pair_plan);
    };
    switch (step) {
      case LoadStep::kSlots:
        customers.prefetch_slot({payment.customer_id, 0});
        terminals.prefetch_slot({payment.terminal_id, 0});
        pairs.prefetch_slot(pair_key(payment));
        return;
      case LoadStep::kHistories:
        coming = {customer_plan.empty() ? nullptr : customers.find({payment.customer_id, 0}),
                  terminal_plan.empty() ? nullptr : terminals.find({payment.terminal_id, 0}),
                  pair_plan.empty() ? nullptr : pairs.find(pair_key(payment))};
        return each([](const KeyHistory& history, const KeyPlan&) { history.prefetch_self(); });
      case LoadStep::kTotals:
        return each([](const KeyHistory& history, const KeyPlan&) { history.prefetch(); });
      case LoadStep::kRecords:
        return each(
            [](const KeyHistory& history, const KeyPlan& plan) { history.prefetch_records(plan); });
      case LoadStep::kQueues:
        return each([](const KeyHistory& history, const KeyPlan&) { history.prefetch_queues(); });
    }
  }

  /// Ascending; what is stored with the customer.
  std::vector<HistoryKey> pairs_of(std::int64_t customer_id) const {
    std::vector<HistoryKey> keys;
    const auto terminal_ids = terminals_of.find(customer_id);
    if (terminal_ids == terminals_of.end()) return keys;
    for (const std::int64_t terminal_id : terminal_ids->second) {
      keys.push_back({customer_id, terminal_id});
    }
    std::sort(keys.begin(), keys.end());
    return keys;
  }

  void index_pairs() {
    terminals_of.clear();
    for (const HistoryKey& key : pairs.sorted_keys()) terminals_of[key.first].push_back(key.second);
  }

  void forget_customer(std::int64_t customer_id) {
    customers.erase({customer_id, 0});
    for (const HistoryKey& key : pairs_of(customer_id)) pairs.erase(key);
    terminals_of.erase(customer_id);
  }

  FeatureSpec spec;
  KeyPlan customer_plan;
  KeyPlan terminal_plan;
  KeyPlan pair_plan;
  std::vector<std::size_t> own_columns;
  KeyTable customers;
  KeyTable terminals;
  KeyTable pairs;
  std::unordered_map<std::int64_t, std::vector<std::int64_t>> terminals_of;  // Of the pairs.
  FeatureCounters counters;
};

FeatureEngine::FeatureEngine(FeatureSpec spec) : state_(std::make_unique<State>(std::move(spec))) {}
FeatureEngine::~FeatureEngine() = default;
FeatureEngine::FeatureEngine(FeatureEngine&&) noexcept = default;
FeatureEngine& FeatureEngine::operator=(FeatureEngine&&) noexcept = default;

const FeatureSpec& FeatureEngine::spec() const { return state_->spec; }

void FeatureEngine::apply(const Payment& payment, std::span<float> row) {
  apply_customer(payment, row);
  apply_terminal(payment, row);
}

void FeatureEngine::apply(const Feedback& feedback) {
  apply_customer(feedback);
  apply_terminal(feedback);
}

void FeatureEngine::apply_customer(const Payment& payment, std::span<float> row) {
  WEIR_CHECK(row.size() == state_->spec.size());
  check_range(payment);
  for (const std::size_t column : state_->own_columns) {
    row[column] = feature_value(state_->spec.inputs()[column].aggregate, payment.event_time,
                                static_cast<std::uint64_t>(payment.amount_minor), WindowFacts());
  }
  state_->apply(state_->customer_plan, state_->customers, {payment.customer_id, 0}, payment, row);
  if (state_->pair_plan.empty()) return;
  const std::size_t known_pairs = state_->pairs.size();
  state_->apply(state_->pair_plan, state_->pairs, pair_key(payment), payment, row);
  if (state_->pairs.size() != known_pairs) {
    state_->terminals_of[payment.customer_id].push_back(payment.terminal_id);
  }
}

void FeatureEngine::apply_terminal(const Payment& payment, std::span<float> row) {
  WEIR_CHECK(row.size() == state_->spec.size());
  check_range(payment);
  state_->apply(state_->terminal_plan, state_->terminals, {payment.terminal_id, 0}, payment, row);
}

void FeatureEngine::apply_customer(const Feedback& feedback) {
  if (feedback.outcome == Outcome::kUnanswered) return;
  state_->apply(state_->customer_plan, state_->customers, {feedback.payment.customer_id, 0},
                feedback);
  state_->apply(state_->pair_plan, state_->pairs, pair_key(feedback.payment), feedback);
}

void FeatureEngine::apply_terminal(const Feedback& feedback) {
  if (feedback.outcome == Outcome::kUnanswered) return;
  state_->apply(state_->terminal_plan, state_->terminals, {feedback.payment.terminal_id, 0},
                feedback);
}

void FeatureEngine::prefetch(const Payment& payment) const {
  // Step by step for all keys: what one waits for comes meanwhile for the others.
  Coming coming;
  for (std::size_t step = 0; step < kLoadSteps; ++step) {
    state_->prefetch(payment, static_cast<LoadStep>(step), coming);
  }
}

void FeatureEngine::prefetch(const Payment& payment, LoadStep step, Coming& coming) const {
  state_->prefetch(payment, step, coming);
}

void FeatureEngine::forget_idle(Seconds before) {
  const auto is_active = [&](const HistoryKey&, const KeyHistory& history) {
    return !history.empty() && history.newest() > before;
  };
  state_->customers.erase_unless(is_active);
  state_->terminals.erase_unless(is_active);
  state_->pairs.erase_unless(is_active);
  state_->index_pairs();
}

FeatureCounters FeatureEngine::counters() const { return state_->counters; }
std::size_t FeatureEngine::customers() const { return state_->customers.size(); }
std::size_t FeatureEngine::terminals() const { return state_->terminals.size(); }

std::size_t FeatureEngine::memory_bytes() const {
  return state_->customers.memory_bytes() + state_->terminals.memory_bytes() +
         state_->pairs.memory_bytes();
}

// ---------------------------------------------------------------------------------- storage
//
// snapshot: magic, fingerprint, counters, then for customers, terminals and pairs: their number and
// (key, history) in ascending order of keys; at the end XXH3-64 of all before it, little-endian.
// One key: the same history bytes; a customer's are followed by its pairs.

namespace {

void write_table(const KeyPlan& plan, const KeyTable& table, std::string& bytes) {
  write_varint(bytes, table.size());
  for (const HistoryKey& key : table.sorted_keys()) {
    write_varint(bytes, zigzag(key.first));
    write_varint(bytes, zigzag(key.second));
    table.find(key)->serialize(plan, bytes);
  }
}

bool read_table(const KeyPlan& plan, KeyTable& table, std::string_view& bytes) {
  VarintReader reader(bytes);
  const std::uint64_t count = reader.read();
  // A key takes bytes of its own, so a damaged count cannot ask for more memory than the file.
  if (reader.failed() || count > bytes.size()) return false;
  bytes = reader.rest();
  table.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    VarintReader key_reader(bytes);
    const std::int64_t first = unzigzag(key_reader.read());
    const std::int64_t second = unzigzag(key_reader.read());
    if (key_reader.failed()) return false;
    bytes = key_reader.rest();
    KeyHistory& history = table[{first, second}];
    if (!history.empty() || !history.restore(plan, bytes)) return false;
  }
  return true;
}

/// Eight bytes, little-endian. The seed ties them to a spec.
std::string checksum(std::string_view bytes, std::uint64_t seed) {
  std::uint64_t hash = XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
  std::string text;
  for (std::size_t i = 0; i < kChecksumBytes; ++i, hash >>= 8) {
    text.push_back(static_cast<char>(hash & 0xFF));
  }
  return text;
}

std::uint64_t seed_of(const FeatureSpec& spec) {
  return XXH3_64bits(spec.fingerprint().data(), spec.fingerprint().size());
}

/// What checksum sealed, or an error.
std::string_view unsealed(std::string_view bytes,
                          std::uint64_t seed,
                          std::string_view what,
                          std::string_view way_out) {
  const std::size_t size = bytes.size() < kChecksumBytes ? 0 : bytes.size() - kChecksumBytes;
  const std::string_view content = bytes.substr(0, size);
  if (bytes.size() < kChecksumBytes || checksum(content, seed) != bytes.substr(size)) {
    throw Error(fmt::format("{}: its {} bytes do not fit their checksum (damaged or cut short); {}",
                            what, bytes.size(), way_out));
  }
  return content;
}

constexpr std::string_view kKeyWayOut =
    "restore a state that was serialised for the same feature spec";
constexpr std::string_view kSnapshotWayOut = "use an older snapshot and replay the log after it";

}  // namespace

std::string FeatureEngine::serialize_customer(std::int64_t customer_id) const {
  const KeyHistory* history = state_->customers.find({customer_id, 0});
  const std::vector<HistoryKey> pairs = state_->pairs_of(customer_id);
  if (history == nullptr && pairs.empty()) return {};
  std::string bytes;
  write_varint(bytes, history == nullptr ? 0 : 1);
  if (history != nullptr) history->serialize(state_->customer_plan, bytes);
  write_varint(bytes, pairs.size());
  for (const HistoryKey& pair : pairs) {
    write_varint(bytes, zigzag(pair.second));
    state_->pairs.find(pair)->serialize(state_->pair_plan, bytes);
  }
  return bytes + checksum(bytes, seed_of(state_->spec));
}

std::string FeatureEngine::serialize_terminal(std::int64_t terminal_id) const {
  const KeyHistory* history = state_->terminals.find({terminal_id, 0});
  if (history == nullptr) return {};
  std::string bytes;
  history->serialize(state_->terminal_plan, bytes);
  return bytes + checksum(bytes, seed_of(state_->spec));
}

void FeatureEngine::restore_customer(std::int64_t customer_id, std::string_view bytes) {
  const std::string what = fmt::format("feature state of customer {}", customer_id);
  KeyHistory history;
  std::vector<std::pair<std::int64_t, KeyHistory>> pairs;
  if (!bytes.empty()) {
    std::string_view content = unsealed(bytes, seed_of(state_->spec), what, kKeyWayOut);
    bool whole = true;
    const auto read = [&] {
      VarintReader reader(content);
      const std::uint64_t value = reader.read();
      whole = whole && !reader.failed();
      content = reader.rest();
      return value;
    };
    if (read() == 1) whole = history.restore(state_->customer_plan, content);
    const std::uint64_t count = whole ? read() : 0;
    for (std::uint64_t i = 0; whole && i < count; ++i) {
      pairs.emplace_back(unzigzag(read()), KeyHistory());
      whole = whole && pairs.back().second.restore(state_->pair_plan, content);
    }
    if (!whole || !content.empty()) {
      throw Error(fmt::format("{}: not what this spec stores; {}", what, kKeyWayOut));
    }
  }
  state_->forget_customer(customer_id);
  if (!history.empty()) state_->customers[{customer_id, 0}] = std::move(history);
  for (auto& [terminal_id, pair] : pairs) {
    state_->pairs[{customer_id, terminal_id}] = std::move(pair);
    state_->terminals_of[customer_id].push_back(terminal_id);
  }
}

void FeatureEngine::restore_terminal(std::int64_t terminal_id, std::string_view bytes) {
  const std::string what = fmt::format("feature state of terminal {}", terminal_id);
  KeyHistory history;
  if (!bytes.empty()) {
    std::string_view content = unsealed(bytes, seed_of(state_->spec), what, kKeyWayOut);
    if (!history.restore(state_->terminal_plan, content) || !content.empty()) {
      throw Error(fmt::format("{}: not what this spec stores; {}", what, kKeyWayOut));
    }
  }
  state_->terminals.erase({terminal_id, 0});
  if (!history.empty()) state_->terminals[{terminal_id, 0}] = std::move(history);
}

std::string FeatureEngine::snapshot() const {
  std::string bytes(kMagic);
  bytes += state_->spec.fingerprint();
  const FeatureCounters& counters = state_->counters;
  for (const std::uint64_t count :
       {counters.late, counters.too_late, counters.feedback_applied, counters.feedback_unmatched}) {
    write_varint(bytes, count);
  }
  write_table(state_->customer_plan, state_->customers, bytes);
  write_table(state_->terminal_plan, state_->terminals, bytes);
  write_table(state_->pair_plan, state_->pairs, bytes);
  return bytes + checksum(bytes, 0);
}

FeatureEngine FeatureEngine::restore(FeatureSpec spec,
                                     std::string_view bytes,
                                     std::string_view source) {
  const std::string what = fmt::format("feature snapshot {}", source);
  const std::size_t header = kMagic.size() + spec.fingerprint().size();
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    throw Error(
        fmt::format("{}: does not begin with {}: not a feature snapshot, or one of another "
                    "version of weir; {}",
                    what, kMagic, kSnapshotWayOut));
  }
  std::string_view content = unsealed(bytes, 0, what, kSnapshotWayOut);
  if (content.size() < header ||
      content.substr(kMagic.size(), header - kMagic.size()) != spec.fingerprint()) {
    throw Error(
        fmt::format("{}: made for features {}, this engine computes {} (\"{}\"); use the "
                    "matching spec, or replay the log from its start",
                    what, content.substr(kMagic.size(), header - kMagic.size()), spec.fingerprint(),
                    spec.name()));
  }
  FeatureEngine engine(std::move(spec));
  State& state = *engine.state_;
  VarintReader reader(content.substr(header));
  for (std::uint64_t* count :
       {&state.counters.late, &state.counters.too_late, &state.counters.feedback_applied,
        &state.counters.feedback_unmatched}) {
    *count = reader.read();
  }
  content = reader.rest();
  if (reader.failed() || !read_table(state.customer_plan, state.customers, content) ||
      !read_table(state.terminal_plan, state.terminals, content) ||
      !read_table(state.pair_plan, state.pairs, content) || !content.empty()) {
    throw Error(fmt::format("{}: its parts do not fit together; {}", what, kSnapshotWayOut));
  }
  state.index_pairs();
  return engine;
}

}  // namespace weir
