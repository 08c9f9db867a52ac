#include "core/evaluation/loop_outcome.h"

#include <bit>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"

namespace weir {
namespace {

constexpr double kDaysOfAMonth = 30;
constexpr double kKopecks = 100;

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

double LoopCounts::false_positive_rate() const { return share(genuine_touched(), genuine()); }
double LoopCounts::false_negative_rate() const { return share(frauds_through, frauds); }
double LoopCounts::false_positives_of_all() const { return share(genuine_touched(), payments); }
double LoopCounts::false_negatives_of_all() const { return share(frauds_through, payments); }
double LoopCounts::genuine_lost_rate() const { return share(genuine_lost, genuine()); }
double LoopCounts::precision() const { return share(frauds_touched, challenged + declined); }
double LoopCounts::damage_of_exposure() const {
  return exposure_minor == 0
             ? 0.0
             : static_cast<double>(damage_minor) / static_cast<double>(exposure_minor);
}

LoopCounts& LoopCounts::operator+=(const LoopCounts& other) {
  payments += other.payments;
  challenged += other.challenged;
  declined += other.declined;
  frauds += other.frauds;
  frauds_challenged += other.frauds_challenged;
  frauds_through += other.frauds_through;
  frauds_passed += other.frauds_passed;
  frauds_touched += other.frauds_touched;
  genuine_lost += other.genuine_lost;
  reviewed += other.reviewed;
  amount_minor += other.amount_minor;
  exposure_minor += other.exposure_minor;
  damage_minor += other.damage_minor;
  genuine_lost_minor += other.genuine_lost_minor;
  return *this;
}

LoopOutcome::LoopOutcome(Seconds from, Seconds to)
    : from_(from), to_(to), first_day_(day_start(from)) {
  WEIR_CHECK(from < to);
  cells_.resize(static_cast<std::size_t>((to - 1 - first_day_) / kSecondsPerDay + 1));
}

void LoopOutcome::see_new_range(std::uint64_t customer_id) {
  if (customer_id >= kDenseCustomers) {
    seen_elsewhere_.insert(customer_id);
    return;
  }
  // A power of two: grows a few times in all.
  seen_.resize(std::bit_ceil(customer_id / 64 + 1));
  seen_[customer_id / 64] |= std::uint64_t{1} << (customer_id % 64);
}

void LoopOutcome::merge(const LoopOutcome& other) {
  WEIR_CHECK(from_ == other.from_ && to_ == other.to_);
  for (std::size_t day = 0; day < cells_.size(); ++day) {
    for (std::size_t number = 0; number < kScenarios; ++number) {
      cells_[day][number] += other.cells_[day][number];
    }
  }
  if (seen_.size() < other.seen_.size()) seen_.resize(other.seen_.size());
  for (std::size_t word = 0; word < other.seen_.size(); ++word) seen_[word] |= other.seen_[word];
  seen_elsewhere_.insert(other.seen_elsewhere_.begin(), other.seen_elsewhere_.end());
}

double LoopOutcome::days() const {
  return static_cast<double>(to_ - from_) / static_cast<double>(kSecondsPerDay);
}

LoopCounts LoopOutcome::scenario(std::size_t number) const {
  WEIR_CHECK(number < kScenarios);
  LoopCounts sum;
  for (const auto& cell : cells_) sum += cell[number];
  return sum;
}

LoopCounts LoopOutcome::total() const {
  LoopCounts sum;
  for (std::size_t number = 0; number < kScenarios; ++number) sum += scenario(number);
  return sum;
}

Seconds LoopOutcome::day_start_of(std::size_t day) const {
  return first_day_ + static_cast<Seconds>(day) * kSecondsPerDay;
}

LoopCounts LoopOutcome::day(std::size_t day) const {
  WEIR_CHECK(day < cells_.size());
  LoopCounts sum;
  for (const LoopCounts& counts : cells_[day]) sum += counts;
  return sum;
}

std::uint64_t LoopOutcome::customers() const {
  std::uint64_t count = seen_elsewhere_.size();
  for (const std::uint64_t word : seen_) count += static_cast<std::uint64_t>(std::popcount(word));
  return count;
}

double LoopOutcome::per_month(std::int64_t amount_minor) const {
  return static_cast<double>(amount_minor) / kKopecks * kDaysOfAMonth / days();
}

double LoopOutcome::damage_roubles_per_month() const { return per_month(total().damage_minor); }
double LoopOutcome::exposure_roubles_per_month() const { return per_month(total().exposure_minor); }
double LoopOutcome::genuine_lost_roubles_per_month() const {
  return per_month(total().genuine_lost_minor);
}

double LoopOutcome::challenges_per_day() const {
  return static_cast<double>(total().challenged) / days();
}

double LoopOutcome::challenges_per_customer_month() const {
  return share(total().genuine_challenged(), customers()) * kDaysOfAMonth / days();
}

}  // namespace weir
