#include "core/transaction/error.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

void fail_check(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "weir: internal check failed at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace weir
