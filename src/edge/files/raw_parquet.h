#pragma once

#include <memory>

#include "core/cleaning/row_layout.h"
#include "edge/files/raw_input.h"

namespace weir::files {

/// Raw payments in Parquet, whatever the columns' types, handed on as lines of text: only then is
/// there one reading of ids, times and amounts. The line is the row's number.
///
/// Floating-point amounts are taken as the kopecks they are nearest to, if within a millionth of a
/// rouble.
RowLayout inspect_parquet(const Place& place, const ColumnNames& names);

std::unique_ptr<ChunkSource> open_parquet_chunks(const Place& place, const ColumnNames& names);

}  // namespace weir::files
