// The kernels of one instruction set. This file is compiled once for each; see build.py.

#include "kernels.h"

#include "products.h"
#include "simd.h"

namespace carousel {
namespace CAROUSEL_ISA {

static const float kMinusInfinity = -__builtin_inff();

static float quantise(const float* row, int size, uint8_t* levels) {
  Floats largest = broadcast(0.0f), smallest = broadcast(0.0f);
  for (int i = 0; i < size; i += kLanes) {
    largest = maximum(largest, load(row + i));
    smallest = minimum(smallest, load(row + i));
  }
  const float peak = maximum_of_lanes(maximum(largest, broadcast(0.0f) - smallest));
  // The reciprocal of a smaller peak is infinite. Such a row is as good as zero.
  const Floats factor = broadcast(peak > 1e-30f ? 127.0f / peak : 0.0f);
  for (int i = 0; i < size; i += kLanes)
    store_bytes(levels + i, round_to_ints(load(row + i) * factor) + broadcast_int(128));
  return peak;
}

static void multiply(const MatrixView& matrix, const RowsView& input, float* output, size_t stride, Output kind) {
  const StoreResults results{output, stride, kind};
  if (matrix.is_int8)
    multiply_all<Int8Sums>(matrix, input, results);
  else
    multiply_all<FloatSums>(matrix, input, results);
}

static void lstm(const MatrixView& matrix, const RowsView& input, const LstmRows& state) {
  const UpdateLstm results{state};
  if (matrix.is_int8)
    multiply_all<Int8Sums>(matrix, input, results);
  else
    multiply_all<FloatSums>(matrix, input, results);
}

static void layer_norm(
    const float* row, int width, int size, const float* weight, const float* bias, float* output) {
  Floats sum = broadcast(0.0f), squares = broadcast(0.0f);
  for (int i = 0; i < size; i += kLanes) sum = sum + load(row + i);
  const float mean = sum_of_lanes(sum) / static_cast<float>(width);
  // The numbers beyond the width are zero; subtracting the mean must not count them in.
  const int whole = width / kLanes * kLanes;
  for (int i = 0; i < whole; i += kLanes) {
    const Floats centred = load(row + i) - broadcast(mean);
    squares = multiply_add(centred, centred, squares);
  }
  float variance = sum_of_lanes(squares);
  for (int i = whole; i < width; ++i) variance += (row[i] - mean) * (row[i] - mean);
  variance /= static_cast<float>(width);
  const Floats factor = broadcast(1.0f / __builtin_sqrtf(variance + 1e-5f));
  for (int i = 0; i < size; i += kLanes)
    store(output + i, multiply_add((load(row + i) - broadcast(mean)) * factor, load(weight + i), load(bias + i)));
}

static float largest_of(const float* scores, int size) {
  Floats largest = load(scores);
  for (int i = kLanes; i < size; i += kLanes) largest = maximum(largest, load(scores + i));
  return maximum_of_lanes(largest);
}

static void softmax(float* scores, int count, int size) {
  for (int i = count; i < size; ++i) scores[i] = kMinusInfinity;
  const float largest = largest_of(scores, size);
  Floats sum = broadcast(0.0f);
  for (int i = 0; i < size; i += kLanes) {
    const Floats weight = exponential(load(scores + i) - broadcast(largest));
    store(scores + i, weight);
    sum = sum + weight;
  }
  const Floats factor = broadcast(1.0f / sum_of_lanes(sum));
  for (int i = 0; i < size; i += kLanes) store(scores + i, load(scores + i) * factor);
}

static void additive_scores(
    const float* query, const float* keys, const float* vector, int width, int size, float* scores) {
  for (int position = 0; position < size; position += kLanes) {
    Floats sum = broadcast(0.0f);
    for (int i = 0; i < width; ++i, keys += kLanes)
      sum = multiply_add(hyperbolic_tangent(broadcast(query[i]) + load(keys)), broadcast(vector[i]), sum);
    store(scores + position, sum);
  }
}

static void add_row(float* to, const float* from, int size) {
  for (int i = 0; i < size; i += kLanes) store(to + i, load(to + i) + load(from + i));
}

static void embed_int8(const int8_t* levels, float factor, int size, float* output) {
  for (int i = 0; i < size; ++i) output[i] = static_cast<float>(levels[i]) * factor;
}

static void scale(const float* row, float factor, int size, float* output) {
  for (int i = 0; i < size; i += kLanes) store(output + i, load(row + i) * broadcast(factor));
}

static float log_sum_exp(const float* scores, int size) {
  const float largest = largest_of(scores, size);
  Floats sum = broadcast(0.0f);
  for (int i = 0; i < size; i += kLanes) sum = sum + exponential(load(scores + i) - broadcast(largest));
  return largest + __builtin_logf(sum_of_lanes(sum));
}

static void select_largest(const float* scores, int size, int count, float* largest, int32_t* positions) {
  for (int i = 0; i < count; ++i) {
    largest[i] = kMinusInfinity;
    positions[i] = -1;
  }
  Floats last = broadcast(kMinusInfinity);
  for (int first = 0; first < size; first += kLanes) {
    unsigned found = where_greater(load(scores + first), last);
    for (; found != 0; found &= found - 1) {
      const int position = first + __builtin_ctz(found);
      const float score = scores[position];
      int rank = count - 1;
      if (!(score > largest[rank])) continue;  // the last of the selected ones is larger now
      for (; rank > 0 && score > largest[rank - 1]; --rank) {
        largest[rank] = largest[rank - 1];
        positions[rank] = positions[rank - 1];
      }
      largest[rank] = score;
      positions[rank] = position;
      last = broadcast(largest[count - 1]);
    }
  }
}

#define CAROUSEL_TEXT(name) CAROUSEL_QUOTED(name)
#define CAROUSEL_QUOTED(name) #name

static const Kernels kernels = {
    CAROUSEL_TEXT(CAROUSEL_ISA), kLanes,     quantise, multiply,   lstm,  layer_norm,  softmax,
    additive_scores,             add_row,        embed_int8, scale, log_sum_exp, select_largest,
};

}  // namespace CAROUSEL_ISA

#define CAROUSEL_JOIN(name) CAROUSEL_JOINED(name)
#define CAROUSEL_JOINED(name) name##_kernels

const Kernels* CAROUSEL_JOIN(CAROUSEL_ISA)() { return &CAROUSEL_ISA::kernels; }

}  // namespace carousel
