// Rows of activations on their way through matrix products.

#pragma once

#include "model.h"

namespace carousel {

// Prepares rows of floats as the input of matrix products, and multiplies them. Buffers grow to the largest product.
class Multiplier {
 public:
  explicit Multiplier(const Kernels& kernels) : kernels_(kernels) {}

  // Return the input of products with matrices like `matrix`; valid until the next call.
  RowsView prepare(const Matrix& matrix, const float* rows, size_t stride, int count) {
    if (!matrix.view().is_int8) return {rows, stride * sizeof(float), nullptr, count};
    const size_t size = matrix.inputs();
    levels_.resize(size * count);
    peaks_.resize(count);
    for (int row = 0; row < count; ++row)
      peaks_[row] = kernels_.quantise(rows + row * stride, matrix.inputs(), levels_.data() + row * size);
    return {levels_.data(), size, peaks_.data(), count};
  }

  // Multiply rows of floats by a matrix.
  void multiply(
      const Matrix& matrix, const float* rows, size_t stride, int count, float* output, size_t output_stride,
      Output kind = Output::kStore) {
    kernels_.multiply(matrix.view(), prepare(matrix, rows, stride, count), output, output_stride, kind);
  }

  // Add the feed-forward sublayer of a block to rows x.
  void add_feed_forward(const FeedForward& layer, int width, float* x, size_t stride, int count) {
    const size_t inner = layer.widen->outputs();
    normalised_.resize(stride * count);
    inner_.resize(inner * count);
    for (int row = 0; row < count; ++row)
      normalise(layer.norm, width, static_cast<int>(stride), x + row * stride, normalised_.data() + row * stride);
    multiply(*layer.widen, normalised_.data(), stride, count, inner_.data(), inner, Output::kRectify);
    multiply(*layer.narrow, inner_.data(), inner, count, x, stride, Output::kAdd);
  }

  void normalise(const LayerNorm& norm, int width, int size, const float* row, float* output) const {
    kernels_.layer_norm(row, width, size, norm.weight, norm.bias, output);
  }

 private:
  const Kernels& kernels_;
  Array<uint8_t> levels_;
  Array<float> peaks_, normalised_, inner_;
};

}  // namespace carousel
