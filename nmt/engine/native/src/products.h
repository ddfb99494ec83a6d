// Matrix products of packed weights with rows of activations.
//
// A tile is the product of up to kRowsPerTile rows and up to four panels of columns, whose sums stay in registers. Every
// sum runs over the inputs in ascending order in one accumulator, so a row's result does not depend on the tile that
// it falls into.

#pragma once

#include "kernels.h"
#include "simd.h"

#define CAROUSEL_INLINE inline __attribute__((always_inline))

namespace carousel {
namespace CAROUSEL_ISA {

constexpr int kPanelsPerTile = 4;
constexpr int kVectorBytes = kLanes * 4;

// Four unsigned bytes of a row per step, multiplied by four signed bytes of each column.
struct Int8Sums {
  using Sum = Ints;
  static Sum initial(const MatrixView& matrix, int column) { return load_ints(matrix.corrections + column); }
  static Ints operand(const char* row) {
    int32_t bytes;
    memcpy(&bytes, row, sizeof bytes);
    return broadcast_int(bytes);
  }
  static Sum add(Sum sum, Ints x, const char* weights) { return dot_bytes(sum, x, load_ints(weights)); }
  static Floats result(Sum sum, const MatrixView& matrix, const RowsView& input, int row, int column) {
    const Floats scale = load(matrix.scales + column) * broadcast(input.peaks[row]);
    return to_floats(sum) * scale + load(matrix.bias + column);
  }
};

// One float of a row per step.
struct FloatSums {
  using Sum = Floats;
  static Sum initial(const MatrixView&, int) { return broadcast(0.0f); }
  static Floats operand(const char* row) {
    float x;
    memcpy(&x, row, sizeof x);
    return broadcast(x);
  }
  static Sum add(Sum sum, Floats x, const char* weights) {
    return multiply_add(x, load(reinterpret_cast<const float*>(weights)), sum);
  }
  static Floats result(Sum sum, const MatrixView& matrix, const RowsView&, int, int column) {
    return sum + load(matrix.bias + column);
  }
};

// Writes results to rows of floats.
struct StoreResults {
  float* output;
  size_t stride;
  Output kind;

  template <int panels>
  void write(int row, int column, const Floats* results) const {
    float* to = output + row * stride + column;
    for (int panel = 0; panel < panels; ++panel, to += kLanes) {
      switch (kind) {
        case Output::kStore:
          store(to, results[panel]);
          break;
        case Output::kRectify:
          store(to, maximum(results[panel], broadcast(0.0f)));
          break;
        case Output::kTanh:
          store(to, hyperbolic_tangent(results[panel]));
          break;
        case Output::kAdd:
          store(to, load(to) + results[panel]);
          break;
      }
    }
  }
};

// Updates the state of an LSTM. The four panels of a tile are the input, forget and output gate and the candidate of the
// same units.
struct UpdateLstm {
  LstmRows rows;

  template <int panels>
  void write(int row, int column, const Floats* results) const {
    if (panels != kPanelsPerTile) return;  // does not occur: the matrix has four panels for each vector of units
    Floats sums[kPanelsPerTile];
    for (int panel = 0; panel < panels; ++panel) sums[panel] = results[panel];
    if (rows.projected != nullptr) {
      const float* projected = rows.projected[row] + column;
      for (int panel = 0; panel < panels; ++panel) sums[panel] = sums[panel] + load(projected + panel * kLanes);
    }
    const int unit = column / kPanelsPerTile;
    const Fraction input = sigmoid_fraction(sums[0]), forget = sigmoid_fraction(sums[1]);
    const Fraction output = sigmoid_fraction(sums[2]), candidate = tanh_fraction(sums[3]);
    const Floats kept = forget.over / forget.under * load(rows.cell_before[row] + unit);
    const Floats cell = kept + input.over * candidate.over / (input.under * candidate.under);
    const Fraction shown = tanh_fraction(cell);
    store(rows.cell[row] + unit, cell);
    store(rows.hidden[row] + unit, output.over * shown.over / (output.under * shown.under));
  }
};

// The sums of a tile, as members instead of an array: compilers keep members in registers, but not always arrays.
template <class Sums, int num_panels>
struct RowSums {
  typename Sums::Sum sum;
  RowSums<Sums, num_panels - 1> rest;

