#include "core/decision/decision.h"

namespace weir {

std::string_view cause_name(Cause cause) {
  switch (cause) {
    case Cause::kScore:
      return "score";
    case Cause::kAudit:
      return "audit";
    case Cause::kProbe:
      return "probe";
    case Cause::kLimit:
      return "limit";
  }
  return "";
}

}  // namespace weir
