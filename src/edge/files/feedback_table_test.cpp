#include "edge/files/feedback_table.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/transaction/error.h"
#include "edge/files/decision_table.h"

namespace weir::files {
namespace {

std::filesystem::path place(const std::string& name) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "feedback_table";
  std::filesystem::create_directories(folder);
  return folder / name;
}

TEST(FeedbackTable, IsReadAsItWasWritten) {
  std::vector<Feedback> all;
  for (std::int64_t id = 0; id < 9; ++id) {
    Feedback one{{id, 1'600'000'000 + id, id % 3, id % 2, 100 * id},
                 static_cast<Outcome>(id % 3),
                 static_cast<OutcomeSource>(id % 4),
                 1'600'000'900 + id};
    if (id % 2 == 0) one.beliefs = {0.1F, 0.2F, 0.3F, 0.4F};
    one.challenged = id % 3 == 1;
    all.push_back(one);
  }
  const auto file = place("all.parquet");
  {
    FeedbackTableWriter writer(file);
    writer.append(std::span(all).first(4));
    writer.append(std::span(all).subspan(4));
    writer.commit();
  }
  EXPECT_EQ(read_feedback(file.string()), all);
}

TEST(FeedbackTable, NamesWhatIsMissing) {
  PaymentColumns payments;
  payments.push_back({1, 1'600'000'000, 2, 3, 400});
  const std::vector<Decision> decisions(1);
  const auto file = place("decisions.parquet");
  write_decisions(file, payments.view(), decisions, "v");
  try {
    read_feedback(file.string());
    FAIL() << "read decisions as feedback";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("column outcome is missing"), std::string::npos)
        << error.what();
  }
  EXPECT_THROW(read_feedback(place("none.parquet").string()), Error);
}

}  // namespace
}  // namespace weir::files
