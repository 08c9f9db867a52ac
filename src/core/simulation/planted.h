#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/simulation/simulation_spec.h"

namespace weir {

/// The real data's defects; named as the cleaning rules that find them.
enum class Defect : std::uint8_t {
  kDuplicateRow,
  kDuplicateId,
  kTerminalNotANumber,
  kTerminalUnknown,
  kCustomerInvalid,
  kTime24Repaired,
  kTimeInvalid,
  kAmountZeroKept,
  kAmountInvalid,
  kFieldCount,
  kNotANumber,
  kLabelConflict
};
inline constexpr std::size_t kDefectCount = 12;

/// What cleaning must make of a row.
enum class RowFate : std::uint8_t { kClean, kDuplicate, kQuarantined };

struct DefectRule {
  Defect defect;
  std::string_view id;
  /// Share of rows in the course's data; 0 for those that the simulation brings forth by itself.
  double rate;
  RowFate fate;
  /// Only on genuine rows, because the defect hides the label.
  bool genuine_only;
};

/// In the order of `Defect`.
const std::array<DefectRule, kDefectCount>& defect_rules();

/// Rows, and the frauds and money in them as far as a reader of the rows can tell.
struct PlantedTally {
  std::int64_t rows = 0;
  std::int64_t frauds = 0;
  std::int64_t amount_minor = 0;

  void add(bool fraud, std::int64_t amount) {
    ++rows;
    frauds += fraud ? 1 : 0;
    amount_minor += amount;
  }
  PlantedTally& operator+=(const PlantedTally& other) {
    rows += other.rows;
    frauds += other.frauds;
    amount_minor += other.amount_minor;
    return *this;
  }
  friend bool operator==(const PlantedTally&, const PlantedTally&) = default;
};

/// What a simulation has written: cleaning must find exactly this.
struct PlantedCounts {
  PlantedTally written;     ///< All rows of the raw files: the sum of the next three.
  PlantedTally clean;       ///< With every terminal id outside 0 … terminals - 1 refused.
  PlantedTally duplicates;  ///< Whole-row copies.
  PlantedTally quarantined;
  std::array<PlantedTally, 4> by_scenario;  ///< The payments as made, before defects.
  std::array<PlantedTally, kDefectCount> defects;

  PlantedCounts& operator+=(const PlantedCounts& other);
  friend bool operator==(const PlantedCounts&, const PlantedCounts&) = default;
};

/// `truth/planted.json`: the counts and the parameters that made them.
std::string format_planted(const SimulationSpec& spec, const PlantedCounts& counts);

}  // namespace weir