  CAROUSEL_INLINE void start(const MatrixView& matrix, int column) {
    sum = Sums::initial(matrix, column);
    rest.start(matrix, column + kLanes);
  }
  template <class Operand>
  CAROUSEL_INLINE void add(Operand x, const char* weights) {
    sum = Sums::add(sum, x, weights);
    rest.add(x, weights + kVectorBytes);
  }
  CAROUSEL_INLINE void finish(const MatrixView& matrix, const RowsView& input, int row, int column, Floats* to) const {
    *to = Sums::result(sum, matrix, input, row, column);
    rest.finish(matrix, input, row, column + kLanes, to + 1);
  }
};

template <class Sums>
struct RowSums<Sums, 0> {
  CAROUSEL_INLINE void start(const MatrixView&, int) {}
  template <class Operand>
  CAROUSEL_INLINE void add(Operand, const char*) {}
  CAROUSEL_INLINE void finish(const MatrixView&, const RowsView&, int, int, Floats*) const {}
};

template <class Sums, int num_rows, int num_panels>
struct TileSums {
  RowSums<Sums, num_panels> row;
  TileSums<Sums, num_rows - 1, num_panels> rest;

  CAROUSEL_INLINE void start(const MatrixView& matrix, int column) {
    row.start(matrix, column);
    rest.start(matrix, column);
  }
  CAROUSEL_INLINE void add(const char* rows, size_t stride, const char* weights) {
    row.add(Sums::operand(rows), weights);
    rest.add(rows + stride, stride, weights);
  }
  CAROUSEL_INLINE void finish(
      const MatrixView& matrix, const RowsView& input, int first_row, int column, Floats (*to)[num_panels]) const {
    row.finish(matrix, input, first_row, column, *to);
    rest.finish(matrix, input, first_row + 1, column, to + 1);
  }
};

template <class Sums, int num_panels>
struct TileSums<Sums, 0, num_panels> {
  CAROUSEL_INLINE void start(const MatrixView&, int) {}
  CAROUSEL_INLINE void add(const char*, size_t, const char*) {}
  CAROUSEL_INLINE void finish(const MatrixView&, const RowsView&, int, int, Floats (*)[num_panels]) const {}
};

template <class Sums, class Results, int num_rows, int num_panels>
inline void multiply_tile(
    const MatrixView& matrix, const RowsView& input, int first_row, int first_panel, const Results& results) {
  const int column = first_panel * kLanes, steps = matrix.steps;
  const size_t stride = input.stride;
  const char* rows = static_cast<const char*>(input.rows) + first_row * stride;
  // All tiles before this one have kPanelsPerTile panels, so their weights take this much space.
  const char* weights =
      static_cast<const char*>(matrix.weights) + static_cast<size_t>(first_panel) * steps * kVectorBytes;
  TileSums<Sums, num_rows, num_panels> sums;
  sums.start(matrix, column);
  for (int step = 0; step < steps; ++step, rows += 4, weights += num_panels * kVectorBytes)
    sums.add(rows, stride, weights);
  Floats values[num_rows][num_panels];
  sums.finish(matrix, input, first_row, column, values);
  for (int row = 0; row < num_rows; ++row) results.template write<num_panels>(first_row + row, column, values[row]);
}

// Multiplies the rows from first_row on, at most num_rows of them, by the panels of one tile.
template <class Sums, class Results, int num_rows, int num_panels>
inline void multiply_last_rows(
    const MatrixView& matrix, const RowsView& input, int first_row, int first_panel, const Results& results) {
  if constexpr (num_rows > 0) {
    if (input.count - first_row == num_rows)
      multiply_tile<Sums, Results, num_rows, num_panels>(matrix, input, first_row, first_panel, results);
    else
      multiply_last_rows<Sums, Results, num_rows - 1, num_panels>(matrix, input, first_row, first_panel, results);
  }
}

template <class Sums, class Results, int num_panels>
inline void multiply_panels(const MatrixView& matrix, const RowsView& input, int first_panel, const Results& results) {
  int row = 0;
  for (; row + kRowsPerTile <= input.count; row += kRowsPerTile)
    multiply_tile<Sums, Results, kRowsPerTile, num_panels>(matrix, input, row, first_panel, results);
  multiply_last_rows<Sums, Results, kRowsPerTile - 1, num_panels>(matrix, input, row, first_panel, results);
}

// Multiplies all rows by all panels. The weights of a tile stay in the cache while all rows pass.
template <class Sums, class Results>
void multiply_all(const MatrixView& matrix, const RowsView& input, const Results& results) {
  int panel = 0;
  for (; panel + kPanelsPerTile <= matrix.panels; panel += kPanelsPerTile)
    multiply_panels<Sums, Results, kPanelsPerTile>(matrix, input, panel, results);
  switch (matrix.panels - panel) {
    case 3:
      return multiply_panels<Sums, Results, 3>(matrix, input, panel, results);
    case 2:
      return multiply_panels<Sums, Results, 2>(matrix, input, panel, results);
    case 1:
      return multiply_panels<Sums, Results, 1>(matrix, input, panel, results);
  }
}

}  // namespace CAROUSEL_ISA
}  // namespace carousel
