// Vectors of floats and of 32-bit integers, for the instruction set that a file is compiled for.
//
// Both types have the operators + - * /. Ints is not Intel's type of integer vectors, whose operators are those of 64-bit
// integers, and which may alias everything: GCC would store sums of that type in every iteration of a loop.
//
// The kernels are written once with these types and compiled once per instruction set (see kernels.cpp). One macro
// selects the types: CAROUSEL_AVX512 (with VNNI), CAROUSEL_AVXVNNI, CAROUSEL_AVX2 or CAROUSEL_NEON (with the dot-product
// extension). Without any of them the code is portable.
//
// Everything is in a namespace of the instruction set, and nothing here may include C++ library templates: the linker
// keeps one copy of a template for all files, which must not contain instructions that a processor lacks.

#pragma once

#include <stdint.h>
#include <string.h>

#if defined(CAROUSEL_AVX512)
#include <immintrin.h>
#define CAROUSEL_ISA avx512
#elif defined(CAROUSEL_AVXVNNI)
#include <immintrin.h>
#define CAROUSEL_ISA avxvnni
#elif defined(CAROUSEL_AVX2)
#include <immintrin.h>
#define CAROUSEL_ISA avx2
#elif defined(CAROUSEL_NEON)
#include <arm_neon.h>
#define CAROUSEL_ISA neon
#else
#include <math.h>
#define CAROUSEL_ISA portable
#endif

namespace carousel {
namespace CAROUSEL_ISA {

#if defined(CAROUSEL_AVX512)

using Floats = __m512;
typedef int32_t Ints __attribute__((vector_size(64)));
constexpr int kLanes = 16;
constexpr int kRowsPerTile = 6;  // 6 rows × 4 vectors of sums leave 8 of the 32 registers for operands

inline Floats load(const float* from) { return _mm512_loadu_ps(from); }
inline void store(float* to, Floats x) { _mm512_storeu_ps(to, x); }
inline Floats broadcast(float x) { return _mm512_set1_ps(x); }
inline Ints load_ints(const void* from) { return (Ints)_mm512_loadu_si512(from); }
inline Ints broadcast_int(int32_t x) { return (Ints)_mm512_set1_epi32(x); }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats maximum(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats minimum(Floats a, Floats b) { return _mm512_min_ps(a, b); }
inline Floats to_floats(Ints x) { return _mm512_cvtepi32_ps((__m512i)x); }
inline Ints round_to_ints(Floats x) { return (Ints)_mm512_cvtps_epi32(x); }
inline Ints dot_bytes(Ints sums, Ints levels, Ints weights) {
  return (Ints)_mm512_dpbusd_epi32((__m512i)sums, (__m512i)levels, (__m512i)weights);
}
inline Floats times_power_of_two(Floats x, Ints n) { return _mm512_scalef_ps(x, _mm512_cvtepi32_ps((__m512i)n)); }
inline Floats zero_where_less(Floats x, float limit, Floats y) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, broadcast(limit), _CMP_NLT_UQ), y);
}
inline unsigned where_greater(Floats a, Floats b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
inline void store_bytes(uint8_t* to, Ints x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8((__m512i)x));
}

#elif defined(CAROUSEL_AVX2) || defined(CAROUSEL_AVXVNNI)

using Floats = __m256;
typedef int32_t Ints __attribute__((vector_size(32)));
constexpr int kLanes = 8;
constexpr int kRowsPerTile = 3;

inline Floats load(const float* from) { return _mm256_loadu_ps(from); }
inline void store(float* to, Floats x) { _mm256_storeu_ps(to, x); }
inline Floats broadcast(float x) { return _mm256_set1_ps(x); }
inline Ints load_ints(const void* from) { return (Ints)_mm256_loadu_si256(static_cast<const __m256i*>(from)); }
inline Ints broadcast_int(int32_t x) { return (Ints)_mm256_set1_epi32(x); }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Floats maximum(Floats a, Floats b) { return _mm256_max_ps(a, b); }
inline Floats minimum(Floats a, Floats b) { return _mm256_min_ps(a, b); }
inline Floats to_floats(Ints x) { return _mm256_cvtepi32_ps((__m256i)x); }
inline Ints round_to_ints(Floats x) { return (Ints)_mm256_cvtps_epi32(x); }
inline Ints dot_bytes(Ints sums, Ints levels, Ints weights) {
#if defined(CAROUSEL_AVXVNNI)
  return (Ints)_mm256_dpbusd_avx_epi32((__m256i)sums, (__m256i)levels, (__m256i)weights);
#else
  // Pairs of products are added in 16 bits. They fit, because weights are at most 63: 2 × 255 × 63 < 2¹⁵.
  const __m256i pairs = _mm256_maddubs_epi16((__m256i)levels, (__m256i)weights);
  return sums + (Ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
#endif
}
inline Floats times_power_of_two(Floats x, Ints n) {
  return x * (__m256)((n + 127) << 23);
}
inline Floats zero_where_less(Floats x, float limit, Floats y) {
  return _mm256_and_ps(_mm256_cmp_ps(x, broadcast(limit), _CMP_NLT_UQ), y);
}
inline unsigned where_greater(Floats a, Floats b) {
  return static_cast<unsigned>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)));
}
inline void store_bytes(uint8_t* to, Ints x) {
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128((__m256i)x), _mm256_extracti128_si256((__m256i)x, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(words, words));
}

