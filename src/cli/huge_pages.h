#pragma once

namespace weir::cli {

/// Starts this process anew, once, with an allocator that asks the system for pages of 2 MiB.
///
/// The state of a million customers is read at random: with pages of 4 KiB most reads also miss in
/// the table of addresses. glibc reads the setting (glibc.malloc.hugetlb) before main() only.
/// Returns where there is nothing to gain: GLIBC_TUNABLES is set already, the system gives huge
/// pages to all or none, or it cannot say so.
void begin_with_huge_pages(char** argv);

/// What this process asks for from here on comes in pages of 4 KiB; what it has stays as it is.
///
/// For whoever is waited for: a huge page is cleared while its first byte is touched, .3 ms, and
/// 9 ms on a virtual machine whose host has to find the memory first.
void go_on_with_small_pages();

}  // namespace weir::cli
