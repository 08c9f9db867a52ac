#include "core/features/batch_part.h"

#include <algorithm>
#include <utility>

#include "core/features/feature_arithmetic.h"
#include "core/features/feature_input.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr std::uint64_t kLow32 = 0xFFFF'FFFF;

std::uint64_t time_of(std::uint64_t record) { return record >> 32; }
std::uint64_t kopecks_of(std::uint64_t record) { return (record & kLow32) >> 1; }
std::uint64_t fraud_of(std::uint64_t record) { return record & 1; }

}  // namespace

BatchPart::BatchPart(const PaymentView& payments, KeyPlan plan, Seconds label_delay)
    : payments_(payments), plan_(std::move(plan)), label_delay_(label_delay) {
  choose_edges();
}

std::size_t BatchPart::edge_at(Seconds offset) const {
  return static_cast<std::size_t>(std::lower_bound(offsets_.begin() + 1, offsets_.end(), offset) -
                                  offsets_.begin());
}

/// Which edges there are, what each column reads, and where things lie in header and notes.
void BatchPart::choose_edges() {
  const bool has_labels = payments_.has_labels();
  const auto is_none_known = [&](Seconds reach) { return !has_labels || label_delay_ >= reach; };
  std::vector<Seconds> offsets;
  for (const KeyPlan::Column& column : plan_.columns) {
    const Seconds delay = plan_.offsets[column.newer];
    const Seconds reach = delay + column.window;
    offsets.push_back(reach);
    // Edge 0 is past the payment itself; an edge of offset 0 further on ends just before it.
    if (delay != 0) offsets.push_back(delay);
    if (word_of(column.aggregate).needs_outcomes && !is_none_known(reach)) {
      offsets.push_back(std::max(delay, label_delay_));
    }
  }
  std::sort(offsets.begin(), offsets.end());
  offsets.erase(std::unique(offsets.begin(), offsets.end()), offsets.end());
  offsets_.assign(1, 0);
  offsets_.insert(offsets_.end(), offsets.begin(), offsets.end());
  lanes_ = plan_.genuine_sums ? 4 : plan_.squares ? 3 : plan_.amounts ? 2 : 1;
  std::size_t word = offsets_.size() * lanes_;
  std::size_t note = offsets_.size() * lanes_;
  for (const KeyPlan::Column& wanted : plan_.columns) {
    const Seconds delay = plan_.offsets[wanted.newer];
    const Seconds reach = delay + wanted.window;
    Column column{wanted.index,   wanted.aggregate,
                  wanted.window,  delay == 0 ? 0 : edge_at(delay),
                  edge_at(reach), 0};
    column.none_known = is_none_known(reach);
    if (!column.none_known) column.known = edge_at(std::max(delay, label_delay_));
    switch (wanted.aggregate) {
      case Aggregate::kMax:
      case Aggregate::kAmountToMax: {
        const auto same = std::find_if(maxima_.begin(), maxima_.end(), [&](const Maximum& one) {
          return one.newer == column.newer && one.older == column.older;
        });
        column.note = same != maxima_.end() ? same->note : note++;
        if (same == maxima_.end()) {
          maxima_.push_back({column.newer, column.older, word, column.note, {}});
          word += 2;
        }
        break;
      }
      case Aggregate::kTimeSinceLast:
        wants_previous_ = true;
        break;
      case Aggregate::kTimeSinceFirstKnownFraud:
        if (column.none_known) break;
        column.note = note++;
        first_frauds_.push_back({column.older, word++, column.note, column.window});
        fraud_edge_ = column.known;
        break;
      case Aggregate::kTimeSinceLastKnownFraud:
      case Aggregate::kKnownGenuineSinceLastKnownFraud:
        if (!column.none_known) fraud_edge_ = column.known;
        break;
      default:
        break;
    }
    columns_.push_back(column);
  }
  pass_ = lanes_ == 1   ? choose_pass<1>(offsets_.size())
          : lanes_ == 2 ? choose_pass<2>(offsets_.size())
          : lanes_ == 3 ? choose_pass<3>(offsets_.size())
                        : choose_pass<4>(offsets_.size());
  fraud_word_ = word++;
  // Whole cache lines, so that no header straddles one more than it must.
  stride_ = (word + 7) / 8 * 8;
  notes_.resize((note + 2) * kBlock);
}

