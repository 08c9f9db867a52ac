#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>

#include "cli/command.h"
#include "core/evaluation/loop_outcome.h"
#include "core/evaluation/paired_comparison.h"

namespace weir::cli {

struct CompareOptions {
  std::string champion;  ///< Decisions of `weir replay`, as the challenger's.
  std::string challenger;
  std::string lake;  ///< Where the labels are, when the decisions hold none.
  std::string out = "out/compare";
  ComparisonOptions comparison;
  int threads = 0;
};

struct CompareResult {
  std::string champion_version;  ///< Of the model, from the file.
  std::string challenger_version;
  std::uint64_t payments = 0;
  std::uint64_t frauds = 0;
  std::uint64_t differing = 0;  ///< Payments that one side touched or executed and the other not.
  LoopOutcome champion{0, 1};
  LoopOutcome challenger{0, 1};
  Comparison comparison;
};

/// Judges two replays of the same payments. Writes comparison.html and comparison.json into `out`.
///
/// Throws Error when the files are not of the same payments, or no labels are at hand.
CompareResult run_compare(const CompareOptions& options, Progress& progress);

/// The page of a result.
std::string comparison_page(const CompareResult& result, const CompareOptions& options);

/// The document of a result; numbers that are not finite are null.
std::string comparison_json(const CompareResult& result, const CompareOptions& options);

/// `damage in 30 days`, … and how a value of it is written.
std::string compared_measure_name(ComparedMeasure measure);
std::string compared_value(ComparedMeasure measure, double value);
std::string compared_difference(ComparedMeasure measure, double value);

/// `41 days`, or why no number of days will do.
std::string days_needed_text(double days);

void add_compare_command(CLI::App& weir, Terminal& terminal);

}  // namespace weir::cli
