// A forest of 300 trees of depth 6 on 32 inputs: every scorer this processor runs against XGBoost's
// own calls, one row at a time and in a batch, in one thread.
//
// Usage: model_bench [ROUNDS]        (default 7)
// First the answer: every margin of every scorer equals XGBoost's to the bit on 20,000 rows without
// missing inputs and 20,000 with 15 % of them; exit 1 when one does not. Then each round times all
// contenders after one another (A B C A B C …). Printed: the median over rounds of the round's p50,
// p99 and batch mean, and in brackets the lowest and highest p50 of a round.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "core/model/scorer.h"
#include "core/model/test_booster.h"

namespace {
using namespace weir;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kFeatures = 32;
constexpr std::size_t kRows = 20'000;
constexpr int kTrees = 300;

double microseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

/// Trained once, then kept in the build folder.
std::string model_bytes() {
  const std::string path = WEIR_BUILD_DIR "/bench/model_300x6x32.ubj";
  if (std::ifstream cached(path, std::ios::binary); cached) {
    return {std::istreambuf_iterator<char>(cached), {}};
  }
  fmt::print(stderr, "training {} trees once\n", kTrees);
  const TestBooster booster = TestBooster::train(
      test_rows(100'000, kFeatures, 0.15, 1),
      {{"max_depth", "6"}, {"max_bin", "256"}, {"eta", "0.1"}, {"nthread", "2"}}, kTrees);
  std::string bytes = booster.save("ubj");
  std::ofstream(path, std::ios::binary) << bytes;
  return bytes;
}

struct Contender {
  std::string name;
  std::function<float(const float* row)> one;
  std::function<void(const float* rows, std::size_t count, float* out)> batch;
  std::size_t calls = kRows;  // Timed one-row calls a round.
  std::vector<double> p50 = {}, p99 = {}, mean = {};
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

/// Whether both ways of calling `contender` give the bits of `expected`.
bool same_bits(Contender& contender, const TestRows& data, const std::vector<float>& expected) {
  std::vector<float> batch(data.size());
  contender.batch(data.values.data(), data.size(), batch.data());
  for (std::size_t r = 0; r < data.size(); ++r) {
    for (const float got : {contender.one(data.row(r)), batch[r]}) {
      if (std::bit_cast<std::uint32_t>(got) != std::bit_cast<std::uint32_t>(expected[r])) {
        fmt::print("{}: row {} has margin {}, XGBoost {}\n", contender.name, r, got, expected[r]);
        return false;
      }
    }
  }
  return true;
}

void time_round(Contender& contender, const TestRows& data) {
  std::vector<double> times;
  times.reserve(contender.calls);
  float sum = 0;
  for (std::size_t r = 0; r < contender.calls; ++r) {
    const float* row = data.row(r);
    const auto start = Clock::now();
    sum += contender.one(row);
    times.push_back(microseconds(Clock::now() - start));
  }
  std::sort(times.begin(), times.end());
  contender.p50.push_back(times[times.size() / 2]);
  contender.p99.push_back(times[times.size() * 99 / 100]);
  std::vector<float> out(data.size());
  const auto start = Clock::now();
  contender.batch(data.values.data(), data.size(), out.data());
  contender.mean.push_back(microseconds(Clock::now() - start) / static_cast<double>(data.size()));
  if (sum + out[0] == 0.125F) fmt::print(" ");  // Keeps the results alive.
}

double clock_cost() {
  std::vector<double> times;
  for (int i = 0; i < 10'000; ++i) {
    const auto start = Clock::now();
    times.push_back(microseconds(Clock::now() - start));
  }
  return median(times);
}

void report(const std::vector<Contender>& contenders, std::string_view rows) {
  fmt::print("\n{:<20}{:>10}{:>18}{:>10}{:>10}{:>14}{:>12}\n", rows, "p50 us", "", "p99 us",
             "batch us", "XGBoost p50 /", "batch /");
  const double peer = median(contenders.front().p50);
  const double peer_batch = median(contenders.front().mean);
  for (const Contender& contender : contenders) {
    const auto [low, high] = std::minmax_element(contender.p50.begin(), contender.p50.end());
    fmt::print("{:<20}{:>10.3f}  ({:>6.3f}-{:>6.3f}){:>10.3f}{:>10.3f}{:>13.1f}x{:>11.1f}x\n",
               contender.name, median(contender.p50), *low, *high, median(contender.p99),
               median(contender.mean), peer / median(contender.p50),
               peer_batch / median(contender.mean));
  }
}

int run(int rounds) {
  const std::string bytes = model_bytes();
  TestBooster booster = TestBooster::load(bytes);
  const Forest forest = Forest::parse_ubj(bytes, "model_300x6x32.ubj");
  fmt::print(
      "{} trees of depth {}, {:.1f} leaves on average, {} inputs; a clock reading of {:.3f} us "
      "is in every one-row time\n",
      forest.tree_count(), forest.depth(),
      static_cast<double>(forest.node_count() + kTrees) / 2 / kTrees, forest.feature_count(),
      clock_cost());

  for (const double missing : {0.0, 0.15}) {
    const TestRows data = test_rows(kRows, kFeatures, missing, 2);
    std::vector<Contender> contenders;
    contenders.push_back(
        {"xgboost", [&](const float* row) { return *booster.margins_in_place(row, 1, kFeatures); },
         [&](const float* rows, std::size_t count, float* out) {
           std::copy_n(booster.margins_in_place(rows, count, kFeatures), count, out);
         },
         2'000});
    std::vector<Scorer> scorers;
    for (const ScorerKind kind :
         {ScorerKind::kNaive, ScorerKind::kPortable, ScorerKind::kAvx2, ScorerKind::kVbmi}) {
      if (!Scorer::available(kind)) {
        fmt::print("{}: not on this processor\n", name(kind));
        continue;
      }
      scorers.emplace_back(forest, kind);
      WEIR_CHECK(scorers.back().kind() == kind);
    }
    for (const Scorer& scorer : scorers) {
      contenders.push_back({std::string(name(scorer.kind())),
                            [&](const float* row) { return scorer.margin(row); },
                            [&](const float* rows, std::size_t count, float* out) {
                              scorer.margins(rows, count, out);
                            }});
    }
    const std::vector<float> expected = booster.margins(data);
    for (Contender& contender : contenders) {
      if (!same_bits(contender, data, expected)) return 1;
    }
    for (int round = 0; round < rounds; ++round) {
      for (Contender& contender : contenders) time_round(contender, data);
    }
    report(contenders, missing == 0 ? "no input missing" : "15 % missing");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc > 1 ? std::max(1, std::atoi(argv[1])) : 7);
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
