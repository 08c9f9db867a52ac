// How fast features are computed at the shape of the course's data: 1,000,000 customers, 1,000
// terminals, 1.57 M payments a day, from columns in memory into columns in memory.
//
//   build/release/bench/features_bench [--days 35] [--threads 1] [--live 4000000]
//   build/release/bench/features_bench --payments FILE.parquet --spec SPEC.toml --dump OUT
//   --threads 2
//
// The second form is for bench/features_vs_polars.py: it prints the wall seconds of one run over
// the payments of a file and leaves the columns, float32 one after the other, in OUT.
//
// Checks the answer first: a small stream, batch against live against brute force, to the bit.
// Then, for each built-in spec: all rows in batch (preparation included; `steady` = the last day,
// when 30 days are live), and the live engine one payment at a time.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/features/feature_batch.h"
#include "core/features/feature_engine.h"
#include "core/features/naive_features.h"
#include "core/transaction/hash.h"
#include "edge/files/lake.h"
#include "edge/files/staged.h"

namespace weir {
namespace {

using Clock = std::chrono::steady_clock;

/// Processor time of this thread: what a core needs, also on a machine that others use.
double core_seconds() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Shape {
  std::int64_t customers;
  std::int64_t terminals;
  std::int64_t payments_a_day;
  std::int64_t days;
};

/// Payments in batch order; customers pay at their own rates, as in the simulator.
PaymentColumns make_payments(const Shape& shape) {
  const auto rows = static_cast<std::size_t>(shape.payments_a_day * shape.days);
  PaymentColumns payments;
  payments.reserve(rows);
  std::uint64_t counter = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    std::int64_t customer = 0;
    do {  // Rates are uniform over the customers.
      const std::uint64_t bits = hash64(1, ++counter);
      customer =
          static_cast<std::int64_t>((bits >> 32) % static_cast<std::uint64_t>(shape.customers));
      if ((bits & 0xFFFF) <= (hash64(2, static_cast<std::uint64_t>(customer)) & 0xFFFF)) break;
    } while (true);
    const std::uint64_t bits = hash64(3, counter);
    const Seconds time =
        1'566'432'000 + static_cast<Seconds>(row) * kSecondsPerDay / shape.payments_a_day;
    payments.push_back(
        {static_cast<std::int64_t>(row), time, customer,
         static_cast<std::int64_t>(bits % static_cast<std::uint64_t>(shape.terminals)),
         static_cast<std::int64_t>(bits >> 40) % 11'000},
        {static_cast<std::int8_t>((bits >> 32 & 63) == 0), 0});
  }
  return payments;
}

constexpr Seconds kLabelDelay = 7 * kSecondsPerDay;

template <typename Engine>
std::vector<float> by_events(const PaymentView& payments, const FeatureSpec& spec) {
  Engine engine(spec);
  std::vector<float> rows(payments.size() * spec.size());
  std::size_t matured = 0;
  for (std::size_t i = 0; i < payments.size(); ++i) {
    for (; matured < i && payments.event_time[matured] + kLabelDelay <= payments.event_time[i];
         ++matured) {
      engine.apply(Feedback{payments[matured],
                            payments.is_fraud[matured] == 1 ? Outcome::kFraud : Outcome::kGenuine,
                            OutcomeSource::kMaturity, payments.event_time[matured] + kLabelDelay});
    }
    engine.apply(payments[i], std::span(rows).subspan(i * spec.size(), spec.size()));
  }
  return rows;
}

bool check_answer(const FeatureSpec& spec) {
  const PaymentColumns payments = make_payments({50, 8, 60, 50});
  const FeatureMatrix batch = compute_features(payments.view(), spec, kLabelDelay);
  const std::vector<float> live = by_events<FeatureEngine>(payments.view(), spec);
  const std::vector<float> naive = by_events<NaiveFeatures>(payments.view(), spec);
  for (std::size_t row = 0; row < payments.size(); ++row) {
    for (std::size_t c = 0; c < spec.size(); ++c) {
      const auto bits = std::bit_cast<std::uint32_t>(batch.column(c)[row]);
      if (bits != std::bit_cast<std::uint32_t>(live[row * spec.size() + c]) ||
          bits != std::bit_cast<std::uint32_t>(naive[row * spec.size() + c])) {
        fmt::print("{}: {} of row {} differs\n", spec.name(), spec.names()[c], row);
        return false;
      }
    }
  }
  fmt::print("{}: {} rows x {} inputs equal in batch, live and brute force\n", spec.name(),
             payments.size(), spec.size());
  return true;
}

/// All rows through one chunk of columns, as a writer of files would take them.
void time_batch(const PaymentColumns& payments,
                const FeatureSpec& spec,
                std::size_t last_day_rows,
                int threads) {
  constexpr std::size_t kChunk = 1 << 18;
  FeatureMatrix chunk(kChunk, spec.size());
  std::vector<float*> columns;
  for (std::size_t c = 0; c < spec.size(); ++c) {
    columns.push_back(chunk.column(c).data());
    std::fill_n(columns.back(), kChunk, 0.0F);
  }
  const auto start = Clock::now();
  const double core_start = core_seconds();
  FeatureBatch batch(payments.view(), spec, kLabelDelay);
  const double checks = core_seconds() - core_start;
  const std::size_t steady_from = payments.size() - last_day_rows;
  std::vector<double> whole(batch.part_count());
  std::vector<double> steady(batch.part_count());
  const auto run_part = [&](std::size_t part) {
    const double part_start = core_seconds();
    double steady_start = part_start;
    for (std::size_t begin = 0; begin < payments.size();) {
      if (begin == steady_from) steady_start = core_seconds();
      const std::size_t end =
          std::min(begin < steady_from ? steady_from : payments.size(), begin + kChunk);
      batch.compute(part, begin, end, columns);
      begin = end;
    }
    steady[part] = core_seconds() - steady_start;
    whole[part] = core_seconds() - part_start;
  };
  if (threads == 1) {
    for (std::size_t part = 0; part < batch.part_count(); ++part) run_part(part);
  } else {
    std::vector<std::jthread> workers;
    for (std::size_t part = 0; part < batch.part_count(); ++part) {
      workers.emplace_back(run_part, part);
    }
  }
  const double wall = seconds_since(start);
  const auto rows = static_cast<double>(payments.size());
  const auto last_rows = static_cast<double>(last_day_rows);
  const double core = checks + std::accumulate(whole.begin(), whole.end(), 0.0);
  const double last = std::accumulate(steady.begin(), steady.end(), 0.0);
  fmt::print("batch {:<9} {:5.2f} M payments/s a core = {:.1f} ns (checks {:.1f}", spec.name(),
             rows / core / 1e6, core / rows * 1e9, checks / rows * 1e9);
  for (const double part : whole) fmt::print(", {:.1f}", part / rows * 1e9);
  fmt::print("); last day {:.1f} ns (", last / last_rows * 1e9);
  for (const double part : steady) fmt::print(" {:.1f}", part / last_rows * 1e9);
  fmt::print(" ); wall {:.2f} M/s on {} thread(s)\n", rows / wall / 1e6, threads);
}

void time_live(const PaymentColumns& payments, const FeatureSpec& spec, std::size_t rows) {
  FeatureEngine engine(spec);
  std::vector<float> row(spec.size());
  std::vector<std::uint32_t> nanoseconds;
  nanoseconds.reserve(rows);
  const PaymentView view = payments.view();
  std::size_t matured = 0;
  const double start = core_seconds();
  for (std::size_t i = 0; i < rows; ++i) {
    for (; matured < i && view.event_time[matured] + kLabelDelay <= view.event_time[i]; ++matured) {
      engine.apply(Feedback{view[matured],
                            view.is_fraud[matured] == 1 ? Outcome::kFraud : Outcome::kGenuine,
                            OutcomeSource::kMaturity, view.event_time[matured] + kLabelDelay});
    }
    const auto before = Clock::now();
    engine.apply(view[i], row);
    nanoseconds.push_back(static_cast<std::uint32_t>((Clock::now() - before).count()));
  }
  const double total = core_seconds() - start;
  const auto last = nanoseconds.end() - static_cast<std::ptrdiff_t>(rows / 4);
  std::sort(last, nanoseconds.end());
  const auto at = [&](double share) {
    return last[static_cast<std::ptrdiff_t>(static_cast<double>(rows / 4 - 1) * share)];
  };
  fmt::print(
      "live   {:<9} one by one:  {:6.2f} M payments/s with their feedback; one payment p50 {} "
      "p99 {} p99.9 {} ns; {:.1f} B a live payment\n",
      spec.name(), static_cast<double>(rows) / total / 1e6, at(0.5), at(0.99), at(0.999),
      static_cast<double>(engine.memory_bytes()) / static_cast<double>(rows));
}

/// Columns in memory to columns in memory, preparation included.
void time_file(const std::string& file,
               const std::string& spec_file,
               const std::string& dump,
               int threads) {
  const PaymentColumns payments = files::read_payment_file(file);
  const FeatureSpec spec = FeatureSpec::parse(files::read_text(spec_file), spec_file);
  const auto start = Clock::now();
  FeatureMatrix features(payments.size(), spec.size());
  std::vector<float*> columns;
  for (std::size_t c = 0; c < spec.size(); ++c) columns.push_back(features.column(c).data());
  FeatureBatch batch(payments.view(), spec, kLabelDelay);
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t part = next++; part < batch.part_count(); part = next++) {
      batch.compute(part, 0, payments.size(), columns);
    }
  };
  {
    std::vector<std::jthread> workers;
    for (int thread = 1; thread < threads; ++thread) workers.emplace_back(work);
    work();
  }
  fmt::print("{:.6f}\n", seconds_since(start));
  std::ofstream out(dump, std::ios::binary);
  for (const float* column : columns) {
    out.write(reinterpret_cast<const char*>(column),
              static_cast<std::streamsize>(payments.size() * sizeof(float)));
  }
}

