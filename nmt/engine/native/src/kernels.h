// Kernels: the arithmetic of the network on rows of numbers, in one version per instruction set.
//
// A row of activations is an array of floats whose length is a multiple of kAlignment; the numbers beyond the width of
// the layer are zero. The result for a row never depends on the number of rows or on their order.

#pragma once

#include <stddef.h>
#include <stdint.h>

namespace carousel {

constexpr int kAlignment = 16;  // the most lanes of any instruction set

constexpr int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// Weight matrix, packed for the kernels; see matrix.h.
struct MatrixView {
  const void* weights;         // [tiles][steps][panels in the tile][lanes × 4 bytes]
  const float* scales;         // of each output, int8 only: its scale / 127
  const int32_t* corrections;  // of each output, int8 only: -128 × the sum of its weights
  const float* bias;           // of each output
  int steps;                   // inputs in fp32; inputs / 4 in int8
  int panels;                  // outputs / lanes
  bool is_int8;
};

// Input of a matrix product: floats, or unsigned levels with the largest magnitude of each row.
struct RowsView {
  const void* rows;
  size_t stride;       // bytes from row to row
  const float* peaks;  // int8 only
  int count;
};

enum class Output { kStore, kRectify, kTanh, kAdd };  // what a product does with its result

// Rows of an LSTM layer, each by its address, so that hypotheses are reordered without copying.
struct LstmRows {
  const float* const* projected;  // sums of the input's part for all gates, in the order of the matrix; may be null
  const float* const* cell_before;
  float* const* cell;
  float* const* hidden;
};

struct Kernels {
  const char* name;
  int lanes;

  // Quantise a row to levels 1 to 255, in which 128 is zero; return the largest magnitude.
  float (*quantise)(const float* row, int size, uint8_t* levels);
  // Multiply rows by a matrix, and write the results with a stride in floats.
  void (*multiply)(const MatrixView& matrix, const RowsView& input, float* output, size_t stride, Output kind);
  // Multiply rows by a matrix whose outputs are the gates of an LSTM, and update the state.
  void (*lstm)(const MatrixView& matrix, const RowsView& input, const LstmRows& state);
  // Normalise the first `width` numbers of a row of `size`; weight and bias are zero beyond.
  void (*layer_norm)(const float* row, int width, int size, const float* weight, const float* bias, float* output);
  // Replace the first `count` scores by their softmax, and the rest up to `size` by zeros.
  void (*softmax)(float* scores, int count, int size);
  // Scores of additive attention for `size` positions: vector · tanh(query + key). Keys are [panels][width][lanes].
  void (*additive_scores)(
      const float* query, const float* keys, const float* vector, int width, int size, float* scores);
  void (*add)(float* to, const float* from, int size);
  // Set an embedding from a row of levels or floats: levels (or floats) × factor.
  void (*embed_int8)(const int8_t* levels, float factor, int size, float* output);
  void (*scale)(const float* row, float factor, int size, float* output);
  // Return log(sum(exp(scores))) of `count` scores; the rest up to `size` must be -inf.
  float (*log_sum_exp)(const float* scores, int size);
  // Select the `count` largest of `size` scores, best first, the first of equal ones first. Entries that do not exist
  // or are -inf get the score -inf and the position -1.
  void (*select_largest)(const float* scores, int size, int count, float* largest, int32_t* positions);
};

// The kernels of each instruction set, or null if they are not compiled for this kind of processor.
const Kernels* avx512_kernels();
const Kernels* avxvnni_kernels();
const Kernels* avx2_kernels();
const Kernels* neon_kernels();
const Kernels* portable_kernels();

// Return the kernels of that name, or the fastest for an empty name; null if this processor cannot run them.
const Kernels* find_kernels(const char* name);

}  // namespace carousel
