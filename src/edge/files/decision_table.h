#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/decision/decision.h"
#include "core/transaction/payment.h"

namespace weir::files {

/// What a replay adds to its decisions: columns `cause` text, `review` bool, `score` float32,
/// `card_probability`, `terminal_probability`, `audit_probability` float32, `executed` bool and
/// `is_fraud` bool.
enum class DecisionColumns : std::uint8_t { kPlain, kReplay };

/// Writes decisions as one Parquet file, staged: the payment's columns without labels, then
/// `position` uint64, `action` text, `margin` float32, `probability` float64, `late` bool, those of
/// a replay where asked for, and `model_version` in the file's metadata.
///
/// One row group an `append` of up to a million rows. The same rows and appends give the same
/// bytes. Throws Error on a full disk.
class DecisionTableWriter {
 public:
  /// `more`: further metadata of the file, such as how to replay it.
  DecisionTableWriter(const std::filesystem::path& target,
                      const std::string& model_version,
                      DecisionColumns columns = DecisionColumns::kPlain,
                      const std::vector<std::pair<std::string, std::string>>& more = {});
  ~DecisionTableWriter();
  DecisionTableWriter(const DecisionTableWriter&) = delete;
  DecisionTableWriter& operator=(const DecisionTableWriter&) = delete;

  /// `decisions[i]` and `executed[i]` are of `payments[i]`; `executed` only for a replay, whose
  /// payments are labelled.
  void append(const PaymentView& payments,
              std::span<const Decision> decisions,
              std::span<const std::uint8_t> executed = {});
  /// The file appears.
  void commit();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// All of them at once. `decisions[i]` is of `payments[i]`.
void write_decisions(const std::filesystem::path& target,
                     const PaymentView& payments,
                     std::span<const Decision> decisions,
                     const std::string& model_version);

}  // namespace weir::files
