#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "edge/journal/record.h"

namespace weir::cli {

/// Appends the stored decision as the JSON object that `POST /v1/decisions` answers. The same
/// record always gives the same bytes.
void append_decision(std::string& out, const journal::Record& record);

/// The same with the payment in it, for `GET /v1/decisions/{id}` and the console.
void append_decision_with_payment(std::string& out, const journal::Record& record);

/// What is told of a payment that waits for the journal: its action, marked.
void append_unrecorded(std::string& out, const journal::Record& record);

/// Stored feedback as a JSON object.
void append_feedback(std::string& out, const journal::Record& record);

/// Appends the members of a payment's JSON object, as REST and the log take it, without its braces.
void append_payment_fields(std::string& out, const Payment& payment);

/// `2026-11-23T02:14:00Z`.
std::string rfc3339(Seconds time);

/// Appends `text` as a JSON string; what is no UTF-8 becomes U+FFFD.
void append_json_text(std::string& out, std::string_view text);

/// The elements of a JSON array, as text. Looks at brackets and strings only: each element is
/// checked by who reads it. False when the text is no array, or has more than `most` elements.
bool split_json_array(std::string_view json,
                      std::size_t most,
                      std::vector<std::string_view>& elements);

}  // namespace weir::cli
