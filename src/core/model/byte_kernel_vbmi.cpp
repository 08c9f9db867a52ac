// Compiled with AVX-512 F, BW, VL, VBMI and BMI2; runs only where Scorer::available(kVbmi).
#include <immintrin.h>

#include "core/model/byte_kernel.h"

namespace weir {
namespace {

struct VbmiLanes {
  using Bytes = __m512i;
  using Table = __m512i;

  static Bytes load(const std::uint8_t* bytes) { return _mm512_load_si512(bytes); }
  static Table table(const std::uint8_t* bins) { return load(bins); }
  static Bytes look_up(Table bins, Bytes slots) { return _mm512_permutexvar_epi8(slots, bins); }
  static Bytes subtract(Bytes from, Bytes what) { return _mm512_sub_epi8(from, what); }
  static std::uint64_t above(Bytes left, Bytes right) {
    return _cvtmask64_u64(_mm512_cmpgt_epi8_mask(left, right));
  }
  static unsigned not_above(const float* sixteen, float value) {
    const __mmask16 mask =
        _mm512_cmp_ps_mask(_mm512_load_ps(sixteen), _mm512_set1_ps(value), _CMP_LE_OQ);
    return static_cast<unsigned>(_mm_popcnt_u32(_cvtmask16_u32(mask)));
  }
};

}  // namespace

void byte_margins_vbmi(const ByteForestView& forest,
                       const float* rows,
                       std::size_t count,
                       float* out) {
  ByteKernel<VbmiLanes>::margins(forest, rows, count, out);
}

}  // namespace weir
