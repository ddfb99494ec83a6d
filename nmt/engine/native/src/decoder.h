// Slots of sentences, and steps of the decoder for their hypotheses.

#pragma once

#include <vector>

#include "activations.h"
#include "attention.h"
#include "encoder.h"
#include "model.h"

namespace carousel {

// A source sentence and its target tokens.
struct Sentence {
  std::vector<int32_t> source;  // with end of sentence
  std::vector<int32_t> shortlist;  // ascending; empty for the whole vocabulary
};

// Consecutive rows of a step that belong to one slot.
struct RowGroup {
  int slot = 0;
  int first_row = 0;
  int count = 0;
};

// Rows of a step. State rows are indices into the stored states: slot × rows per slot + row.
struct StepRows {
  std::vector<RowGroup> groups;
  std::vector<int32_t> tokens;       // last token of each row
  std::vector<int32_t> parents;      // state row that each row continues
  std::vector<int32_t> destinations;  // state row that gets the new state of each row
};

// Receives the logits of one row. They are for the tokens of the slot's shortlist, or of the whole vocabulary. The
// receiver may overwrite them. `alignment` are the attention weights of the row, or null.
class LogitsReceiver {
 public:
  virtual ~LogitsReceiver() = default;
  virtual void receive(int row, int slot, float* logits, int size, const float* alignment) = 0;
};

class Decoder {
 public:
  Decoder(const Model& model, int num_slots, int rows_per_slot);

  // Encode sentences into slots. All rows of a slot start from the initial state.
  void admit(const std::vector<int32_t>& slots, const std::vector<Sentence>& sentences);

  // Advance rows by one token.
  void step(const StepRows& rows, bool with_alignment, LogitsReceiver& receiver);

  // Exchange the states that steps read and those that they write. Every step is followed by one exchange.
  void exchange_states() { current_ = 1 - current_; }

  int source_length(int slot) const { return slots_[slot].length; }
  const std::vector<int32_t>& shortlist(int slot) const { return slots_[slot].shortlist; }
  int num_slots() const { return static_cast<int>(slots_.size()); }
  int rows_per_slot() const { return rows_per_slot_; }

 private:
  struct Slot {
    int length = 0;
    std::vector<AttentionMemory> memory;  // of each attention layer
    std::vector<int32_t> shortlist;
    Matrix output_layer;  // of the shortlist
  };
  // States of all rows, [rows, padded width]; one for reading and one for writing.
  struct LayerState {
    Array<float> hidden[2], cell[2];
  };

  void store_sentence(int slot, int index, const Sentence& sentence);
  void run_blocks(const StepRows& rows, int first, int count, const RowGroup* groups, int num_groups);
  void run_classic(const StepRows& rows, int first, int count, const RowGroup* groups, int num_groups);
  void run_lstm(int layer, const StepRows& rows, int first, int count, float* hidden);
  void attend(const Attention& layer, int layer_index, const float* queries, const RowGroup* groups, int num_groups,
              int first, bool with_alignment);
  void compute_logits(int first, const RowGroup* groups, int num_groups, LogitsReceiver& receiver);
  float* rows_of(Array<float>& buffer, int count) {
    buffer.resize(static_cast<size_t>(count) * model_.width());
    return buffer.data();
  }

  const Model& model_;
  const int rows_per_slot_;
  Encoder encoder_;
  Multiplier multiplier_;
  AttentionStep attention_;
  std::vector<Slot> slots_;
  std::vector<LayerState> states_;
  Array<float> feeding_[2];  // attentional vectors of input feeding
  int current_ = 0;
  bool with_alignment_ = false;
  size_t alignment_stride_ = 0;
  Array<float> x_, y_, inputs_, queries_, contexts_, logits_, alignment_, projected_, initial_hidden_, initial_cell_;
  std::vector<const float*> cells_before_;
  std::vector<float*> cells_, hiddens_;
};

}  // namespace carousel
