// The encoder: source sentences to one row per token and the final states of its layers.

#pragma once

#include <vector>

#include "activations.h"
#include "model.h"

namespace carousel {

class Encoder {
 public:
  explicit Encoder(const Model& model) : model_(model), multiplier_(model.kernels()) {}

  // Encode sentences, each of which ends with end of sentence. Sentences are best sorted from long to short.
  void encode(const std::vector<std::vector<int32_t>>& sentences);

  int length(int sentence) const { return lengths_[sentence]; }
  int first_token(int sentence) const { return starts_[sentence]; }
  int num_tokens() const { return num_tokens_; }
  // The output of the encoder for all sentences, one after the other, [tokens, padded width].
  const float* memory() const { return x_.data(); }
  // Write the initial state of a decoder layer for all sentences, [sentences, padded width].
  void initial_state(int layer, float* hidden, float* cell);

 private:
  // Final states of a layer, [sentences, padded width].
  struct State {
    Array<float> hidden, cell;
  };

  void embed(const std::vector<std::vector<int32_t>>& sentences);
  void run_layer(int layer);
  void run_direction(const Matrix& input, const Matrix& recurrent, const RowsView& rows, bool backward, int offset,
                     int units, State& final);
  void restore_order();

  const Model& model_;
  Multiplier multiplier_, recurrent_multiplier_{model_.kernels()};
  std::vector<int> lengths_, starts_;
  int num_tokens_ = 0;
  Array<float> x_, y_, normalised_, projected_, hidden_[2], cell_;
  std::vector<State> states_;
  std::vector<const float*> projected_rows_, cells_before_;
  std::vector<float*> cells_, hiddens_;
};

}  // namespace carousel
