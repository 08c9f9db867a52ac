#include "core/features/feature_batch.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <vector>

#include "core/features/batch_part.h"
#include "core/features/feature_arithmetic.h"
#include "core/features/feature_engine.h"
#include "core/features/key_plan.h"
#include "core/transaction/calendar.h"
#include "core/transaction/error.h"
#include "core/transaction/money.h"

namespace weir {

FeatureMatrix::FeatureMatrix(std::size_t rows, std::size_t columns)
    : rows_(rows),
      columns_(columns),
      values_(std::make_unique_for_overwrite<float[]>(rows * columns)) {}

namespace {

/// What the checks of the rows find on the way.
struct AmountRange {
  std::int64_t largest = 0;
  WideSum squares = 0;
};

AmountRange check_rows(const PaymentView& payments) {
  if (payments.size() >= std::numeric_limits<std::uint32_t>::max()) {
    throw Error(
        fmt::format("{} payments are too many for one batch of features (2^32 - 2); use a "
                    "shorter period",
                    payments.size()));
  }
  AmountRange range;
  for (std::size_t row = 0; row < payments.size(); ++row) {
    const Seconds time = payments.event_time[row];
    const std::int64_t amount = payments.amount_minor[row];
    if (row > 0 && (time < payments.event_time[row - 1] ||
                    (time == payments.event_time[row - 1] &&
                     payments.transaction_id[row] < payments.transaction_id[row - 1]))) {
      throw Error(fmt::format(
          "payment {} at {} stands after payment {} at {}; sort by event_time "
          "and transaction_id, or run weir clean",
          payments.transaction_id[row], format_datetime(time), payments.transaction_id[row - 1],
          format_datetime(payments.event_time[row - 1])));
    }
    if (time < 0 || time > Seconds{0xFFFF'FFFF} || amount < 0 || amount > kMaxAmountMinor) {
      throw Error(
          fmt::format("payment {}: event_time {} s (1970..2105 wanted) or amount {} kopecks "
                      "(0..{} wanted) out of range; run weir clean first",
                      payments.transaction_id[row], time, amount, kMaxAmountMinor));
    }
    range.largest = std::max(range.largest, amount);
    range.squares += static_cast<WideSum>(amount) * static_cast<WideSum>(amount);
  }
  return range;
}

/// The live engine fed in order: for amounts past what the compact records hold.
class LiveReplay {
 public:
  LiveReplay(const PaymentView& payments, const FeatureSpec& spec, Seconds label_delay)
      : payments_(payments), engine_(spec), label_delay_(label_delay), row_(spec.size()) {}

  void compute(std::size_t begin, std::size_t end, std::span<float* const> columns) {
    for (std::size_t row = begin; row < end; ++row) {
      for (; payments_.has_labels() && matured_ < row &&
             payments_.event_time[matured_] + label_delay_ <= payments_.event_time[row];
           ++matured_) {
        engine_.apply(
            Feedback{payments_[matured_],
                     payments_.is_fraud[matured_] == 1 ? Outcome::kFraud : Outcome::kGenuine,
                     OutcomeSource::kMaturity, payments_.event_time[matured_] + label_delay_});
      }
      engine_.apply(payments_[row], row_);
      for (std::size_t i = 0; i < columns.size(); ++i) columns[i][row - begin] = row_[i];
    }
  }

 private:
  PaymentView payments_;
  FeatureEngine engine_;
  Seconds label_delay_;
  std::size_t matured_ = 0;
  std::vector<float> row_;
};

}  // namespace

struct FeatureBatch::State {
  struct Part {
    std::optional<BatchPart> keyed;
    std::size_t next = 0;  // The row where it stopped.
  };

  void compute_own(std::size_t begin, std::size_t end, std::span<float* const> columns) const {
    if (columns.empty()) return;
    for (std::size_t i = 0; i < spec.size(); ++i) {
      if (spec.inputs()[i].key != FeatureKey::kPayment) continue;
      const auto fill = [&](const auto& value) {
        float* out = columns[i];
        for (std::size_t row = begin; row < end; ++row) out[row - begin] = value(row);
      };
      // Times are checked to fit 32 bits, in which divisions by constants are much faster.
      const auto time = [&](std::size_t row) {
        return static_cast<std::uint32_t>(payments.event_time[row]);
      };
      switch (spec.inputs()[i].aggregate) {
        case Aggregate::kAmount:
          fill([&](std::size_t row) {
            return arithmetic::roubles(static_cast<std::uint64_t>(payments.amount_minor[row]));
          });
          break;
        case Aggregate::kIsWeekend:
          fill([&](std::size_t row) { return arithmetic::is_weekend(time(row)); });
          break;
        case Aggregate::kIsNight:
          fill([&](std::size_t row) { return arithmetic::is_night(time(row)); });
          break;
        case Aggregate::kHour:
          fill([&](std::size_t row) { return static_cast<float>(arithmetic::hour(time(row))); });
          break;
        default:
          WEIR_CHECK(false);
      }
    }
  }

  PaymentView payments;
  FeatureSpec spec;
  std::vector<Part> parts;  // One a key kind; the one without keys does the payment's own columns.
  std::optional<LiveReplay> replay;
};

FeatureBatch::FeatureBatch(const PaymentView& payments,
                           const FeatureSpec& spec,
                           Seconds label_delay)
    : state_(std::make_unique<State>(State{payments, spec, {}, {}})) {
  const AmountRange range = check_rows(payments);
  if (range.largest > BatchPart::kMaxAmount || (range.squares >> 63) != 0) {
    state_->replay.emplace(payments, spec, label_delay);
    state_->parts.resize(1);
    return;
  }
  for (const FeatureKey key : {FeatureKey::kCustomer, FeatureKey::kTerminal, FeatureKey::kPair}) {
    KeyPlan plan = make_key_plan(spec, key);
    if (plan.empty()) continue;
    state_->parts.emplace_back();
    state_->parts.back().keyed.emplace(payments, std::move(plan), label_delay);
  }
  state_->parts.emplace_back();
}

FeatureBatch::~FeatureBatch() = default;

std::size_t FeatureBatch::part_count() const { return state_->parts.size(); }

void FeatureBatch::compute(std::size_t part,
                           std::size_t begin,
                           std::size_t end,
                           std::span<float* const> columns) {
  State::Part& one = state_->parts.at(part);
  WEIR_CHECK(begin == one.next && begin <= end && end <= state_->payments.size());
  WEIR_CHECK(columns.empty() || columns.size() == state_->spec.size());
  one.next = end;
  if (state_->replay) {
    state_->replay->compute(begin, end, columns);
  } else if (one.keyed) {
    one.keyed->compute(begin, end, columns);
  } else {
    state_->compute_own(begin, end, columns);
  }
}

FeatureMatrix compute_features(const PaymentView& payments,
                               const FeatureSpec& spec,
                               Seconds label_delay) {
  FeatureMatrix matrix(payments.size(), spec.size());
  std::vector<float*> columns(spec.size());
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = matrix.column(i).data();
  FeatureBatch batch(payments, spec, label_delay);
  for (std::size_t part = 0; part < batch.part_count(); ++part) {
    batch.compute(part, 0, payments.size(), columns);
  }
  return matrix;
}

}  // namespace weir
