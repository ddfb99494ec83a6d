#include "attention.h"

#include <algorithm>

namespace carousel {

namespace {

// Writes a number of an fp32 matrix, given by its row (input) and column (output), in the layout of MatrixView.
void place(float* matrix, int row, int column, int rows, int columns, int lanes, float value) {
  const size_t offset = panel_offset(column / lanes, row, columns / lanes, rows, lanes) / sizeof(float);
  matrix[offset + column % lanes] = value;
}

}  // namespace

void AttentionMemory::store(
    const Model& model, const float* memory, const float* projected, size_t projected_stride, int length) {
  const Architecture& architecture = model.architecture();
  const bool is_multihead = architecture.attention == AttentionKind::kMultihead;
  const int heads = architecture.heads;
  length_ = length, padded_length_ = round_up(length, kAlignment), lanes_ = model.kernels().lanes;
  head_width_ = model.head_width();
  const size_t keys_size = static_cast<size_t>(head_width_) * padded_length_;
  const size_t values_size = static_cast<size_t>(head_width_) * length;
  keys_.resize_zeroed(keys_size * heads);
  values_.resize(values_size * heads);
  zeros_.resize_zeroed(std::max(padded_length_, head_width_));
  for (int position = 0; position < length; ++position) {
    const float* key = projected + position * projected_stride;
    const float* value = is_multihead ? key + heads * head_width_ : memory + static_cast<size_t>(position) * head_width_;
    for (int head = 0; head < heads; ++head, key += head_width_, value += head_width_) {
      float* values = values_.data() + head * values_size;
      float* keys = keys_.data() + head * keys_size;
      if (architecture.attention == AttentionKind::kAdditive) {
        // Whole panels one after the other; see Kernels::additive_scores.
        float* panel = keys + static_cast<size_t>(position / lanes_) * architecture.width * lanes_ + position % lanes_;
        for (int i = 0; i < architecture.width; ++i) panel[i * lanes_] = key[i];
      } else {
        for (int i = 0; i < head_width_; ++i) place(keys, i, position, head_width_, padded_length_, lanes_, key[i]);
      }
      for (int i = 0; i < head_width_; i += lanes_)
        std::copy(value + i, value + i + lanes_,
                  values + panel_offset(i / lanes_, position, head_width_ / lanes_, length, lanes_) / sizeof(float));
    }
  }
}

MatrixView AttentionMemory::keys(int head) const {
  const float* keys = keys_.data() + static_cast<size_t>(head) * head_width_ * padded_length_;
  return {keys, nullptr, nullptr, zeros_.data(), head_width_, padded_length_ / lanes_, false};
}

MatrixView AttentionMemory::values(int head) const {
  const float* values = values_.data() + static_cast<size_t>(head) * head_width_ * length_;
  return {values, nullptr, nullptr, zeros_.data(), length_, head_width_ / lanes_, false};
}

void AttentionStep::attend(
    const Attention& layer, const AttentionMemory& memory, const float* queries, int count, float* contexts,
    float* alignment, size_t alignment_stride) {
  const Architecture& architecture = model_.architecture();
  const Kernels& kernels = model_.kernels();
  const int padded = memory.padded_length(), head_width = model_.head_width();
  const size_t stride = model_.attention_width();
  weights_.resize(static_cast<size_t>(count) * padded);
  for (int head = 0; head < architecture.heads; ++head) {
    score(layer, memory, head, queries + head * head_width, count);
    for (int row = 0; row < count; ++row)
      kernels.softmax(weights_.data() + static_cast<size_t>(row) * padded, memory.length(), padded);
    const RowsView weights{weights_.data(), padded * sizeof(float), nullptr, count};
    kernels.multiply(memory.values(head), weights, contexts + head * head_width, stride, Output::kStore);
    if (alignment == nullptr || (head > 0 && architecture.alignment_head)) continue;
    const float share = architecture.alignment_head ? 1.0f : 1.0f / static_cast<float>(architecture.heads);
    for (int row = 0; row < count; ++row)
      for (int position = 0; position < memory.length(); ++position) {
        float& weight = alignment[row * alignment_stride + position];
        weight = (head > 0 ? weight : 0.0f) + share * weights_[static_cast<size_t>(row) * padded + position];
      }
  }
}

void AttentionStep::score(
    const Attention& layer, const AttentionMemory& memory, int head, const float* queries, int count) {
  const Kernels& kernels = model_.kernels();
  const size_t stride = model_.attention_width();
  const int padded = memory.padded_length();
  if (model_.architecture().attention == AttentionKind::kAdditive) {
    for (int row = 0; row < count; ++row)
      kernels.additive_scores(
          queries + row * stride, memory.additive_keys(), layer.vector, model_.architecture().width, padded,
          weights_.data() + static_cast<size_t>(row) * padded);
    return;
  }
  const RowsView rows{queries, stride * sizeof(float), nullptr, count};
  kernels.multiply(memory.keys(head), rows, weights_.data(), padded, Output::kStore);
}

}  // namespace carousel
