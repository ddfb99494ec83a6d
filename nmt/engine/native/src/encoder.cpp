#include "encoder.h"

#include <algorithm>
#include <cmath>

namespace carousel {

constexpr int kFeedForwardRows = 48;  // whose inner activations stay in the cache between the two products

void Encoder::encode(const std::vector<std::vector<int32_t>>& sentences) {
  lengths_.clear();
  starts_.clear();
  num_tokens_ = 0;
  for (const auto& sentence : sentences) {
    lengths_.push_back(static_cast<int>(sentence.size()));
    starts_.push_back(num_tokens_);
    num_tokens_ += lengths_.back();
  }
  embed(sentences);
  states_.resize(model_.architecture().encoder_layers);
  for (int layer = 0; layer < model_.architecture().encoder_layers; ++layer) run_layer(layer);
  const int size = model_.width();
  if (model_.architecture().encoder_blocks)
    for (int token = 0; token < num_tokens_; ++token) {
      float* row = x_.data() + static_cast<size_t>(token) * size;
      multiplier_.normalise(model_.encoder_norm(), model_.architecture().width, size, row, row);
    }
  if (model_.architecture().reverse_source) restore_order();
}

void Encoder::embed(const std::vector<std::vector<int32_t>>& sentences) {
  const int size = model_.width();
  const float factor = std::sqrt(static_cast<float>(model_.architecture().width));
  x_.resize(static_cast<size_t>(num_tokens_) * size);
  float* row = x_.data();
  for (const auto& sentence : sentences) {
    const int words = static_cast<int>(sentence.size()) - 1;
    for (int i = 0; i <= words; ++i, row += size) {
      // A reversed sentence still ends with end of sentence.
      const int position = model_.architecture().reverse_source && i < words ? words - 1 - i : i;
      model_.source_embedding().add_row(model_.kernels(), sentence[position], factor, row);
    }
  }
}

void Encoder::run_layer(int layer) {
  const Architecture& architecture = model_.architecture();
  const EncoderLayer& weights = model_.encoder()[layer];
  const int size = model_.width(), directions = static_cast<int>(weights.input.size());
  const size_t total = static_cast<size_t>(num_tokens_) * size;
  const float* input = x_.data();
  if (architecture.encoder_blocks) {
    normalised_.resize(total);
    for (int token = 0; token < num_tokens_; ++token)
      multiplier_.normalise(
          weights.norm, architecture.width, size, x_.data() + static_cast<size_t>(token) * size,
          normalised_.data() + static_cast<size_t>(token) * size);
    input = normalised_.data();
  }
  State& final = states_[layer];
  final.hidden.resize_zeroed(lengths_.size() * size);
  final.cell.resize_zeroed(lengths_.size() * size);
  y_.resize_zeroed(total);
  const RowsView rows = multiplier_.prepare(*weights.input[0], input, size, num_tokens_);
  const int units = architecture.width / directions;
  for (int direction = 0; direction < directions; ++direction)
    run_direction(
        *weights.input[direction], *weights.recurrent[direction], rows, direction == 1, direction * units, units, final);
  if (architecture.encoder_blocks || (architecture.residual && layer > 0))
    model_.kernels().add(x_.data(), y_.data(), static_cast<int>(total));
  else
    std::swap(x_, y_);
  if (!architecture.encoder_blocks) return;
  for (int token = 0; token < num_tokens_; token += kFeedForwardRows)
    multiplier_.add_feed_forward(
        weights.feed_forward, architecture.width, x_.data() + static_cast<size_t>(token) * size, size,
        std::min(kFeedForwardRows, num_tokens_ - token));
}

// Runs one direction of an LSTM over all sentences at once, a step at a time. Its results are columns `offset` to
// `offset + units` of the layer's output.
void Encoder::run_direction(const Matrix& input, const Matrix& recurrent, const RowsView& rows, bool backward,
                            int offset, int units, State& final) {
  const int count = static_cast<int>(lengths_.size()), size = model_.width();
  const size_t padded_units = recurrent.inputs(), gates = input.outputs();
  projected_.resize(num_tokens_ * gates);
  model_.kernels().multiply(input.view(), rows, projected_.data(), gates, Output::kStore);
  // Hidden states are read and written in turns, because a product reads all of a row while it writes the new one.
  for (auto& hidden : hidden_) hidden.resize_zeroed(count * padded_units);
  cell_.resize_zeroed(count * padded_units);
  projected_rows_.resize(count);
  cells_before_.resize(count);
  cells_.resize(count);
  hiddens_.resize(count);
  std::vector<int> by_length(count);
  for (int i = 0; i < count; ++i) by_length[i] = i;
  std::stable_sort(by_length.begin(), by_length.end(), [&](int a, int b) { return lengths_[a] > lengths_[b]; });
  int active = count;
  for (int step = 0; step < lengths_[by_length[0]]; ++step) {
    while (lengths_[by_length[active - 1]] <= step) --active;
    const Array<float>& before = hidden_[step % 2];
    Array<float>& after = hidden_[1 - step % 2];
    for (int i = 0; i < active; ++i) {
      const int sentence = by_length[i], position = backward ? lengths_[sentence] - 1 - step : step;
      projected_rows_[i] = projected_.data() + (starts_[sentence] + position) * gates;
      cells_before_[i] = cells_[i] = cell_.data() + i * padded_units;
      hiddens_[i] = after.data() + i * padded_units;
    }
    const RowsView state = recurrent_multiplier_.prepare(recurrent, before.data(), padded_units, active);
    model_.kernels().lstm(
        recurrent.view(), state, {projected_rows_.data(), cells_before_.data(), cells_.data(), hiddens_.data()});
    for (int i = 0; i < active; ++i) {
      const int sentence = by_length[i], position = backward ? lengths_[sentence] - 1 - step : step;
      float* output = y_.data() + static_cast<size_t>(starts_[sentence] + position) * size + offset;
      std::copy(hiddens_[i], hiddens_[i] + units, output);
      if (step + 1 < lengths_[sentence]) continue;
      const size_t start = static_cast<size_t>(sentence) * size + offset;
      std::copy(hiddens_[i], hiddens_[i] + units, final.hidden.data() + start);
      std::copy(cells_[i], cells_[i] + units, final.cell.data() + start);
    }
  }
}

void Encoder::restore_order() {
  const int size = model_.width();
  for (size_t sentence = 0; sentence < lengths_.size(); ++sentence) {
    float* first = x_.data() + static_cast<size_t>(starts_[sentence]) * size;
    for (int i = 0, j = lengths_[sentence] - 2; i < j; ++i, --j)
      std::swap_ranges(first + i * size, first + (i + 1) * size, first + j * size);
  }
}

void Encoder::initial_state(int layer, float* hidden, float* cell) {
  const InitialState& initial = model_.initial_states()[layer];
  const State& final = states_[initial.encoder_layer];
  const int count = static_cast<int>(lengths_.size()), size = model_.width();
  if (initial.hidden == nullptr) {
    std::copy(final.hidden.data(), final.hidden.data() + final.hidden.size(), hidden);
    std::copy(final.cell.data(), final.cell.data() + final.cell.size(), cell);
    return;
  }
  multiplier_.multiply(*initial.hidden, final.hidden.data(), size, count, hidden, size, Output::kTanh);
  multiplier_.multiply(*initial.cell, final.cell.data(), size, count, cell, size);
}

}  // namespace carousel
