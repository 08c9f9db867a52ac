#include "core/cleaning/id_filter.h"

#include <bit>
#include <cstdlib>
#include <new>

#include "core/transaction/hash.h"

namespace weir {

IdFilter::IdFilter(int bloom_bits_log2) : bloom_bits_log2_(bloom_bits_log2) {}

void IdFilter::FreeMemory::operator()(std::uint64_t* memory) const { std::free(memory); }

IdFilter::Words IdFilter::make_words(std::size_t count) {
  // calloc gives untouched pages of the system, which take no memory until used.
  auto* memory = static_cast<std::uint64_t*>(std::calloc(count, sizeof(std::uint64_t)));
  if (memory == nullptr) throw std::bad_alloc();
  return Words(memory);
}

std::uint64_t* IdFilter::find_page(std::uint64_t page) {
  Words* slot = nullptr;
  if (page < kMaxDirectPages) {
    if (page >= direct_pages_.size()) direct_pages_.resize(page + 1);
    slot = &direct_pages_[page];
  } else {
    slot = &far_pages_[page];
  }
  if (*slot == nullptr) {
    *slot = make_words(kPageWords);
    ++pages_;
  }
  return slot->get();
}

bool IdFilter::insert_elsewhere(std::int64_t id) {
  if (bloom_ != nullptr) return insert_in_bloom(id);
  last_page_ = static_cast<std::uint64_t>(id) >> kPageBits;
  last_words_ = find_page(last_page_);
  const bool seen = set_bit(last_words_, static_cast<std::uint64_t>(id) & kPageMask);
  if (pages_ >= next_check_) {
    next_check_ *= 2;
    if (id_count() < pages_ * kLeastIdsPerPage) turn_into_bloom();
  }
  return seen;
}

bool IdFilter::insert_in_bloom(std::int64_t id) {
  const std::uint64_t first = mix64(static_cast<std::uint64_t>(id));
  const std::uint64_t second = mix64(first);
  const bool seen_first = set_bit(bloom_.get(), first >> (64 - bloom_bits_log2_));
  const bool seen_second = set_bit(bloom_.get(), second >> (64 - bloom_bits_log2_));
  return seen_first && seen_second;
}

template <typename Visit>
void IdFilter::visit_pages(Visit visit) const {
  for (std::size_t page = 0; page < direct_pages_.size(); ++page) {
    if (direct_pages_[page] != nullptr) visit(page, direct_pages_[page].get());
  }
  for (const auto& [page, words] : far_pages_) visit(page, words.get());
}

std::size_t IdFilter::id_count() const {
  std::size_t count = 0;
  visit_pages([&](std::uint64_t, const std::uint64_t* words) {
    for (std::size_t i = 0; i < kPageWords; ++i) {
      count += static_cast<std::size_t>(std::popcount(words[i]));
    }
  });
  return count;
}

void IdFilter::turn_into_bloom() {
  bloom_ = make_words(std::size_t{1} << (bloom_bits_log2_ - 6));
  visit_pages([&](std::uint64_t page, const std::uint64_t* words) {
    for (std::uint64_t bit = 0; bit <= kPageMask; ++bit) {
      if ((words[bit >> 6] >> (bit & 63) & 1) != 0) {
        insert_in_bloom(static_cast<std::int64_t>(page << kPageBits | bit));
      }
    }
  });
  direct_pages_.clear();
  far_pages_.clear();
  last_words_ = nullptr;
}

}  // namespace weir
