#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "cli/stream/stream_options.h"
#include "edge/kafka/consumer.h"

namespace weir::cli {

/// Offsets in the output topics of one partition.
struct OutputEnds {
  std::int64_t decisions = 0;
  std::int64_t rejects = 0;
};

/// From which event on outputs may be missing: the first one of this position or offset.
struct Doubt {
  std::optional<std::uint64_t> position;  ///< Of its decision.
  std::optional<std::int64_t> offset;     ///< Its own, in the log.

  void add(const Doubt& other);
  explicit operator bool() const { return position || offset; }
  /// Of an output: its event's offset, and its own header `position` where it is a decision.
  bool covers(std::int64_t event, std::optional<std::string_view> header) const;
};

/// Outputs that everybody sees.
struct WrittenOutputs {
  std::unordered_set<std::string> keys;
  std::uint64_t positions = 0;  ///< Every decision of these has a position below.
  std::int64_t offsets = 0;     ///< The same of refused events' offsets.
};

/// Reads what the owners of a partition have written to its decisions and rejects.
class OutputsReader : private kafka::Assignment {
 public:
  OutputsReader(const StreamOptions& options, int partition);

  /// Up to where everything is seen or will never be. Throws Error.
  OutputEnds ends();
  /// Whether something comes after what `ends` gives.
  bool open();
  /// The events of the first outputs from `from` on, seen or not.
  Doubt first_from(const OutputEnds& from);
  /// What is seen of the last owners' transactions, and at least from `from` on.
  WrittenOutputs written(const OutputEnds& from);

 private:
  std::vector<std::int64_t> on_assigned(const std::vector<int>&) override { return {}; }
  void on_revoked(bool) override {}
  void on_end(int, std::int64_t) override { ended_ = true; }

  std::unique_ptr<kafka::Consumer> reader(const std::string& topic, bool uncommitted);
  /// Gives the messages up to the end to `take`, until it says that it has enough.
  void read(const std::string& topic,
            bool uncommitted,
            std::int64_t from,
            const std::function<bool(const kafka::Message&)>& take);

  const StreamOptions& options_;
  int partition_;
  std::unique_ptr<kafka::Consumer> committed_;
  std::unique_ptr<kafka::Consumer> all_;
  bool ended_ = false;
};

}  // namespace weir::cli
