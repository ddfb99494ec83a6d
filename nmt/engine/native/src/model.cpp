#include "model.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <stdexcept>

namespace carousel {

void Table::add_row(const Kernels& kernels, int row, float factor, float* output) const {
  const uint8_t* from = values.data() + static_cast<size_t>(row) * width * (is_int8() ? 1 : 4);
  if (is_int8())
    kernels.embed_int8(reinterpret_cast<const int8_t*>(from), factor * scales[row], width, output);
  else
    kernels.scale(reinterpret_cast<const float*>(from), factor, width, output);
}

Model::Model(const Architecture& architecture, const Kernels& kernels)
    : architecture_(architecture), kernels_(kernels), initial_states_(architecture.decoder_layers) {}

void Model::set_matrix(const std::string& name, const StoredMatrix& stored) {
  matrices_[name].pack(stored, kernels_.lanes);
}

void Model::set_vector(const std::string& name, const float* values, int size) {
  Array<float>& vector = vectors_[name];
  vector.resize_zeroed(round_up(size, kAlignment));
  std::copy(values, values + size, vector.data());
  vector_sizes_[name] = size;
}

void Model::set_table(const std::string& name, const void* values, const float* scales, int rows, int width) {
  Table& table = tables_[name];
  table.rows = rows, table.width = round_up(width, kAlignment);
  const size_t element = scales == nullptr ? 4 : 1, stride = table.width * element;
  table.values.resize_zeroed(rows * stride);
  for (int row = 0; row < rows; ++row)
    std::memcpy(
        table.values.data() + row * stride, static_cast<const uint8_t*>(values) + row * width * element,
        width * element);
  if (scales == nullptr) return;
  table.scales.resize(rows);
  table.level_sums.resize(rows);
  std::copy(scales, scales + rows, table.scales.data());
  for (int row = 0; row < rows; ++row) {
    const int8_t* levels = static_cast<const int8_t*>(values) + static_cast<size_t>(row) * width;
    table.level_sums[row] = std::accumulate(levels, levels + width, int32_t{0});
  }
}

void Model::share_table(const std::string& name, const std::string& other) { shared_tables_[name] = other; }

void Model::set_initial_state(int layer, int encoder_layer) {
  if (layer < 0 || layer >= architecture_.decoder_layers || encoder_layer < 0 ||
      encoder_layer >= architecture_.encoder_layers)
    throw std::invalid_argument("initial state of a layer that does not exist");
  initial_states_[layer].encoder_layer = encoder_layer;
}

int Model::attention_layers() const {
  if (architecture_.attention == AttentionKind::kNone) return 0;
  return architecture_.decoder_blocks ? architecture_.decoder_layers : 1;
}

const Matrix* Model::matrix(const std::string& name, int inputs, int outputs) const {
  const auto found = matrices_.find(name);
  if (found == matrices_.end()) throw std::invalid_argument(name + " is missing");
  if (found->second.inputs() != inputs || found->second.outputs() != outputs)
    throw std::invalid_argument(name + " has another shape than the architecture needs");
  return &found->second;
}

const float* Model::vector(const std::string& name, int size) const {
  const auto found = vector_sizes_.find(name);
  if (found == vector_sizes_.end()) throw std::invalid_argument(name + " is missing");
  if (found->second != size) throw std::invalid_argument(name + " has another size than the architecture needs");
  return vectors_.at(name).data();
}

LayerNorm Model::layer_norm(const std::string& name) const {
  return {vector(name + ".weight", architecture_.width), vector(name + ".bias", architecture_.width)};
}

FeedForward Model::feed_forward(const std::string& name) const {
  const int inner = round_up(architecture_.feed_forward, kAlignment);
  return {
      layer_norm(name + ".feed_forward_norm"), matrix(name + ".widen", width(), inner),
      matrix(name + ".narrow", inner, width()),
  };
}

Attention Model::attention(const std::string& name) const {
  Attention attention;
  switch (architecture_.attention) {
    case AttentionKind::kNone:
      break;
    case AttentionKind::kDot:
      attention.memory = matrix(name + ".memory", width(), width());
      break;
    case AttentionKind::kAdditive:
      attention.memory = matrix(name + ".memory", width(), width());
      attention.query = matrix(name + ".query", width(), width());
      attention.vector = vector(name + ".vector", architecture_.width);
      break;
    case AttentionKind::kMultihead:
      attention.memory = matrix(name + ".memory", width(), 2 * attention_width());
      attention.query = matrix(name + ".query", width(), attention_width());
      attention.output = matrix(name + ".output", attention_width(), width());
      break;
  }
  return attention;
}

EncoderLayer Model::encoder_layer(int layer) const {
  const std::string name = "encoder." + std::to_string(layer);
  const int directions = layer < architecture_.bidirectional_layers ? 2 : 1;
  const int units = round_up(architecture_.width / directions, kAlignment);
  EncoderLayer result;
  for (int direction = 0; direction < directions; ++direction) {
    const std::string suffix = "." + std::to_string(direction);
    result.input.push_back(matrix(name + ".input" + suffix, width(), 4 * units));
    result.recurrent.push_back(matrix(name + ".recurrent" + suffix, units, 4 * units));
  }
  if (architecture_.encoder_blocks) {
    result.norm = layer_norm(name + ".recurrent_norm");
    result.feed_forward = feed_forward(name);
  }
  return result;
}

DecoderLayer Model::decoder_layer(int layer) const {
  const std::string name = "decoder." + std::to_string(layer);
  const int inputs = 2 + (layer == 0 && architecture_.input_feeding);
  DecoderLayer result;
  result.lstm = matrix(name + ".lstm", inputs * width(), 4 * width());
  if (!architecture_.decoder_blocks) return result;
  result.norm = layer_norm(name + ".recurrent_norm");
  result.feed_forward = feed_forward(name);
  if (architecture_.attention != AttentionKind::kNone) {
    result.attention = attention(name + ".attention");
    result.attention.norm = layer_norm(name + ".attention_norm");
  }
  return result;
}

const Table* Model::table(const std::string& name, int rows) const {
  const auto shared = shared_tables_.find(name);
  const auto found = tables_.find(shared == shared_tables_.end() ? name : shared->second);
  if (found == tables_.end()) throw std::invalid_argument(name + " is missing");
  if (found->second.rows != rows || found->second.width != width())
    throw std::invalid_argument(name + " has another shape than the architecture needs");
  return &found->second;
}

void Model::complete(bool with_whole_vocabulary) {
  for (int layer = 0; layer < architecture_.encoder_layers; ++layer) encoder_.push_back(encoder_layer(layer));
  for (int layer = 0; layer < architecture_.decoder_layers; ++layer) {
    decoder_.push_back(decoder_layer(layer));
    if (!architecture_.encoder_blocks) continue;
    const std::string bridge = "bridge." + std::to_string(layer);
    initial_states_[layer].hidden = matrix(bridge + ".hidden", width(), width());
    initial_states_[layer].cell = matrix(bridge + ".cell", width(), width());
  }
  if (architecture_.encoder_blocks) encoder_norm_ = layer_norm("encoder.norm");
  if (architecture_.decoder_blocks) {
    decoder_norm_ = layer_norm("decoder.norm");
  } else if (architecture_.attention != AttentionKind::kNone) {
    classic_attention_ = attention("decoder.attention");
    combine_ = matrix("decoder.combine", 2 * width(), width());
  }
  source_embedding_ = table("source", architecture_.source_vocabulary);
  target_embedding_ = table("target", architecture_.target_vocabulary);
  output_table_ = table("output", architecture_.target_vocabulary);
  for (const int32_t id : reserved_)
    if (id < 0 || id >= architecture_.target_vocabulary) throw std::invalid_argument("a reserved id does not exist");
  if (!with_whole_vocabulary) return;
  std::vector<int32_t> ids(architecture_.target_vocabulary);
  std::iota(ids.begin(), ids.end(), 0);
  const Table& table = *output_table_;
  whole_vocabulary_.pack_rows(
      table.values.data(), table.is_int8() ? table.scales.data() : nullptr, table.level_sums.data(), table.width,
      ids.data(), table.rows, kernels_.lanes);
}

}  // namespace carousel
