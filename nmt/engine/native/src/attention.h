// Attention of hypotheses over the encoded source of their own sentence.

#pragma once

#include "activations.h"
#include "model.h"

namespace carousel {

// The source of one sentence, projected for one attention layer. Its keys and values are weights of fp32 products, so
// a product for all hypotheses of the sentence gives the scores of a head, and another one its contexts.
class AttentionMemory {
 public:
  // `memory` is the output of the encoder for the sentence, `projected` its product with the layer's matrix.
  void store(const Model& model, const float* memory, const float* projected, size_t projected_stride, int length);

  int length() const { return length_; }
  int padded_length() const { return padded_length_; }
  MatrixView keys(int head) const;
  MatrixView values(int head) const;
  const float* additive_keys() const { return keys_.data(); }

 private:
  int length_ = 0, padded_length_ = 0, head_width_ = 0, lanes_ = 0;
  Array<float> keys_, values_, zeros_;
};

// Buffers of attention, for the rows of all sentences of a step.
class AttentionStep {
 public:
  explicit AttentionStep(const Model& model) : model_(model) {}

  // Attend to `memory` with queries [count, attention width], and write contexts of the same shape. `alignment`, unless
  // null, gets the weights [count, alignment_stride] of the alignment head, or their mean over all heads.
  void attend(const Attention& layer, const AttentionMemory& memory, const float* queries, int count, float* contexts,
              float* alignment, size_t alignment_stride);

 private:
  void score(const Attention& layer, const AttentionMemory& memory, int head, const float* queries, int count);

  const Model& model_;
  Array<float> weights_;
};

}  // namespace carousel
