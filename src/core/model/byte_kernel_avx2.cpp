// Compiled with AVX2, BMI1, BMI2 and POPCNT; runs only where Scorer::available(kAvx2).
#include <immintrin.h>

#include "core/model/byte_kernel.h"

namespace weir {
namespace {

/// 64 lanes as two registers. AVX2 looks up bytes only among 16 (`vpshufb`, which gives 0 where the
/// top bit of the slot is set), so the table is cut into `chunks` of 16. Slots are stored + 0x70:
/// the top bit is clear just for the first chunk, and other chunks come after an exclusive or.
template <int chunks>
struct Avx2Lanes {
  struct Bytes {
    __m256i low, high;
  };
  struct Table {
    __m256i chunk[chunks];  // NOLINT: as the kernel, see byte_kernel.h.
  };

  static __m256i load_half(const std::uint8_t* bytes) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(bytes));
  }
  static Bytes load(const std::uint8_t* bytes) { return {load_half(bytes), load_half(bytes + 32)}; }
  static Table table(const std::uint8_t* bins) {
    Table result;
    for (int i = 0; i < chunks; ++i) {
      result.chunk[i] = _mm256_broadcastsi128_si256(
          _mm_load_si128(reinterpret_cast<const __m128i*>(bins + 16 * i)));
    }
    return result;
  }
  static __m256i look_up_half(const Table& bins, __m256i slots) {
    __m256i result = _mm256_shuffle_epi8(bins.chunk[0], slots);
    if constexpr (chunks == 2) {
      // 0x70..0x8f: one flipped bit turns the second chunk into the first.
      const __m256i second = _mm256_xor_si256(slots, _mm256_set1_epi8(static_cast<char>(0x80)));
      result = _mm256_or_si256(result, _mm256_shuffle_epi8(bins.chunk[1], second));
    } else {
      const __m256i bias = _mm256_set1_epi8(0x70);
      const __m256i plain = _mm256_sub_epi8(slots, bias);
      for (int i = 1; i < chunks; ++i) {
        const __m256i moved = _mm256_add_epi8(
            _mm256_xor_si256(plain, _mm256_set1_epi8(static_cast<char>(16 * i))), bias);
        result = _mm256_or_si256(result, _mm256_shuffle_epi8(bins.chunk[i], moved));
      }
    }
    return result;
  }
  static Bytes look_up(const Table& bins, Bytes slots) {
    return {look_up_half(bins, slots.low), look_up_half(bins, slots.high)};
  }
  static Bytes subtract(Bytes from, Bytes what) {
    return {_mm256_sub_epi8(from.low, what.low), _mm256_sub_epi8(from.high, what.high)};
  }
  static std::uint64_t mask_half(__m256i left, __m256i right) {
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpgt_epi8(left, right)));
  }
  static std::uint64_t above(Bytes left, Bytes right) {
    return mask_half(left.low, right.low) | mask_half(left.high, right.high) << 32;
  }
  static unsigned not_above(const float* sixteen, float value) {
    const __m256 all = _mm256_set1_ps(value);
    const int low = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_load_ps(sixteen), all, _CMP_LE_OQ));
    const int high =
        _mm256_movemask_ps(_mm256_cmp_ps(_mm256_load_ps(sixteen + 8), all, _CMP_LE_OQ));
    return static_cast<unsigned>(_mm_popcnt_u32(static_cast<unsigned>(low | high << 8)));
  }
};

}  // namespace

void byte_margins_avx2_32(const ByteForestView& forest,
                          const float* rows,
                          std::size_t count,
                          float* out) {
  ByteKernel<Avx2Lanes<2>>::margins(forest, rows, count, out);
}

void byte_margins_avx2_64(const ByteForestView& forest,
                          const float* rows,
                          std::size_t count,
                          float* out) {
  ByteKernel<Avx2Lanes<4>>::margins(forest, rows, count, out);
}

}  // namespace weir
