#pragma once

#include <stdexcept>
#include <string>

namespace weir {

/// A bad set-up: wrong file, wrong configuration, wrong use. The text says what, where, got, wanted
/// and the way out, and is shown to the user as it is. Bad *records* are values, never thrown.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The command line or the configuration is wrong (exit code 2; any other Error exits with 1).
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Prints the failed condition and its place, then aborts. Called by WEIR_CHECK only.
[[noreturn]] void fail_check(const char* condition, const char* file, int line);

}  // namespace weir

/// A condition whose failure is a bug of weir itself; on in release builds too.
#define WEIR_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::weir::fail_check(#condition, __FILE__, __LINE__))