#elif defined(CAROUSEL_NEON)

using Floats = float32x4_t;
using Ints = int32x4_t;
constexpr int kLanes = 4;
constexpr int kRowsPerTile = 5;

inline Floats load(const float* from) { return vld1q_f32(from); }
inline void store(float* to, Floats x) { vst1q_f32(to, x); }
inline Floats broadcast(float x) { return vdupq_n_f32(x); }
inline Ints load_ints(const void* from) { return vreinterpretq_s32_u8(vld1q_u8(static_cast<const uint8_t*>(from))); }
inline Ints broadcast_int(int32_t x) { return vdupq_n_s32(x); }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
inline Floats maximum(Floats a, Floats b) { return vmaxq_f32(a, b); }
inline Floats minimum(Floats a, Floats b) { return vminq_f32(a, b); }
inline Floats to_floats(Ints x) { return vcvtq_f32_s32(x); }
inline Ints round_to_ints(Floats x) { return vcvtnq_s32_f32(x); }
inline Ints dot_bytes(Ints sums, Ints levels, Ints weights) {
  // The instruction needs signed operands: flipping the highest bit subtracts 128. The 128 × weights that the caller
  // subtracts for all instruction sets are added here.
  const int8x16_t w = vreinterpretq_s8_s32(weights);
  const int8x16_t x = vreinterpretq_s8_s32(veorq_s32(levels, vdupq_n_s32(static_cast<int32_t>(0x80808080u))));
  const int32x4_t offset = vpaddlq_s16(vpaddlq_s8(w));
  return vdotq_s32(vaddq_s32(sums, vshlq_n_s32(offset, 7)), w, x);
}
inline Floats times_power_of_two(Floats x, Ints n) {
  return vmulq_f32(x, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23)));
}
inline Floats zero_where_less(Floats x, float limit, Floats y) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(y), vcltq_f32(x, broadcast(limit))));
}
inline unsigned where_greater(Floats a, Floats b) {
  const uint32_t bits[4] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(vcgtq_f32(a, b), vld1q_u32(bits)));
}
inline void store_bytes(uint8_t* to, Ints x) {
  const int32_t values[4] = {vgetq_lane_s32(x, 0), vgetq_lane_s32(x, 1), vgetq_lane_s32(x, 2), vgetq_lane_s32(x, 3)};
  for (int lane = 0; lane < 4; ++lane) to[lane] = static_cast<uint8_t>(values[lane]);
}

#else

typedef float Floats __attribute__((vector_size(16)));
typedef int32_t Ints __attribute__((vector_size(16)));
constexpr int kLanes = 4;
constexpr int kRowsPerTile = 2;

