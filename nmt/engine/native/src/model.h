// The weights of a network, packed for the kernels. A model does not change once it is complete, so threads share it.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernels.h"
#include "matrix.h"

namespace carousel {

enum class AttentionKind : int32_t { kNone, kDot, kAdditive, kMultihead };

// Architecture of the network; the fields have the names and the meaning of nmt.config.model.ModelConfig.
struct Architecture {
  int32_t width, feed_forward, encoder_layers, decoder_layers, bidirectional_layers;
  int32_t encoder_blocks;  // 1 for blocks, 0 for the classic design
  int32_t decoder_blocks;
  AttentionKind attention;
  int32_t heads;  // 1 unless attention is multi-head
  int32_t input_feeding, reverse_source, residual, alignment_head;
  int32_t source_vocabulary, target_vocabulary;
  int32_t end_of_sentence;
  // Factor of the embeddings that a classic decoder's LSTM reads, by which its weights are divided. In the blocks design,
  // layer normalisation includes the factor.
  float embedding_gain;
};

struct LayerNorm {
  const float* weight = nullptr;
  const float* bias = nullptr;
};

struct FeedForward {
  LayerNorm norm;
  const Matrix* widen = nullptr;
  const Matrix* narrow = nullptr;
};

struct Attention {
  LayerNorm norm;
  const Matrix* memory = nullptr;  // projects the encoder's output: to keys, or to keys and values for multi-head
  const Matrix* query = nullptr;   // multi-head and additive
  const Matrix* output = nullptr;  // multi-head
  const float* vector = nullptr;   // additive
};

struct EncoderLayer {
  LayerNorm norm;
  std::vector<const Matrix*> input, recurrent;  // of each direction
  FeedForward feed_forward;
};

struct DecoderLayer {
  LayerNorm norm;
  const Matrix* lstm = nullptr;
  Attention attention;
  FeedForward feed_forward;
};

// How the state of a decoder layer begins: the final state of an encoder layer, projected in the blocks design.
struct InitialState {
  int encoder_layer = 0;
  const Matrix* hidden = nullptr;
  const Matrix* cell = nullptr;
};

// Table of embeddings or output weights, [rows, padded width].
struct Table {
  int rows = 0, width = 0;
  Array<uint8_t> values;
  Array<float> scales;        // int8 only
  Array<int32_t> level_sums;  // int8 only

  bool is_int8() const { return scales.size() > 0; }
  void add_row(const Kernels& kernels, int row, float factor, float* output) const;
};

class Model {
 public:
  Model(const Architecture& architecture, const Kernels& kernels);

  void set_matrix(const std::string& name, const StoredMatrix& stored);
  void set_vector(const std::string& name, const float* values, int size);
  void set_table(const std::string& name, const void* values, const float* scales, int rows, int width);
  void share_table(const std::string& name, const std::string& other);
  void set_initial_state(int layer, int encoder_layer);
  void set_reserved(const int32_t* ids, int count) { reserved_.assign(ids, ids + count); }
  // Connect the weights to the layers. Throws std::invalid_argument if one is missing or has another size.
  void complete(bool with_whole_vocabulary);

  const Architecture& architecture() const { return architecture_; }
  const Kernels& kernels() const { return kernels_; }
  const std::vector<EncoderLayer>& encoder() const { return encoder_; }
  const std::vector<DecoderLayer>& decoder() const { return decoder_; }
  const std::vector<InitialState>& initial_states() const { return initial_states_; }
  const LayerNorm& encoder_norm() const { return encoder_norm_; }
  const LayerNorm& decoder_norm() const { return decoder_norm_; }
  const Attention& classic_attention() const { return classic_attention_; }
  const Matrix* combine() const { return combine_; }  // classic decoders with attention
  const Table& source_embedding() const { return *source_embedding_; }
  const Table& target_embedding() const { return *target_embedding_; }
  const Table& output_table() const { return *output_table_; }
  const Matrix& whole_vocabulary() const { return whole_vocabulary_; }
  const std::vector<int32_t>& reserved() const { return reserved_; }

  int width() const { return round_up(architecture_.width, kAlignment); }  // padded
  int head_width() const { return round_up(architecture_.width / architecture_.heads, kAlignment); }
  int attention_width() const { return head_width() * architecture_.heads; }
  int attention_layers() const;

 private:
  const Matrix* matrix(const std::string& name, int inputs, int outputs) const;
  const float* vector(const std::string& name, int size) const;
  LayerNorm layer_norm(const std::string& name) const;
  FeedForward feed_forward(const std::string& name) const;
  Attention attention(const std::string& name) const;
  EncoderLayer encoder_layer(int layer) const;
  DecoderLayer decoder_layer(int layer) const;
  const Table* table(const std::string& name, int rows) const;

  Architecture architecture_;
  const Kernels& kernels_;
  std::map<std::string, Matrix> matrices_;
  std::map<std::string, Array<float>> vectors_;
  std::map<std::string, int> vector_sizes_;
  std::map<std::string, Table> tables_;
  std::map<std::string, std::string> shared_tables_;
  std::vector<EncoderLayer> encoder_;
  std::vector<DecoderLayer> decoder_;
  std::vector<InitialState> initial_states_;
  LayerNorm encoder_norm_, decoder_norm_;
  Attention classic_attention_;
  const Matrix* combine_ = nullptr;
  const Table* source_embedding_ = nullptr;
  const Table* target_embedding_ = nullptr;
  const Table* output_table_ = nullptr;
  Matrix whole_vocabulary_;
  std::vector<int32_t> reserved_;
};

}  // namespace carousel
