#include "core/model/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/transaction/error.h"
#include "core/transaction/hash.h"

namespace weir {
namespace {
using testing::HasSubstr;
using testing::ThrowsMessage;

struct Sample {
  std::vector<float> margins;
  std::vector<std::int8_t> is_fraud;
};

/// Margins uniform in [-6, 6); fraud with probability 1 / (1 + exp(-(slope * margin + intercept))).
Sample logistic_sample(std::size_t rows, double slope, double intercept, std::uint64_t seed = 1) {
  Sample sample;
  for (std::size_t row = 0; row < rows; ++row) {
    const double margin = -6 + 12 * unit_interval(hash64(seed, row));
    const double p = 1 / (1 + std::exp(-(slope * margin + intercept)));
    sample.margins.push_back(static_cast<float>(margin));
    sample.is_fraud.push_back(unit_interval(hash64(seed, row, 1)) < p ? 1 : 0);
  }
  return sample;
}

/// Isotonic regression by its definition: fit(i) = max over a <= i of min over b >= i of
/// mean(a..b).
std::vector<double> naive_isotonic(const std::vector<std::int8_t>& sorted_labels) {
  std::vector<double> fit;
  for (std::size_t i = 0; i < sorted_labels.size(); ++i) {
    double best = 0;
    for (std::size_t a = 0; a <= i; ++a) {
      double lowest = 1;
      double sum = 0;
      for (std::size_t b = a; b < sorted_labels.size(); ++b) {
        sum += sorted_labels[b];
        if (b >= i) lowest = std::min(lowest, sum / static_cast<double>(b - a + 1));
      }
      best = std::max(best, lowest);
    }
    fit.push_back(best);
  }
  return fit;
}

TEST(Calibration, IsotonicHasTheBlocksOfTheDefinition) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Sample sample;
    for (std::size_t row = 0; row < 60; ++row) {
      sample.margins.push_back(static_cast<float>(row));
      sample.is_fraud.push_back(unit_interval(hash64(seed, row)) * 60 < static_cast<double>(row));
    }
    const auto calibration = Calibration::fit_isotonic(sample.margins, sample.is_fraud);
    const auto naive = naive_isotonic(sample.is_fraud);
    // At the mean margin of a block of equal fits stands that fit (ends are kept off 0 and 1).
    for (std::size_t begin = 0; begin < naive.size();) {
      std::size_t end = begin;
      while (end < naive.size() && naive[end] == naive[begin]) ++end;
      const double centre = (static_cast<double>(begin) + static_cast<double>(end - 1)) / 2;
      const bool at_end = begin == 0 || end == naive.size();
      const double tolerance = at_end ? 0.5 / static_cast<double>(end - begin + 1) + 1e-12 : 1e-12;
      EXPECT_NEAR(calibration.probability(static_cast<float>(centre)), naive[begin], tolerance)
          << "seed " << seed << " rows " << begin << " to " << end;
      begin = end;
    }
  }
}

