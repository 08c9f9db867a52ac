#pragma once

#include <cstdint>
#include <string_view>

#include "core/transaction/hash.h"

namespace weir {

/// Whether a customer's payments are the challenger's to decide, in an experiment that gives it
/// `share` of the customers. By hash: the same customer stays in the same arm for the experiment's
/// life, and another experiment's name draws anew.
inline bool in_challenger_arm(std::string_view experiment, std::int64_t customer_id, double share) {
  std::uint64_t seed = experiment.size();
  for (const char letter : experiment) seed = mix64(seed ^ static_cast<unsigned char>(letter));
  return unit_interval(hash64(seed, static_cast<std::uint64_t>(customer_id))) < share;
}

}  // namespace weir
