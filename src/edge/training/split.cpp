#include <fmt/format.h>

#include <algorithm>

#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "edge/training/training.h"

namespace weir::training {
namespace {

constexpr Seconds kValidationShare = 5;  // A fifth of the days.

std::size_t first_row_at(std::span<const Seconds> times, Seconds time) {
  return static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), time) -
                                  times.begin());
}

std::string describe(const BundlePeriod& period) {
  return fmt::format("{} to {}", format_datetime(period.from), format_datetime(period.to));
}

void fill(BundlePeriod& period,
          RowRange& rows,
          const PaymentView& payments,
          const char* what,
          const char* flags) {
  rows.begin = first_row_at(payments.event_time, period.from);
  rows.end = std::max(rows.begin, first_row_at(payments.event_time, period.to));
  period.rows = rows.size();
  const auto labels = payments.is_fraud.subspan(rows.begin, rows.size());
  period.frauds = static_cast<std::uint64_t>(
      std::count_if(labels.begin(), labels.end(), [](std::int8_t label) { return label != 0; }));
  const auto fail = [&](const char* problem, const char* way_out) {
    throw Error(fmt::format("cannot train: the {} period {} {}; {}{}", what, describe(period),
                            problem, way_out, flags));
  };
  if (rows.size() == 0) fail("has no payments", "give a longer table, or set ");
  if (period.frauds == 0) fail("has no fraud", "give a longer table, or set ");
  if (period.frauds == period.rows) fail("has nothing but fraud", "check the labels, or set ");
}

void check_rows(const PaymentView& payments) {
  if (payments.size() == 0) throw Error("cannot train: the feature table has no rows");
  if (!payments.has_labels()) {
    throw Error("cannot train: the feature table has no labels; make it from labelled payments");
  }
}

}  // namespace

TrainingSplit split_by_time(const PaymentView& payments,
                            Seconds label_delay,
                            const TrainingSettings& settings) {
  check_rows(payments);
  const Seconds first = day_start(payments.event_time.front());
  const Seconds end = day_start(payments.event_time.back()) + kSecondsPerDay;
  TrainingSplit split;
  BundlePeriod& training = split.training_period;
  BundlePeriod& validation = split.validation_period;
  validation.to = settings.valid_to.value_or(end);
  const Seconds days =
      std::max<Seconds>(1, (validation.to - first) / kSecondsPerDay / kValidationShare);
  validation.from = settings.valid_from.value_or(validation.to - days * kSecondsPerDay);
  training.from = settings.train_from.value_or(first);
  training.to = settings.train_to.value_or(validation.from - label_delay);
  if (training.to > validation.from - label_delay) {
    throw UsageError(fmt::format(
        "training to {} overlaps what was not known when validation begins at {}: labels come {} "
        "after the payment; set --train-to to {} or earlier",
        format_datetime(training.to), format_datetime(validation.from),
        format_duration(label_delay), format_date(validation.from - label_delay)));
  }
  if (training.to <= training.from) {
    throw Error(fmt::format(
        "cannot train: the payments span {} to {}, and before validation begins at {} no label is "
        "known (they come {} after the payment); give a longer table, or set --valid-from",
        format_date(first), format_date(end), format_datetime(validation.from),
        format_duration(label_delay)));
  }
  fill(training, split.training, payments, "training", "--train-from and --train-to");
  fill(validation, split.validation, payments, "validation", "--valid-from and --valid-to");
  return split;
}

TrainingSplit split_after(const PaymentView& payments,
                          const BundlePeriod& training,
                          Seconds label_delay,
                          const TrainingSettings& settings) {
  check_rows(payments);
  TrainingSplit split;
  split.training_period = training;
  BundlePeriod& validation = split.validation_period;
  const Seconds known = training.to + label_delay;
  validation.from = settings.valid_from.value_or(known);
  validation.to =
      settings.valid_to.value_or(day_start(payments.event_time.back()) + kSecondsPerDay);
  if (validation.from < known) {
    throw UsageError(fmt::format(
        "validation from {} overlaps what the forest learned from: its payments go to {} and their "
        "labels come {} later; set --valid-from to {} or later",
        format_datetime(validation.from), format_datetime(training.to),
        format_duration(label_delay), format_datetime(known)));
  }
  fill(validation, split.validation, payments, "validation", "--valid-from and --valid-to");
  return split;
}

}  // namespace weir::training