void BatchPart::prepare() {
  const bool is_pair = plan_.key == FeatureKey::kPair;
  keys_ = plan_.key == FeatureKey::kTerminal
              ? number_keys(payments_.terminal_id, {})
              : number_keys(payments_.customer_id,
                            is_pair ? payments_.terminal_id : std::span<const std::int64_t>());
  records_ = HugeArray<std::uint64_t>(payments_.size(), false);
  headers_ = HugeArray<std::uint64_t>(keys_.counts.size() * stride_, true);
  for (Maximum& maximum : maxima_) {
    maximum.queue = HugeArray<std::uint64_t>(payments_.size(), false);
  }
  std::uint64_t start = 0;
  for (std::size_t key = 0; key < keys_.counts.size(); ++key) {
    std::uint64_t* header = &headers_[key * stride_];
    for (std::size_t e = 0; e < offsets_.size(); ++e) header[e * lanes_] = start;
    for (const Maximum& maximum : maxima_) {
      header[maximum.word] = start | start << 32;
      header[maximum.word + 1] = start;
    }
    for (const FirstFraud& first : first_frauds_) header[first.word] = start;
    start += keys_.counts[key];
  }
  prepared_ = true;
}

/// One row: moves the edges of its key, appends it, and notes the totals at `place`.
template <std::size_t kLanes, std::size_t kEdges>
inline void BatchPart::pass_row(std::size_t row, std::size_t place) {
  std::uint64_t* header = &headers_[keys_.of(row) * stride_];
  std::uint64_t* records = records_.data();
  const std::size_t edges = kEdges != 0 ? kEdges : offsets_.size();
  const auto time = static_cast<std::uint64_t>(payments_.event_time[row]);
  const std::uint64_t tail = header[0] & kLow32;
  const auto add = [](std::uint64_t* totals, std::uint64_t record) {
    const std::uint64_t kopecks = kopecks_of(record);
    totals[0] += 1 | fraud_of(record) << 32;
    if constexpr (kLanes >= 2) totals[1] += kopecks;
    if constexpr (kLanes >= 3) totals[2] += kopecks * kopecks;
    if constexpr (kLanes >= 4) totals[3] += kopecks & (fraud_of(record) - 1);
  };
  for (std::size_t e = 1; e < edges; ++e) {
    std::uint64_t* totals = header + e * kLanes;
    const auto offset = static_cast<std::uint64_t>(offsets_[e]);
    const std::uint64_t before = totals[0];
    std::uint64_t position = before & kLow32;
    for (; position < tail && time_of(records[position]) + offset <= time; ++position) {
      add(totals, records[position]);
    }
    if (e == fraud_edge_ && ((before ^ totals[0]) >> 32) != 0) {
      std::uint64_t last = position;
      do --last;
      while (fraud_of(records[last]) == 0);
      header[fraud_word_] = (last + 1) | time_of(records[last]) << 32;
    }
  }
  if (wants_previous_) {
    notes_[notes_.size() - kBlock + place] = tail == 0 ? 0 : time_of(records[tail - 1]);
  }
  const std::uint64_t own = time << 32 |
                            static_cast<std::uint64_t>(payments_.amount_minor[row]) << 1 |
                            (!payments_.is_fraud.empty() && payments_.is_fraud[row] == 1 ? 1U : 0U);
  records[tail] = own;
  add(header, own);
  if (fraud_edge_ != 0) notes_[notes_.size() - 2 * kBlock + place] = header[fraud_word_];
  std::uint64_t* notes = notes_.data() + place;
  for (std::size_t i = 0; i < edges * kLanes; ++i) notes[i * kBlock] = header[i];
}