inline Floats load(const float* from) {
  Floats x;
  memcpy(&x, from, sizeof x);
  return x;
}
inline void store(float* to, Floats x) { memcpy(to, &x, sizeof x); }
inline Floats broadcast(float x) { return Floats{x, x, x, x}; }
inline Ints load_ints(const void* from) {
  Ints x;
  memcpy(&x, from, sizeof x);
  return x;
}
inline Ints broadcast_int(int32_t x) { return Ints{x, x, x, x}; }
inline Floats multiply_add(Floats a, Floats b, Floats c) { return a * b + c; }
inline Floats maximum(Floats a, Floats b) {
  Floats result = a;
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = a[lane] > b[lane] ? a[lane] : b[lane];
  return result;
}
inline Floats minimum(Floats a, Floats b) {
  Floats result = a;
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = a[lane] < b[lane] ? a[lane] : b[lane];
  return result;
}
inline Floats to_floats(Ints x) {
  Floats result;
  for (int lane = 0; lane < kLanes; ++lane) result[lane] = static_cast<float>(x[lane]);
  return result;
}
inline Ints round_to_ints(Floats x) {
  // Adding 1.5 × 2²³ rounds to the nearest integer, halves to even, which is then in the low bits of the float. That
  // holds below 2²², and all callers stay below; other values, NaN included, give some integer.
  const Floats shifted = x + broadcast(12582912.0f);
  Ints bits;
  memcpy(&bits, &shifted, sizeof bits);
  return bits - broadcast_int(0x4B400000);
}
inline Ints dot_bytes(Ints sums, Ints levels, Ints weights) {
  uint8_t x[16];
  int8_t w[16];
  memcpy(x, &levels, sizeof x);
  memcpy(w, &weights, sizeof w);
  for (int lane = 0; lane < kLanes; ++lane)
    for (int byte = 4 * lane; byte < 4 * lane + 4; ++byte) sums[lane] += static_cast<int32_t>(x[byte]) * w[byte];
  return sums;
}
inline Floats times_power_of_two(Floats x, Ints n) {
  const Ints bits = (n + broadcast_int(127)) << 23;
  Floats power;
  memcpy(&power, &bits, sizeof power);
  return x * power;
}
inline Floats zero_where_less(Floats x, float limit, Floats y) {
  for (int lane = 0; lane < kLanes; ++lane) y[lane] = x[lane] < limit ? 0.0f : y[lane];
  return y;
}
inline unsigned where_greater(Floats a, Floats b) {
  unsigned mask = 0;
  for (int lane = 0; lane < kLanes; ++lane) mask |= static_cast<unsigned>(a[lane] > b[lane]) << lane;
  return mask;
}
inline void store_bytes(uint8_t* to, Ints x) {
  for (int lane = 0; lane < kLanes; ++lane) to[lane] = static_cast<uint8_t>(x[lane]);
}

#endif

// Sums of lanes are in a fixed order, the same for all rows.
inline float sum_of_lanes(Floats x) {
  float lanes[kLanes];
  store(lanes, x);
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  return lanes[0];
}

inline float maximum_of_lanes(Floats x) {
  float lanes[kLanes];
  store(lanes, x);
  float result = lanes[0];
  for (int lane = 1; lane < kLanes; ++lane) result = lanes[lane] > result ? lanes[lane] : result;
  return result;
}

// exp(x) with a relative error of about 1e-7; 0 below -87, where the result would be no normal number.
inline Floats exponential(Floats x) {
  const Floats limited = minimum(maximum(x, broadcast(-87.0f)), broadcast(88.0f));
  const Ints n = round_to_ints(limited * broadcast(1.44269504f));
  const Floats whole = to_floats(n);
  // ln 2 is subtracted in two parts, of which the first has few digits, so that the remainder is exact.
  Floats r = multiply_add(whole, broadcast(-0.693359375f), limited);
  r = multiply_add(whole, broadcast(2.12194440e-4f), r);
  Floats y = multiply_add(broadcast(0.00138146f), r, broadcast(0.00836872f));  // fitted for the least relative error
  y = multiply_add(y, r, broadcast(0.04166839f));
  y = multiply_add(y, r, broadcast(0.16666521f));
  y = multiply_add(y, r, broadcast(0.49999993f));
  y = multiply_add(y, r, broadcast(1.0f));
  y = multiply_add(y, r, broadcast(1.0f));
  return zero_where_less(x, -87.0f, times_power_of_two(y, n));
}

// tanh(x) as a fraction, so that products of activations need one division.
struct Fraction {
  Floats over, under;
};

// A rational function of x, fitted for the least relative error (2e-8); tanh differs from ±1 by 3e-8 at ±9.
inline Fraction tanh_fraction(Floats x) {
  x = minimum(maximum(x, broadcast(-9.0f)), broadcast(9.0f));
  const Floats t = x * x;
  Floats p = multiply_add(broadcast(1.3353194106002775e-08f), t, broadcast(2.060804035863839e-05f));
  p = multiply_add(p, t, broadcast(0.003495526500046253f));
  p = multiply_add(p, t, broadcast(0.13380974531173706f));
  p = multiply_add(p, t, broadcast(1.0f));
  Floats q = multiply_add(broadcast(7.775961421430111e-07f), t, broadcast(0.0003285532584413886f));
  q = multiply_add(q, t, broadcast(0.02587674930691719f));
  q = multiply_add(q, t, broadcast(0.46714290976524353f));
  q = multiply_add(q, t, broadcast(1.0f));
  return {x * p, q};
}

inline Floats hyperbolic_tangent(Floats x) {
  const Fraction f = tanh_fraction(x);
  return f.over / f.under;
}

// The logistic function as a fraction: (1 + tanh(x / 2)) / 2.
inline Fraction sigmoid_fraction(Floats x) {
  const Fraction f = tanh_fraction(x * broadcast(0.5f));
  return {f.under + f.over, f.under + f.under};
}

}  // namespace CAROUSEL_ISA
}  // namespace carousel
