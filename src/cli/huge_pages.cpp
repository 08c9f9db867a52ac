#include "cli/huge_pages.h"

#include <sys/prctl.h>

/// jemalloc's own settings, which it reads before main(). Huge pages: the state of a million
/// customers is read at random, and with pages of 4 KiB most reads also miss in the table of
/// addresses. A thread of its own gives memory back, so that no payment waits for that.
extern "C" const char* malloc_conf;
const char* malloc_conf = "thp:always,metadata_thp:auto,background_thread:true";

namespace weir::cli {

void go_on_with_small_pages() { prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); }

}  // namespace weir::cli