template <std::size_t kLanes, std::size_t kEdges>
void BatchPart::pass_rows(std::size_t begin, std::size_t count) {
  const std::size_t rows = payments_.size();
  const std::size_t edges = kEdges != 0 ? kEdges : offsets_.size();
  const std::size_t header_lines = stride_ / 8;
  for (std::size_t place = 0; place < count; ++place) {
    const std::size_t row = begin + place;
    if (row + kHeaderAhead < rows) {
      const std::uint64_t* header = &headers_[keys_.of(row + kHeaderAhead) * stride_];
      for (std::size_t line = 0; line < header_lines; ++line) __builtin_prefetch(header + line * 8);
    }
    if (row + kRecordsAhead < rows) {
      const std::uint64_t* header = &headers_[keys_.of(row + kRecordsAhead) * stride_];
      for (std::size_t e = 0; e < edges; ++e) {
        __builtin_prefetch(&records_[header[e * kLanes] & kLow32]);
      }
      for (const Maximum& maximum : maxima_) {
        __builtin_prefetch(&maximum.queue[header[maximum.word] & kLow32]);
        __builtin_prefetch(&maximum.queue[header[maximum.word] >> 32]);
      }
    }
    pass_row<kLanes, kEdges>(row, place);
    std::uint64_t* header = &headers_[keys_.of(row) * stride_];
    if (!maxima_.empty()) note_maxima(header, place);
    if (!first_frauds_.empty()) note_first_frauds(header, payments_.event_time[row], place);
  }
}

/// A queue holds (kopecks << 32 | position) of descending amounts: its front is the largest.
void BatchPart::note_maxima(std::uint64_t* header, std::size_t place) {
  for (Maximum& maximum : maxima_) {
    std::uint64_t front = header[maximum.word] & kLow32;
    std::uint64_t back = header[maximum.word] >> 32;
    std::uint64_t* queue = maximum.queue.data();
    const std::uint64_t newer = header[maximum.newer * lanes_] & kLow32;
    const std::uint64_t older = header[maximum.older * lanes_] & kLow32;
    std::uint64_t& pushed = header[maximum.word + 1];
    for (; pushed < newer; ++pushed) {
      const std::uint64_t kopecks = kopecks_of(records_[pushed]);
      while (back > front && queue[back - 1] >> 32 <= kopecks) --back;
      queue[back++] = kopecks << 32 | pushed;
    }
    while (front < back && (queue[front] & kLow32) < older) ++front;
    header[maximum.word] = front | back << 32;
    notes_[maximum.note * kBlock + place] = front < back ? queue[front] >> 32 : 0;
  }
}

/// Each pointer rests on the first known fraud not before its edge, or where nothing is known yet.
void BatchPart::note_first_frauds(std::uint64_t* header, Seconds time, std::size_t place) {
  const std::uint64_t known = header[fraud_edge_ * lanes_] & kLow32;
  for (const FirstFraud& first : first_frauds_) {
    std::uint64_t position = std::max(header[first.word], header[first.older * lanes_] & kLow32);
    while (position < known && fraud_of(records_[position]) == 0) ++position;
    header[first.word] = position;
    notes_[first.note * kBlock + place] =
        position < known ? static_cast<std::uint64_t>(time) - time_of(records_[position])
                         : static_cast<std::uint64_t>(first.window);
  }
}

/// Loops over a known number of edges unroll; a longer spec takes the general loop.
template <std::size_t kLanes>
BatchPart::Pass BatchPart::choose_pass(std::size_t edges) {
  switch (edges) {
    case 4:
      return &BatchPart::pass_rows<kLanes, 4>;
    case 5:
      return &BatchPart::pass_rows<kLanes, 5>;
    case 6:
      return &BatchPart::pass_rows<kLanes, 6>;
    case 7:
      return &BatchPart::pass_rows<kLanes, 7>;
    default:
      return &BatchPart::pass_rows<kLanes, 0>;
  }
}

void BatchPart::compute(std::size_t begin, std::size_t end, std::span<float* const> columns) {
  if (!prepared_) prepare();
  for (std::size_t row = begin; row < end; row += kBlock) {
    const std::size_t count = std::min(kBlock, end - row);
    (this->*pass_)(row, count);
    if (columns.empty()) continue;
    for (const Column& column : columns_) {
      write_column(column, row, count, columns[column.index] + (row - begin));
    }
  }
}

