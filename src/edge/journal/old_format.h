#pragma once

#include <cstdint>

#include "edge/journal/block_store.h"

namespace weir::journal {

/// Journals of formats 1 and 2 had a row an entry, with a column a field. Both steps may be cut
/// short at any point and begun again.

/// Renames their table, to make room for that of today.
void set_old_rows_aside(Database& database);
/// Writes their entries from position `from` to the journal, then drops them. Throws Error when
/// the disk is full.
void take_old_rows(Database& database, BlockStore& journal, std::uint64_t from);

}  // namespace weir::journal
