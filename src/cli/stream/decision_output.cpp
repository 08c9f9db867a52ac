#include "cli/stream/decision_output.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "cli/serve/answer_json.h"

namespace weir::cli {

void add_decision(kafka::OutgoingBatch& batch, const journal::Record& record, std::string& text) {
  text.clear();
  append_decision(text, record);
  const fmt::format_int key(record.payment.transaction_id);
  const fmt::format_int position(record.position);
  const std::string_view degraded =
      (record.degraded & journal::kDegradedNoReasons) != 0 ? "no_reasons" : "";
  const std::array<kafka::Header, 3> headers = {
      kafka::Header{"model_version", record.model},
      kafka::Header{"position", {position.data(), position.size()}},
      kafka::Header{"degraded", degraded}};
  batch.add(kDecisionsTopic, {key.data(), key.size()}, text, headers);
}

void add_reject(kafka::OutgoingBatch& batch,
                const EventFault& fault,
                const kafka::Message& message) {
  const auto original = message.value().value_or("");
  const StreamOutput reject =
      reject_output(fault, original, original.size(), message.partition(), message.offset());
  std::vector<kafka::Header> headers;
  for (const auto& [name, value] : reject.headers) headers.push_back({name, value});
  batch.add(kRejectsTopic, reject.key, reject.value, headers);
}

}  // namespace weir::cli
