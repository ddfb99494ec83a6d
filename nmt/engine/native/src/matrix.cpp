#include "matrix.h"

#include <cstring>
#include <vector>

namespace carousel {

namespace {

constexpr int kPanelsPerTile = 4;  // as in products.h
constexpr float kLevels = 127.0f;  // levels of activations on either side of zero

// For each padded index, the index without padding, or -1 in the padding.
std::vector<int> unpadded_indices(int size, int parts) {
  const int part = size / parts, padded = round_up(part, kAlignment);
  std::vector<int> indices(static_cast<size_t>(padded) * parts, -1);
  for (int i = 0; i < size; ++i) indices[i / part * padded + i % part] = i;
  return indices;
}

// Move the gates of each vector of units together.
std::vector<int> interleave_gates(const std::vector<int>& outputs, int lanes) {
  const int units = static_cast<int>(outputs.size()) / kPanelsPerTile;
  std::vector<int> interleaved;
  for (int unit = 0; unit < units; unit += lanes)
    for (int gate = 0; gate < kPanelsPerTile; ++gate)
      interleaved.insert(
          interleaved.end(), outputs.begin() + gate * units + unit, outputs.begin() + gate * units + unit + lanes);
  return interleaved;
}

}  // namespace

size_t panel_offset(int panel, int step, int panels, int steps, int lanes) {
  const int first = panel / kPanelsPerTile * kPanelsPerTile;
  const int in_tile = panels - first < kPanelsPerTile ? panels - first : kPanelsPerTile;
  const size_t vectors = static_cast<size_t>(first) * steps + static_cast<size_t>(step) * in_tile + (panel - first);
  return vectors * lanes * 4;
}

void Matrix::resize(int inputs, int outputs, bool is_int8, int lanes) {
  inputs_ = inputs, outputs_ = outputs, is_int8_ = is_int8, lanes_ = lanes;
  weights_.resize(static_cast<size_t>(inputs) * outputs * (is_int8 ? 1 : 4));
  bias_.resize(outputs);
  if (!is_int8) return;
  scales_.resize(outputs);
  corrections_.resize(outputs);
}

void Matrix::pack(const StoredMatrix& stored, int lanes) {
  const std::vector<int> inputs = unpadded_indices(stored.inputs, stored.input_parts);
  std::vector<int> outputs = unpadded_indices(stored.outputs, stored.output_parts);
  if (stored.is_lstm) outputs = interleave_gates(outputs, lanes);
  const bool is_int8 = stored.scales != nullptr;
  resize(static_cast<int>(inputs.size()), static_cast<int>(outputs.size()), is_int8, lanes);
  const MatrixView shape = view();
  const int per_step = is_int8 ? 4 : 1, element = is_int8 ? 1 : 4;
  for (int column = 0; column < outputs_; ++column) {
    const int output = outputs[column];
    int32_t sum = 0;
    for (int row = 0; row < inputs_; ++row) {
      const size_t offset = panel_offset(column / lanes, row / per_step, shape.panels, shape.steps, lanes) +
                            column % lanes * 4 + row % per_step * element;
      uint8_t* to = weights_.data() + offset;
      if (output < 0 || inputs[row] < 0) {
        std::memset(to, 0, element);
        continue;
      }
      const size_t index = static_cast<size_t>(output) * stored.inputs + inputs[row];
      std::memcpy(to, static_cast<const uint8_t*>(stored.values) + index * element, element);
      if (is_int8) sum += static_cast<const int8_t*>(stored.values)[index];
    }
    bias_[column] = output < 0 || stored.bias == nullptr ? 0.0f : stored.bias[output];
    if (!is_int8) continue;
    scales_[column] = output < 0 ? 0.0f : stored.scales[output] / kLevels;
    corrections_[column] = -128 * sum;
  }
}

void Matrix::pack_rows(
    const void* table, const float* scales, const int32_t* column_sums, int width, const int32_t* ids, int count,
    int lanes) {
  const bool is_int8 = scales != nullptr;
  resize(width, round_up(count, kAlignment), is_int8, lanes);
  const MatrixView shape = view();
  for (int column = 0; column < outputs_; ++column) {
    const int32_t id = ids[column < count ? column : 0];  // the caller ignores the results of the padding
    const size_t row_bytes = static_cast<size_t>(width) * (is_int8 ? 1 : 4);
    const uint8_t* from = static_cast<const uint8_t*>(table) + id * row_bytes;
    const int panel = column / lanes;
    uint8_t* to = weights_.data() + panel_offset(panel, 0, shape.panels, shape.steps, lanes) + column % lanes * 4;
    const size_t stride = panel_offset(panel, 1, shape.panels, shape.steps, lanes) -
                          panel_offset(panel, 0, shape.panels, shape.steps, lanes);
    for (int step = 0; step < shape.steps; ++step, from += 4, to += stride) std::memcpy(to, from, 4);
    bias_[column] = 0.0f;
    if (!is_int8) continue;
    scales_[column] = scales[id] / kLevels;
    corrections_[column] = -128 * column_sums[id];
  }
}

MatrixView Matrix::view() const {
  return {
      weights_.data(), scales_.data(), corrections_.data(), bias_.data(), is_int8_ ? inputs_ / 4 : inputs_,
      outputs_ / lanes_, is_int8_,
  };
}

}  // namespace carousel
