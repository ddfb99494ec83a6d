// The speed that integer products can reach on this processor: 80 rows × 256 inputs × 1,024 outputs from the cache, with
// nothing but the instructions of the product. Prints billions of multiply-adds per second of CPU time.

#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

constexpr int kRows = 80, kInputs = 256, kOutputs = 1024, kRowsPerTile = 5, kRepetitions = 300, kTrials = 9;

#if defined(__AVX512VNNI__)
using Vector = __m512i;
static Vector broadcast(int32_t x) { return _mm512_set1_epi32(x); }
static Vector load(const int8_t* from) { return _mm512_loadu_si512(from); }
static Vector dot(Vector sum, Vector x, Vector weights) { return _mm512_dpbusd_epi32(sum, x, weights); }
static void store(int32_t* to, Vector x) { _mm512_storeu_si512(to, x); }
#else
using Vector = __m256i;
static Vector broadcast(int32_t x) { return _mm256_set1_epi32(x); }
static Vector load(const int8_t* from) { return _mm256_loadu_si256((const Vector*)from); }
static Vector dot(Vector sum, Vector x, Vector weights) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(x, weights), _mm256_set1_epi16(1)));
}
static void store(int32_t* to, Vector x) { _mm256_storeu_si256((Vector*)to, x); }
#endif

constexpr int kLanes = sizeof(Vector) / 4, kColumns = sizeof(Vector) == 64 ? 4 : 2, kTile = kColumns * kLanes;
static uint8_t rows[kRows][kInputs];
static int8_t weights[kOutputs * kInputs];
static int32_t results[kRows][kOutputs];

static void multiply() {
  for (int column = 0; column < kOutputs; column += kTile)
    for (int row = 0; row < kRows; row += kRowsPerTile) {
      Vector sums[kRowsPerTile][kColumns];
      memset(sums, 0, sizeof sums);
      const int8_t* packed = weights + column * kInputs;
      for (int i = 0; i < kInputs; i += 4, packed += 4 * kTile) {
#pragma GCC unroll 8
        for (int r = 0; r < kRowsPerTile; ++r) {
          int32_t bytes;
          memcpy(&bytes, &rows[row + r][i], 4);
#pragma GCC unroll 8
          for (int c = 0; c < kColumns; ++c)
            sums[r][c] = dot(sums[r][c], broadcast(bytes), load(packed + c * sizeof(Vector)));
        }
      }
      for (int r = 0; r < kRowsPerTile; ++r)
        for (int c = 0; c < kColumns; ++c) store(&results[row + r][column + c * kLanes], sums[r][c]);
    }
}

int main() {
  memset(rows, 3, sizeof rows);
  memset(weights, 5, sizeof weights);
  double best = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const clock_t start = clock();
    for (int n = 0; n < kRepetitions; ++n) multiply();
    const double seconds = double(clock() - start) / CLOCKS_PER_SEC;
    const double speed = 1e-9 * kRepetitions * kRows * kInputs * kOutputs / seconds;
    if (speed > best) best = speed;
  }
  // The results are used, so that the compiler keeps the products.
  return results[kRows - 1][kOutputs - 1] == 15 * kInputs ? printf("%.1f\n", best) < 0 : 1;
}
