#pragma once

#include <cstdint>

#include "core/simulation/draws.h"

namespace weir {

/// What a draw is about: keeps the draws of one seed apart.
enum class Subject : std::uint64_t {
  kCustomerPlace = 1,
  kCustomerHabits = 2,
  kTerminalPlace = 3,
  kCustomerDay = 4,
  kTerminalStarts = 5,
  kCustomerStarts = 6,
  kCompromisedThird = 7,
  kDefect = 8,
  kBogusTerminal = 9
};

inline Draws draws_of(std::uint64_t seed,
                      Subject subject,
                      std::int64_t first,
                      std::int64_t second = 0) {
  return {hash64(seed, static_cast<std::uint64_t>(subject)), static_cast<std::uint64_t>(first),
          static_cast<std::uint64_t>(second)};
}

}  // namespace weir