TEST(Calibration, IsotonicFindsTheTrueProbability) {
  const Sample sample = logistic_sample(200'000, 1.3, -0.7);
  const auto calibration = Calibration::fit_isotonic(sample.margins, sample.is_fraud);
  for (float margin = -5; margin <= 5; margin += 0.5F) {
    const double truth = 1 / (1 + std::exp(-(1.3 * static_cast<double>(margin) - 0.7)));
    EXPECT_NEAR(calibration.probability(margin), truth, 0.02) << margin;
  }
}

TEST(Calibration, PlattFindsSlopeAndIntercept) {
  const Sample sample = logistic_sample(200'000, 1.3, -0.7);
  const auto calibration = Calibration::fit_platt(sample.margins, sample.is_fraud);
  const auto logit = [&](float margin) {
    const double p = calibration.probability(margin);
    return std::log(p / (1 - p));
  };
  EXPECT_NEAR(logit(1) - logit(0), 1.3, 0.02);
  EXPECT_NEAR(logit(0), -0.7, 0.02);
}

TEST(Calibration, FewFraudsGetTheSmoothCurve) {
  Sample sample = logistic_sample(500, 1, -2);
  std::size_t frauds = 0;
  for (auto& label : sample.is_fraud) {
    if (label != 0 && ++frauds >= Calibration::kIsotonicFrauds) label = 0;
  }
  EXPECT_EQ(Calibration::fit(sample.margins, sample.is_fraud).method(),
            Calibration::Method::kPlatt);
  const auto genuine = std::find(sample.is_fraud.begin(), sample.is_fraud.end(), 0);
  *genuine = 1;
  if (frauds >= Calibration::kIsotonicFrauds) {
    EXPECT_EQ(Calibration::fit(sample.margins, sample.is_fraud).method(),
              Calibration::Method::kIsotonic);
  }
}

TEST(Calibration, AHigherMarginIsNeverSafer) {
  const Sample sample = logistic_sample(3'000, 0.6, -1);
  for (const auto& calibration : {Calibration::fit_isotonic(sample.margins, sample.is_fraud),
                                  Calibration::fit_platt(sample.margins, sample.is_fraud)}) {
    double last = 0;
    for (float margin = -8; margin < 8; margin = std::nextafter(margin, 100.0F) + 0x1p-13F) {
      const double p = calibration.probability(margin);
      ASSERT_GE(p, last) << margin;
      ASSERT_GT(p, 0.0);
      ASSERT_LT(p, 1.0);
      last = p;
    }
    const float infinity = std::numeric_limits<float>::infinity();
    EXPECT_LE(calibration.probability(-infinity), calibration.probability(-8));
    EXPECT_GE(calibration.probability(infinity), last);
    EXPECT_EQ(calibration.probability(std::nanf("")), calibration.probability(-infinity));
  }
}

TEST(Calibration, AModelWorseThanChanceGivesTheBaseRate) {
  const Sample sample = logistic_sample(10'000, -1, 0);
  const auto calibration = Calibration::fit_platt(sample.margins, sample.is_fraud);
  const auto frauds = std::count(sample.is_fraud.begin(), sample.is_fraud.end(), 1);
  EXPECT_NEAR(calibration.probability(-3), static_cast<double>(frauds) / 10'000, 1e-12);
  EXPECT_EQ(calibration.probability(-3), calibration.probability(3));
}

TEST(Calibration, IsotonicDoesNotDependOnTheOrderOfRows) {
  Sample sample = logistic_sample(5'000, 1, 0);
  const auto forward = Calibration::fit_isotonic(sample.margins, sample.is_fraud);
  std::reverse(sample.margins.begin(), sample.margins.end());
  std::reverse(sample.is_fraud.begin(), sample.is_fraud.end());
  EXPECT_EQ(Calibration::fit_isotonic(sample.margins, sample.is_fraud).to_json(),
            forward.to_json());
}

TEST(Calibration, ReadsBackToTheBit) {
  const Sample sample = logistic_sample(2'000, 1, 0);
  for (const auto& calibration : {Calibration::fit_isotonic(sample.margins, sample.is_fraud),
                                  Calibration::fit_platt(sample.margins, sample.is_fraud)}) {
    EXPECT_EQ(Calibration::parse(calibration.to_json(), "c.json"), calibration);
  }
}

TEST(Calibration, SaysWhatItCannotFit) {
  const std::vector<float> margins = {1, 2, 3};
  const std::vector<std::int8_t> genuine = {0, 0, 0};
  EXPECT_THAT([&] { Calibration::fit(margins, genuine); },
              ThrowsMessage<Error>(HasSubstr("3 payments of which 0 are fraud; choose")));
  const std::vector<float> bad = {1, std::nanf(""), 3};
  const std::vector<std::int8_t> both = {0, 0, 1};
  EXPECT_THAT([&] { Calibration::fit(bad, both); },
              ThrowsMessage<Error>(HasSubstr("margin of row 1 is nan")));
}

TEST(Calibration, ABadFileNamesTheFault) {
  const auto parse = [](const char* text) {
    return [text] { Calibration::parse(text, "c.json"); };
  };
  EXPECT_THAT(parse("{"), ThrowsMessage<Error>(HasSubstr("\"c.json\": wanted a JSON object")));
  EXPECT_THAT(parse(R"({"method": "beta"})"),
              ThrowsMessage<Error>(HasSubstr("\"beta\", wanted isotonic or platt")));
  EXPECT_THAT(parse(R"({"method": "platt", "slope": -1, "intercept": 0})"),
              ThrowsMessage<Error>(HasSubstr("slope is -1")));
  EXPECT_THAT(parse(R"({"method": "platt", "slope": 1})"),
              ThrowsMessage<Error>(HasSubstr("intercept must be a number")));
  EXPECT_THAT(parse(R"({"method": "isotonic", "margin": [], "probability": []})"),
              ThrowsMessage<Error>(HasSubstr("margin must be a list of numbers")));
  EXPECT_THAT(parse(R"({"method": "isotonic", "margin": [1, 2], "probability": [0.5]})"),
              ThrowsMessage<Error>(HasSubstr("2 margins but 1 probabilities")));
  EXPECT_THAT(parse(R"({"method": "isotonic", "margin": [1, 2], "probability": [0.5, 0.4]})"),
              ThrowsMessage<Error>(HasSubstr("knot 1 falls below")));
  EXPECT_THAT(parse(R"({"method": "isotonic", "margin": [2, 2], "probability": [0.5, 0.5]})"),
              ThrowsMessage<Error>(HasSubstr("knot 1 falls below")));
  EXPECT_THAT(parse(R"({"method": "isotonic", "margin": [1], "probability": [1.5]})"),
              ThrowsMessage<Error>(HasSubstr("probability 0 is 1.5")));
  EXPECT_THAT(parse(R"({"method": "isotonic", "margin": ["a"], "probability": [1]})"),
              ThrowsMessage<Error>(HasSubstr("margin holds \"a\"")));
}

}  // namespace
}  // namespace weir
