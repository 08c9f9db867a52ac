#include "edge/journal/unfiled.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace weir::journal {
namespace {

using Filer = Unfiled::Filer;

Record entry(std::uint64_t position, std::size_t note_bytes) {
  Record record;
  record.kind = RecordKind::kFeedback;
  record.position = position;
  record.payment.transaction_id = static_cast<std::int64_t>(position);
  record.note.assign(note_bytes, 'x');
  return record;
}

EntryBatch batch(std::uint64_t position, std::size_t note_bytes) {
  EntryBatch made;
  made.add(entry(position, note_bytes));
  return made;
}

TEST(Unfiled, ThePatientOneFilesAndTheHastyOneWhereMuchHasGathered) {
  Unfiled unfiled;
  unfiled.add(batch(1, 10));
  EXPECT_EQ(unfiled.take(Filer::kHasty), nullptr);
  const EntryBatch* part = unfiled.take(Filer::kPatient);
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(part->entries().front().position, 1u);
  // One at a time, whatever comes meanwhile.
  unfiled.add(batch(2, Unfiled::kMuch));
  EXPECT_EQ(unfiled.take(Filer::kHasty), nullptr);
  unfiled.filed();
  EXPECT_EQ(unfiled.take(Filer::kPatient), nullptr);
  part = unfiled.take(Filer::kHasty);
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(part->entries().front().position, 2u);
  unfiled.filed();
  EXPECT_EQ(unfiled.bytes(), 0u);
}

TEST(Unfiled, WhatWasNotFiledIsGivenAgain) {
  Unfiled unfiled;
  unfiled.add(batch(1, 10));
  ASSERT_NE(unfiled.take(Filer::kPatient), nullptr);
  unfiled.not_filed();
  unfiled.add(batch(2, Unfiled::kMuch));
  const EntryBatch* part = unfiled.take(Filer::kHasty);
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(part->entries().front().position, 1u);
}

TEST(Unfiled, WhoeverWaitsIsServedByTheHastyOne) {
  Unfiled unfiled;
  unfiled.add(batch(1, 10));
  std::thread filer([&] {
    while (unfiled.take(Filer::kHasty) == nullptr) {
    }
    unfiled.filed();
  });
  EXPECT_TRUE(unfiled.wait_below(1, [] { return false; }));
  filer.join();
}

TEST(Unfiled, AtTheEndTheHastyOneTakesTheRest) {
  Unfiled unfiled;
  unfiled.add(batch(1, 10));
  unfiled.end();
  EXPECT_EQ(unfiled.take(Filer::kPatient), nullptr);
  ASSERT_NE(unfiled.take(Filer::kHasty), nullptr);
  unfiled.filed();
  EXPECT_EQ(unfiled.take(Filer::kHasty), nullptr);
}

TEST(Unfiled, AtTheEndTheHastyOneAwaitsWhatThePatientOneHasInHand) {
  Unfiled unfiled;
  unfiled.add(batch(1, 10));
  ASSERT_NE(unfiled.take(Filer::kPatient), nullptr);
  unfiled.add(batch(2, 10));
  unfiled.end();
  std::thread patient([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    unfiled.filed();
  });
  const EntryBatch* part = unfiled.take(Filer::kHasty);
  patient.join();
  ASSERT_NE(part, nullptr);
  EXPECT_EQ(part->entries().front().position, 2u);
}

}  // namespace
}  // namespace weir::journal