void BatchPart::write_column(const Column& column,
                             std::size_t row,
                             std::size_t count,
                             float* out) const {
  const auto lane = [&](std::size_t edge, std::size_t index) { return notes(edge, index); };
  const std::uint64_t* newer = lane(column.newer, 0);
  const std::uint64_t* older = lane(column.older, 0);
  const std::uint64_t* known = lane(column.none_known ? column.older : column.known, 0);
  const std::uint64_t* noted = &notes_[column.note * kBlock];
  const std::uint64_t* last_fraud = &notes_[notes_.size() - 2 * kBlock];
  const std::uint64_t* previous = &notes_[notes_.size() - kBlock];
  const auto payments = [&](std::size_t i) { return (newer[i] - older[i]) & kLow32; };
  const auto frauds = [&](std::size_t i) { return (known[i] >> 32) - (older[i] >> 32); };
  const auto genuine = [&](std::size_t i) {
    return ((known[i] & kLow32) - (older[i] & kLow32)) - frauds(i);
  };
  const auto difference = [&](std::size_t edge, std::size_t index, std::size_t i) {
    return lane(edge, index)[i] - lane(column.older, index)[i];
  };
  const auto sum = [&](std::size_t i) { return difference(column.newer, 1, i); };
  const auto amount = [&](std::size_t i) {
    return static_cast<std::uint64_t>(payments_.amount_minor[row + i]);
  };
  const auto time = [&](std::size_t i) {
    return static_cast<std::uint64_t>(payments_.event_time[row + i]);
  };
  const auto window = static_cast<std::uint64_t>(column.window);
  const auto fill = [&](const auto& value) {
    for (std::size_t i = 0; i < count; ++i) out[i] = value(i);
  };
  const auto has_last_fraud = [&](std::size_t i) {
    return !column.none_known && (last_fraud[i] & kLow32) > (older[i] & kLow32);
  };
  switch (column.aggregate) {
    case Aggregate::kCount:
      return fill([&](std::size_t i) { return arithmetic::whole(payments(i)); });
    case Aggregate::kSum:
      return fill([&](std::size_t i) { return arithmetic::roubles(sum(i)); });
    case Aggregate::kMean:
      return fill([&](std::size_t i) { return arithmetic::mean(sum(i), payments(i)); });
    case Aggregate::kStd:
      return fill([&](std::size_t i) {
        return arithmetic::standard_deviation(payments(i), sum(i), difference(column.newer, 2, i));
      });
    case Aggregate::kMax:
      return fill([&](std::size_t i) { return arithmetic::roubles(noted[i]); });
    case Aggregate::kAmountToMean:
      return fill(
          [&](std::size_t i) { return arithmetic::ratio_to_mean(amount(i), sum(i), payments(i)); });
    case Aggregate::kAmountToMax:
      return fill([&](std::size_t i) { return arithmetic::ratio(amount(i), noted[i]); });
    case Aggregate::kAmountToGenuineMean:
      return fill([&](std::size_t i) {
        return arithmetic::ratio_to_mean(
            amount(i), column.none_known ? 0 : difference(column.known, 3, i), genuine(i));
      });
    case Aggregate::kTimeSinceLast:
      return fill([&](std::size_t i) {
        return arithmetic::whole(payments(i) > 1 ? time(i) - previous[i] : window);
      });
    case Aggregate::kKnownFraudCount:
      return fill([&](std::size_t i) { return arithmetic::whole(frauds(i)); });
    case Aggregate::kKnownGenuineCount:
      return fill([&](std::size_t i) { return arithmetic::whole(genuine(i)); });
    case Aggregate::kRisk:
      return fill([&](std::size_t i) { return arithmetic::share(frauds(i), genuine(i)); });
    case Aggregate::kTimeSinceFirstKnownFraud:
      return fill(
          [&](std::size_t i) { return arithmetic::whole(column.none_known ? window : noted[i]); });
    case Aggregate::kTimeSinceLastKnownFraud:
      return fill([&](std::size_t i) {
        return arithmetic::whole(has_last_fraud(i) ? time(i) - (last_fraud[i] >> 32) : window);
      });
    case Aggregate::kKnownGenuineSinceLastKnownFraud:
      return fill([&](std::size_t i) {
        return arithmetic::whole(has_last_fraud(i) ? (known[i] & kLow32) - (last_fraud[i] & kLow32)
                                                   : genuine(i));
      });
    default:
      WEIR_CHECK(false);
  }
}

}  // namespace weir
