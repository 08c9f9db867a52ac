#pragma once

#include <parquet/file_writer.h>
#include <parquet/properties.h>
#include <parquet/schema.h>

#include <cstdint>
#include <memory>
#include <string>

#include "core/transaction/payment.h"

namespace weir::files {

/// Times are stored in microseconds.
inline constexpr std::int64_t kMicroseconds = 1'000'000;

/// The canonical columns of a payment in Parquet, in their order: `transaction_id`, `event_time`
/// (microseconds, UTC), `customer_id`, `terminal_id`, `amount_minor`; with labels `is_fraud` and
/// `fraud_scenario`. None may be missing.
parquet::schema::NodeVector payment_fields(bool labelled);

/// A schema of these columns; no column may be missing.
std::shared_ptr<parquet::schema::GroupNode> required_schema(parquet::schema::NodeVector fields);

/// What all our payment files have: zstd, deltas for the payment's integers, checksums of pages.
void set_payment_properties(parquet::WriterProperties::Builder& builder);

/// Writes these columns as the next ones of `group`.
void write_payment_columns(parquet::RowGroupWriter& group, const PaymentView& rows, bool labelled);

/// The place of a column; -1 where there is none of that name.
int find_column(const parquet::SchemaDescriptor& schema, const std::string& name);

}  // namespace weir::files