int run(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Shape shape{1'000'000, 1'000, 1'566'000, 35};
  int threads = 1;
  std::string payments_file;
  std::string spec_file;
  std::string dump;
  std::size_t live_rows = 4'000'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    const char* value = argv[i + 1];
    if (flag == "--days") shape.days = std::atoll(value);
    if (flag == "--customers") shape.customers = std::atoll(value);
    if (flag == "--terminals") shape.terminals = std::atoll(value);
    if (flag == "--a-day") shape.payments_a_day = std::atoll(value);
    if (flag == "--threads") threads = std::atoi(value);
    if (flag == "--live") live_rows = static_cast<std::size_t>(std::atoll(value));
    if (flag == "--payments") payments_file = value;
    if (flag == "--spec") spec_file = value;
    if (flag == "--dump") dump = value;
  }
  if (!payments_file.empty()) {
    time_file(payments_file, spec_file, dump, threads);
    return 0;
  }
  for (const char* name : {"handbook", "weir"}) {
    if (!check_answer(FeatureSpec::builtin(name))) return 1;
  }
  const PaymentColumns payments = make_payments(shape);
  fmt::print("{} payments, {} customers, {} terminals, {} days\n", payments.size(), shape.customers,
             shape.terminals, shape.days);
  for (const char* name : {"handbook", "weir"}) {
    const FeatureSpec spec = FeatureSpec::builtin(name);
    time_batch(payments, spec, static_cast<std::size_t>(shape.payments_a_day), threads);
  }
  for (const char* name : {"handbook", "weir"}) {
    time_live(payments, FeatureSpec::builtin(name), std::min(payments.size(), live_rows));
  }
  return 0;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) { return weir::run(argc, argv); }
