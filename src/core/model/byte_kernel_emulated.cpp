#include <cstring>

#include "core/model/byte_kernel.h"

namespace weir {
namespace {

/// What the instructions of byte_kernel_vbmi.cpp do, one lane after the other.
struct EmulatedLanes {
  struct Bytes {
    std::uint8_t lane[64];  // NOLINT: as the kernel, see byte_kernel.h.
  };
  using Table = Bytes;

  static Bytes load(const std::uint8_t* bytes) {
    Bytes result;
    std::memcpy(result.lane, bytes, sizeof result.lane);
    return result;
  }
  static Table table(const std::uint8_t* bins) { return load(bins); }
  static Bytes look_up(const Table& bins, const Bytes& slots) {
    Bytes result;
    for (int i = 0; i < 64; ++i) result.lane[i] = bins.lane[slots.lane[i] & 63U];
    return result;
  }
  static Bytes subtract(Bytes from, const Bytes& what) {
    for (int i = 0; i < 64; ++i) {
      from.lane[i] = static_cast<std::uint8_t>(from.lane[i] - what.lane[i]);
    }
    return from;
  }
  static std::uint64_t above(const Bytes& left, const Bytes& right) {
    std::uint64_t result = 0;
    for (int i = 0; i < 64; ++i) {
      const bool is_above =
          static_cast<std::int8_t>(left.lane[i]) > static_cast<std::int8_t>(right.lane[i]);
      result |= std::uint64_t{is_above} << i;
    }
    return result;
  }
  static unsigned not_above(const float* sixteen, float value) {
    unsigned result = 0;
    for (int i = 0; i < 16; ++i) result += sixteen[i] <= value ? 1 : 0;
    return result;
  }
};

}  // namespace

void byte_margins_emulated(const ByteForestView& forest,
                           const float* rows,
                           std::size_t count,
                           float* out) {
  ByteKernel<EmulatedLanes>::margins(forest, rows, count, out);
}

}  // namespace weir
