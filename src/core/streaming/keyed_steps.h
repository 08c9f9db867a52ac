#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/cleaning/clean_row.h"
#include "core/decision/policy.h"
#include "core/features/feature_engine.h"
#include "core/model/bundle.h"
#include "core/model/calibration.h"
#include "core/model/contributions.h"
#include "core/model/forest.h"
#include "core/model/scorer.h"
#include "core/streaming/event.h"
#include "core/streaming/stream_output.h"

namespace weir {

/// The pipeline cut along its keys, for engines that keep state by key (Spark): a log is read into
/// parcels, the parcels of each terminal are applied to its state in order, then those of each
/// customer to theirs, which decides. A parcel and a state are bytes; both say what they are of.
///
/// What the two steps decide is what Pipeline decides, but for this: a decision's position is the
/// offset of its event; an id that comes again with other content is found only at the terminal
/// where it came first; the time of the log runs by key. Bundles with beliefs have budgets over all
/// keys, which no keyed state can hold: they are refused.

/// One event, on its way to its terminal.
struct Parcel {
  std::int64_t terminal_id = -1;  ///< -1 for an event that is no entry.
  std::int64_t customer_id = -1;
  std::string bytes;
};

/// Reads the log. Keeps no state.
class ParcelReader {
 public:
  explicit ParcelReader(CleaningConfig cleaning) : reader_(std::move(cleaning)) {}

  Parcel read(const Event& event, int partition, std::int64_t offset);

 private:
  EventReader reader_;
};

/// The state of one terminal at a time: its columns, and the ids it has seen for a day.
class TerminalStep {
 public:
  /// Throws Error for a bundle with beliefs.
  explicit TerminalStep(const Bundle& bundle);

  /// Applies `parcels` (in any order: they are put in the log's) to the terminal's `state`, empty
  /// at first, which becomes the one after. Gives the parcels for the customers; a payment sent
  /// again goes no further. Throws Error for a state of another bundle.
  std::vector<Parcel> run(std::int64_t terminal_id,
                          std::string& state,
                          const std::vector<std::string_view>& parcels);

 private:
  std::string version_;
  FeatureEngine features_;
};

/// The state of one customer at a time, the model and the policy.
class CustomerStep {
 public:
  CustomerStep(const Bundle& bundle, bool reasons);

  /// The same for a customer; gives what is to be written.
  std::vector<StreamOutput> run(std::int64_t customer_id,
                                std::string& state,
                                const std::vector<std::string_view>& parcels);

 private:
  StreamOutput decide(const Payment& payment,
                      std::int64_t offset,
                      bool late,
                      std::vector<float>& row);

  std::string version_;
  FeatureSpec spec_;
  FeatureEngine features_;
  TreeShap shap_;
  Scorer scorer_;
  Calibration calibration_;
  Policy policy_;
  bool reasons_;
};

}  // namespace weir
