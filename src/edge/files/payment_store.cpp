#include "edge/files/payment_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/transaction/error.h"

namespace weir::files {
namespace {

constexpr std::size_t kVisitRows = 1 << 16;
constexpr std::size_t kFewRows = 1 << 13;

bool earlier(const PackedPayment& left, const PackedPayment& right) {
  return left.second() != right.second() ? left.second() < right.second()
                                         : left.transaction_id() < right.transaction_id();
}

}  // namespace

SpillFile::SpillFile(const std::filesystem::path& folder) : folder_(folder) {
  std::string name = (folder / "spill-XXXXXX").string();
  descriptor_ = ::mkstemp(name.data());
  if (descriptor_ < 0) {
    throw Error(fmt::format("cannot make a temporary file in \"{}\": {}", folder.string(),
                            std::strerror(errno)));
  }
  ::unlink(name.c_str());
}

SpillFile::~SpillFile() { ::close(descriptor_); }

std::uint64_t SpillFile::append(const void* bytes, std::size_t size) {
  const std::uint64_t offset = size_;
  const char* at = static_cast<const char*>(bytes);
  for (std::size_t left = size; left != 0;) {
    const ssize_t written = ::pwrite(descriptor_, at, left, static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      throw Error(
          fmt::format("cannot write a temporary file in \"{}\": {}; free some space or give "
                      "more memory with --memory-mb",
                      folder_.string(), std::strerror(errno)));
    }
    at += written;
    left -= static_cast<std::size_t>(written);
    size_ += static_cast<std::uint64_t>(written);
  }
  return offset;
}

void SpillFile::read(std::uint64_t offset, void* bytes, std::size_t size) const {
  char* at = static_cast<char*>(bytes);
  while (size != 0) {
    const ssize_t count = ::pread(descriptor_, at, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      throw Error(fmt::format("cannot read a temporary file in \"{}\" back: {}", folder_.string(),
                              count < 0 ? std::strerror(errno) : "it ends too early"));
    }
    at += count;
    size -= static_cast<std::size_t>(count);
    offset += static_cast<std::uint64_t>(count);
  }
}

PaymentStore::PaymentStore(std::filesystem::path spill_folder, std::uint64_t memory_limit)
    : folder_(std::move(spill_folder)), memory_limit_(memory_limit) {}

void PaymentStore::add(std::int32_t day, BigVector<PackedPayment> rows) {
  if (rows.empty()) return;
  const std::lock_guard lock(mutex_);
  memory_ += rows.capacity() * sizeof(PackedPayment);
  days_[day].rows.push_back(std::move(rows));
  if (memory_ > memory_limit_) spill();
}

void PaymentStore::spill() {
  if (spill_ == nullptr) spill_ = std::make_unique<SpillFile>(folder_);
  for (auto& [number, day] : days_) {
    if (day.rows.empty()) continue;
    // One part a day and spill, so that the reading back is sequential.
    Part part{spill_->size(), 0};
    for (const auto& rows : day.rows) {
      spill_->append(rows.data(), rows.size() * sizeof(PackedPayment));
      part.rows += rows.size();
    }
    day.spilled.push_back(part);
    day.rows.clear();
    day.rows.shrink_to_fit();
  }
  memory_ = 0;
}

std::vector<std::int32_t> PaymentStore::days() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::int32_t> numbers;
  for (const auto& [number, day] : days_) numbers.push_back(number);
  return numbers;
}

std::uint64_t PaymentStore::row_count(std::int32_t day) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  for (const auto& rows : days_.at(day).rows) count += rows.size();
  for (const Part& part : days_.at(day).spilled) count += part.rows;
  return count;
}

void PaymentStore::visit(std::int32_t day,
                         const std::function<void(std::span<const PackedPayment>)>& visit) const {
  const Day* found = nullptr;
  {
    const std::lock_guard lock(mutex_);
    found = &days_.at(day);
  }
  for (const auto& rows : found->rows) visit(rows);
  std::vector<PackedPayment> buffer;
  for (const Part& part : found->spilled) {
    for (std::size_t done = 0; done < part.rows; done += kVisitRows) {
      buffer.resize(std::min(kVisitRows, part.rows - done));
      spill_->read(part.offset + done * sizeof(PackedPayment), buffer.data(),
                   buffer.size() * sizeof(PackedPayment));
      visit(buffer);
    }
  }
}

void PaymentStore::take_sorted(std::int32_t day, BigVector<PackedPayment>& sorted) {
  Day taken;
  {
    const std::lock_guard lock(mutex_);
    taken = std::move(days_.at(day));
    days_.erase(day);
  }
  for (const Part& part : taken.spilled) {
    BigVector<PackedPayment> rows(part.rows);
    spill_->read(part.offset, rows.data(), rows.size() * sizeof(PackedPayment));
    taken.rows.push_back(std::move(rows));
  }
  sort_day(taken.rows, sorted);
}

void sort_day(std::span<const BigVector<PackedPayment>> parts, BigVector<PackedPayment>& sorted) {
  std::size_t count = 0;
  for (const auto& part : parts) count += part.size();
  sorted.clear();
  if (count < kFewRows) {
    for (const auto& part : parts) sorted.insert(sorted.end(), part.begin(), part.end());
    std::sort(sorted.begin(), sorted.end(), earlier);
    return;
  }
  // A day has few seconds: count them, put each row at its place, then order the ids of a second.
  sorted.resize(count);
  std::vector<std::uint32_t> next(kSecondsPerDay + 1, 0);
  for (const auto& part : parts) {
    for (const PackedPayment& row : part) ++next[row.second() + 1];
  }
  for (std::size_t second = 1; second < next.size(); ++second) next[second] += next[second - 1];
  const std::vector<std::uint32_t> starts = next;
  for (const auto& part : parts) {
    for (const PackedPayment& row : part) sorted[next[row.second()]++] = row;
  }
  for (std::size_t second = 0; second + 1 < starts.size(); ++second) {
    const auto begin = sorted.begin() + starts[second];
    const auto end = sorted.begin() + starts[second + 1];
    const auto by_id = [](const PackedPayment& left, const PackedPayment& right) {
      return left.transaction_id() < right.transaction_id();
    };
    if (!std::is_sorted(begin, end, by_id)) std::sort(begin, end, by_id);
  }
}

}  // namespace weir::files
