#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/cleaning/clean_row.h"
#include "core/cleaning/packed_payment.h"
#include "core/cleaning/rules.h"

namespace weir {

/// Rows with their money and frauds.
///
/// Money is summed modulo 2^64, so that a balance is exact whatever was delivered.
struct RowTally {
  std::uint64_t rows = 0;
  std::uint64_t amount_minor = 0;
  std::uint64_t frauds = 0;
  std::uint64_t unknown_amounts = 0;  ///< Rows whose amount cannot be read.
  std::uint64_t unknown_labels = 0;   ///< Rows whose label cannot be read; of labelled data.

  void add(const PackedPayment& row) {
    ++rows;
    amount_minor += static_cast<std::uint64_t>(row.amount_minor());
    frauds += row.is_fraud() ? 1 : 0;
  }
  void add(const Reject& reject) {
    ++rows;
    amount_minor += static_cast<std::uint64_t>(reject.amount_minor.value_or(0));
    frauds += reject.is_fraud.value_or(false) ? 1 : 0;
    unknown_amounts += reject.amount_minor ? 0 : 1;
    unknown_labels += reject.is_fraud ? 0 : 1;
  }
  RowTally& operator+=(const RowTally& other);
  friend bool operator==(const RowTally&, const RowTally&) = default;
};

struct CleanedFile {
  std::string name;
  std::uint64_t rows = 0;
};

/// What cleaning found and did. Every field is a function of the input and the configuration.
struct CleanReport {
  bool labelled = false;
  std::vector<CleanedFile> files;
  RowTally in;                             ///< Counted where rows are read, apart from the others.
  RowTally clean;                          ///< Counted where rows are written.
  std::array<RowTally, kRuleCount> rules;  ///< Rows found by each rule.
  std::uint64_t days = 0;
  std::optional<Seconds> first_time;  ///< Of the clean rows.
  std::optional<Seconds> last_time;

  RowTally& operator[](Rule rule) { return rules[static_cast<std::size_t>(rule)]; }
  const RowTally& operator[](Rule rule) const { return rules[static_cast<std::size_t>(rule)]; }
  /// Sum over the rules with this action.
  RowTally sum(RuleAction action) const;
  /// in = clean + dropped + quarantined, in every number.
  bool balances() const;

  /// Adds what other rows of the same data gave, disjoint days assumed. Throws Error when only one
  /// of the two is labelled.
  CleanReport& operator+=(const CleanReport& other);

  std::string to_json() const;  ///< reports/clean.json
  /// The report of such a text. Throws Error naming `source` for anything else.
  static CleanReport from_json(std::string_view json, std::string_view source);
  std::string to_table() const;  ///< For people.
};

/// A rule that takes far more frauds than chance would.
struct FraudEater {
  Rule rule;
  std::uint64_t rows;  ///< Rejects whose label can be read.
  std::uint64_t frauds;
  double share;       ///< frauds / rows
  double data_share;  ///< Of all rows whose label can be read.
};

/// Rules that quarantine frauds beyond chance, `accepted` ones left out.
///
/// At least 10 frauds, a share above twice the data's, and a chance below e^-20 by the Chernoff
/// bound P(X >= k) <= exp(-n KL(k/n || p)) (Hoeffding 1963).
std::vector<FraudEater> find_fraud_eaters(const CleanReport& report,
                                          const std::set<Rule>& accepted);

}  // namespace weir
