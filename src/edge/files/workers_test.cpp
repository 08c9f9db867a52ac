#include "edge/files/workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/transaction/error.h"

namespace weir::files {
namespace {

TEST(Workers, CallEachIndexOnce) {
  for (const int threads : {1, 2, 7}) {
    std::vector<std::atomic<int>> calls(1000);
    WorkerState state;
    Progress silent;
    for_each_index(calls.size(), threads, silent, state, [&](std::size_t i) { ++calls[i]; });
    for (const auto& count : calls) EXPECT_EQ(count, 1);
  }
}

TEST(Workers, AnErrorStopsTheOthersAndIsThrownToTheCaller) {
  WorkerState state;
  Progress silent;
  EXPECT_THAT(
      [&] {
        for_each_index(1'000'000, 2, silent, state, [&](std::size_t i) {
          if (i == 3) throw Error("third");
        });
      },
      testing::ThrowsMessage<Error>("third"));
  EXPECT_TRUE(state.stop);
}

TEST(Workers, AnInterruptReachesTheWorkers) {
  struct Stopping : Progress {
    void update(std::uint64_t) override { throw Interrupted("stop"); }
  } stopping;
  WorkerState state;
  EXPECT_THROW(for_each_index(2, 2, stopping, state,
                              [&](std::size_t) {
                                while (!state.stop) {
                                }
                              }),
               Interrupted);
}

}  // namespace
}  // namespace weir::files
