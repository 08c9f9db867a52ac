#pragma once

#include <cstdint>
#include <string_view>

#include "core/transaction/error.h"

namespace weir {

/// Ctrl-C or a termination signal: unwinds to main, on the way every staged output is removed.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// Told how far a long step has come. The default says nothing and never interrupts.
///
/// Long loops call `update` some times a second, from one thread; it throws Interrupted when the
/// user asked to stop.
class Progress {
 public:
  virtual ~Progress() = default;
  /// A new step begins, e.g. `cleaning`; `total` (rows or bytes) may be 0 for unknown.
  virtual void begin(std::string_view step, std::uint64_t total, std::string_view unit) {
    static_cast<void>(step), static_cast<void>(total), static_cast<void>(unit);
  }
  virtual void update(std::uint64_t done) { static_cast<void>(done); }
  virtual void end() {}
};

}  // namespace weir
