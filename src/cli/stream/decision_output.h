#pragma once

#include <string>

#include "cli/stream/event_decider.h"
#include "core/streaming/stream_output.h"
#include "edge/kafka/consumer.h"
#include "edge/kafka/transactional_producer.h"

namespace weir::cli {

/// The topics of a transaction, by number.
inline constexpr std::size_t kDecisionsTopic = 0;
inline constexpr std::size_t kRejectsTopic = 1;

/// A decision as a message of `weir.decisions`; `text` is room to write in.
void add_decision(kafka::OutgoingBatch& batch, const journal::Record& record, std::string& text);
/// An event that was refused as a message of `weir.rejects`.
void add_reject(kafka::OutgoingBatch& batch,
                const EventFault& fault,
                const kafka::Message& message);

}  // namespace weir::cli
