#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/features/dense_keys.h"
#include "core/features/huge_array.h"
#include "core/features/key_plan.h"
#include "core/transaction/payment.h"

namespace weir {

/// The columns of one key kind over a whole period in batch order: the fast path of FeatureBatch.
///
/// Because all rows are at hand, each key has one contiguous run of 8-byte records and nothing ever
/// grows; because the label delay is one number, "known at t" is one more edge. A pass over the
/// rows moves the edges of the row's key and notes the running totals, block by block; the columns
/// are then computed from the notes in straight loops. Rows ahead are prefetched: at the size of a
/// real month the cost of a row is the cache lines it touches.
class BatchPart {
 public:
  /// What the compact records can hold, 21 million roubles; the sum of all squares must stay below
  /// 2^64 as well.
  static constexpr std::int64_t kMaxAmount = (std::int64_t{1} << 31) - 1;

  BatchPart(const PaymentView& payments, KeyPlan plan, Seconds label_delay);

  /// Rows [begin, end); see FeatureBatch::compute.
  void compute(std::size_t begin, std::size_t end, std::span<float* const> columns);

 private:
  static constexpr std::size_t kBlock = 128;
  static constexpr std::size_t kHeaderAhead = 24;
  static constexpr std::size_t kRecordsAhead = 12;

  /// Where the column's numbers are.
  struct Column {
    std::size_t index;
    Aggregate aggregate;
    Seconds window;
    std::size_t newer;  // Edges of its payments.
    std::size_t older;
    std::size_t known;        // The edge up to which outcomes are known.
    std::size_t note = 0;     // Of an aggregate that is no difference of totals: place in notes_.
    bool none_known = false;  // The window ends before any outcome can be known.
  };
  /// Keeps the largest amount between two edges.
  struct Maximum {
    std::size_t newer;
    std::size_t older;
    std::size_t word;  // In the header: front | back << 32 of its queue.
    std::size_t note;
    HugeArray<std::uint64_t> queue;
  };
  /// Follows the first known fraud not before an edge.
  struct FirstFraud {
    std::size_t older;
    std::size_t word;
    std::size_t note;
    Seconds window;
  };

  void prepare();
  std::size_t edge_at(Seconds offset) const;
  void choose_edges();
  using Pass = void (BatchPart::*)(std::size_t begin, std::size_t count);
  template <std::size_t kLanes>
  static Pass choose_pass(std::size_t edges);
  template <std::size_t kLanes, std::size_t kEdges>
  void pass_rows(std::size_t begin, std::size_t count);
  template <std::size_t kLanes, std::size_t kEdges>
  void pass_row(std::size_t row, std::size_t place);
  void note_maxima(std::uint64_t* header, std::size_t place);
  void note_first_frauds(std::uint64_t* header, Seconds time, std::size_t place);
  void write_columns(std::size_t row,
                     std::size_t count,
                     std::size_t offset,
                     std::span<float* const> columns) const;
  void write_column(const Column& column, std::size_t row, std::size_t count, float* out) const;
  const std::uint64_t* notes(std::size_t edge, std::size_t lane) const {
    return &notes_[(edge * lanes_ + lane) * kBlock];
  }

  PaymentView payments_;
  KeyPlan plan_;
  Seconds label_delay_;
  bool prepared_ = false;

  std::vector<Seconds> offsets_;  // Of the edges; edge 0 is past the payment itself.
  std::size_t lanes_ = 1;         // position | frauds << 32; sum; squares; genuine sum.
  std::size_t stride_ = 0;        // Words of a header.
  Pass pass_ = nullptr;
  std::vector<Column> columns_;
  std::vector<Maximum> maxima_;
  std::vector<FirstFraud> first_frauds_;
  std::size_t fraud_edge_ = 0;  // Where frauds become known; 0: no column asks for their order.
  std::size_t fraud_word_ = 0;  // In the header: position + 1 | time << 32 of the last known one.
  bool wants_previous_ = false;

  DenseKeys keys_;
  HugeArray<std::uint64_t> headers_;
  HugeArray<std::uint64_t> records_;  // time << 32 | kopecks << 1 | fraud.
  std::vector<std::uint64_t> notes_;  // By edge and lane, then by column; kBlock rows each.
};

}  // namespace weir
