#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "core/pipeline/decision_memory.h"
#include "core/transaction/payment.h"

namespace weir::files {

/// Writes decisions as one Parquet file, staged: the payment's columns without labels, then
/// `position` uint64, `action` text, `margin` float32, `probability` float64, `late` bool, and
/// `model_version` in the file's metadata.
///
/// `decisions[i]` is of `payments[i]`. The same rows give the same bytes. Throws Error on a full
/// disk.
void write_decisions(const std::filesystem::path& target,
                     const PaymentView& payments,
                     std::span<const Decision> decisions,
                     const std::string& model_version);

}  // namespace weir::files
