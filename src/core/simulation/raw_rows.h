#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/simulation/planted.h"
#include "core/simulation/simulator.h"

namespace weir {

/// Text of some payments of one day, defects planted.
struct RawRows {
  /// A whole-row copy that is to stand after the last row of a later day.
  struct LaterCopy {
    std::int64_t day = 0;
    std::string line;
  };

  std::string text;
  std::vector<LaterCopy> later_copies;
  PlantedCounts counts;  ///< Later copies included.
};

/// The raw file's first line.
std::string_view raw_header(RawFormat format);

/// `2019-08-22.txt` or `.csv`, for the file that begins with day `first_day`.
std::string raw_file_name(const SimulationSpec& spec, std::int64_t first_day);

/// One line a payment, the first with the id `first_id`, the next with ids ascending by one.
///
/// Which row has which defect depends on the seed and the row's id only; no row has two.
RawRows format_rows(const SimulationSpec& spec,
                    std::int64_t day,
                    std::int64_t first_id,
                    std::span<const SimulatedPayment> payments);

}  // namespace weir
