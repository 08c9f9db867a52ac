#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "cli/stream/outputs_reader.h"
#include "cli/stream/stream_options.h"
#include "edge/kafka/consumer.h"
#include "edge/kafka/transactional_producer.h"

namespace weir::cli {

/// A partition in the hands of a new owner.
struct TakenOver {
  std::unique_ptr<kafka::TransactionalProducer> producer;
  /// What the group has committed.
  std::optional<std::int64_t> committed;
  /// Everything that is seen, where a transaction had to be ended that was only half over: it may
  /// hold outputs of events that the group does not call committed.
  std::optional<WrittenOutputs> written;
  OutputEnds settled;  ///< Up to where everything was seen, or will never be, before.
};

/// Fences whoever wrote the outputs of `partition` before, as a member of the group, and finds out
/// what it has left.
///
/// Usually that is a transaction, which is aborted, outputs and offset together. But a broker of
/// Kafka 4.4.0 takes a partition that has no leader for one that was deleted, does not tell it how
/// a transaction ended and calls that complete (KAFKA-20734): where a broker is alone, as it stops
/// or starts. Then outputs are seen whose offset is not, or the other way round, and readers, and
/// whoever asks for the offset, wait for an end that does not come. It is brought about here.
///
/// `doubt` gets the first of the last owner's outputs that were not over. Their events are not
/// committed either; where they are, the outputs are lost. It has to outlast this call and those
/// after it until one has led to a commit: what is fenced is aborted, and shows no more.
///
/// Throws Unanswered where no broker answers for long, Fenced, and Error for what cannot heal or
/// where `stop` becomes true meanwhile.
TakenOver take_over(const StreamOptions& options,
                    int partition,
                    kafka::Consumer& member,
                    Doubt& doubt,
                    const std::atomic<bool>* stop = nullptr);

}  // namespace weir::cli
