#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

namespace weir::files {

/// Memory for many megabytes that are written before they are read.
///
/// Large blocks ask the system for pages of 2 MiB, since a fault on each page of 4 KiB took a sixth
/// of the time of cleaning; and resize() leaves new elements as they are.
template <typename T>
class BigAllocator {
 public:
  using value_type = T;

  BigAllocator() = default;
  template <typename Other>
  explicit BigAllocator(const BigAllocator<Other>&) {}

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    if (bytes < kHugePage) return static_cast<T*>(::operator new(bytes));
    // aligned_alloc wants a whole number of alignments.
    const std::size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
    void* memory = std::aligned_alloc(kHugePage, rounded);
    if (memory == nullptr) throw std::bad_alloc();
    ::madvise(memory, rounded, MADV_HUGEPAGE);  // Advice only: without it all works, slower.
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) {
    if (count * sizeof(T) < kHugePage) {
      ::operator delete(memory);
    } else {
      std::free(memory);
    }
  }

  template <typename Element>
  void construct(Element* element) {
    ::new (static_cast<void*>(element)) Element;
  }
  template <typename Element, typename... Arguments>
  void construct(Element* element, Arguments&&... arguments) {
    ::new (static_cast<void*>(element)) Element(std::forward<Arguments>(arguments)...);
  }

  friend bool operator==(const BigAllocator&, const BigAllocator&) { return true; }

 private:
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
};

template <typename T>
using BigVector = std::vector<T, BigAllocator<T>>;

}  // namespace weir::files
