#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/decision/policy.h"
#include "core/transaction/payment.h"

namespace weir::files {

/// Decided payments of one row group, in the file's order.
struct DecisionRows {
  std::vector<std::int64_t> transaction_id;
  std::vector<Seconds> event_time;
  std::vector<std::int64_t> customer_id;
  std::vector<std::int64_t> terminal_id;
  std::vector<std::int64_t> amount_minor;
  std::vector<Action> action;
  std::vector<double> probability;    ///< Empty where the file has no such column.
  std::vector<float> score;           ///< Ranks payments; frozen when the payment was decided.
  std::vector<std::int8_t> executed;  ///< Empty where the file has no such column.
  std::vector<std::int8_t> is_fraud;  ///< Empty where the file has no labels.

  std::size_t size() const { return transaction_id.size(); }
};

/// A Parquet file of decisions, as `weir replay` writes it.
///
/// Needs the columns transaction_id, event_time, customer_id, terminal_id, amount_minor, action
/// and score or margin; probability, executed and is_fraud may be missing. Errors name the file and
/// the column.
class DecisionFile {
 public:
  explicit DecisionFile(const std::string& location);

  const std::string& location() const;
  std::size_t rows() const;
  std::size_t groups() const;
  /// Rows before the group, and in it.
  std::size_t offset(std::size_t group) const;
  std::size_t group_rows(std::size_t group) const;
  bool has_executed() const;
  bool has_labels() const;
  /// A value of the file's metadata such as `model_version`; empty when there is none.
  std::string metadata(const std::string& key) const;

  /// Callable by several threads at once.
  DecisionRows read(std::size_t group) const;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace weir::files
