#include "decoder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace carousel {

// Sentences that are encoded together. More of them would read each weight less often, but their activations would not
// stay in the cache.
constexpr int kEncodedTogether = 16;

// Rows that pass through all layers together, for the same reason.
constexpr int kRowsTogether = 48;

Decoder::Decoder(const Model& model, int num_slots, int rows_per_slot)
    : model_(model),
      rows_per_slot_(rows_per_slot),
      encoder_(model),
      multiplier_(model.kernels()),
      attention_(model),
      slots_(num_slots),
      states_(model.decoder().size()) {
  const size_t size = static_cast<size_t>(num_slots) * rows_per_slot * model.width();
  for (LayerState& state : states_)
    for (int n = 0; n < 2; ++n) {
      state.hidden[n].resize_zeroed(size);
      state.cell[n].resize_zeroed(size);
    }
  if (model.architecture().input_feeding)
    for (auto& feeding : feeding_) feeding.resize_zeroed(size);
  for (Slot& slot : slots_) slot.memory.resize(model.attention_layers());
}

void Decoder::admit(const std::vector<int32_t>& slots, const std::vector<Sentence>& sentences) {
  std::vector<int> order(sentences.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return sentences[a].source.size() > sentences[b].source.size();
  });
  const int size = model_.width();
  for (size_t first = 0; first < order.size(); first += kEncodedTogether) {
    const size_t last = std::min(first + kEncodedTogether, order.size());
    std::vector<std::vector<int32_t>> sources;
    for (size_t i = first; i < last; ++i) sources.push_back(sentences[order[i]].source);
    encoder_.encode(sources);
    for (size_t i = first; i < last; ++i)
      store_sentence(slots[order[i]], static_cast<int>(i - first), sentences[order[i]]);
    for (int layer = 0; layer < model_.attention_layers(); ++layer) {
      const Attention& attention =
          model_.architecture().decoder_blocks ? model_.decoder()[layer].attention : model_.classic_attention();
      const size_t columns = attention.memory->outputs();
      projected_.resize(columns * encoder_.num_tokens());
      multiplier_.multiply(
          *attention.memory, encoder_.memory(), size, encoder_.num_tokens(), projected_.data(), columns);
      for (size_t i = first; i < last; ++i) {
        const int sentence = static_cast<int>(i - first), start = encoder_.first_token(sentence);
        slots_[slots[order[i]]].memory[layer].store(
            model_, encoder_.memory() + static_cast<size_t>(start) * size, projected_.data() + start * columns, columns,
            encoder_.length(sentence));
      }
    }
    for (size_t layer = 0; layer < states_.size(); ++layer) {
      const int count = static_cast<int>(last - first);
      encoder_.initial_state(static_cast<int>(layer), rows_of(initial_hidden_, count), rows_of(initial_cell_, count));
      for (int i = 0; i < count; ++i)
        for (int row = 0; row < rows_per_slot_; ++row) {
          const size_t to = (static_cast<size_t>(slots[order[first + i]]) * rows_per_slot_ + row) * size;
          const size_t from = static_cast<size_t>(i) * size;
          std::copy_n(initial_hidden_.data() + from, size, states_[layer].hidden[current_].data() + to);
          std::copy_n(initial_cell_.data() + from, size, states_[layer].cell[current_].data() + to);
          if (model_.architecture().input_feeding) std::fill_n(feeding_[current_].data() + to, size, 0.0f);
        }
    }
  }
}

void Decoder::store_sentence(int slot_index, int index, const Sentence& sentence) {
  Slot& slot = slots_[slot_index];
  slot.length = encoder_.length(index);
  slot.shortlist = sentence.shortlist;
  if (slot.shortlist.empty()) return;
  const Table& table = model_.output_table();
  slot.output_layer.pack_rows(
      table.values.data(), table.is_int8() ? table.scales.data() : nullptr, table.level_sums.data(), table.width,
      slot.shortlist.data(), static_cast<int>(slot.shortlist.size()), model_.kernels().lanes);
}

void Decoder::step(const StepRows& rows, bool with_alignment, LogitsReceiver& receiver) {
  with_alignment_ = with_alignment && model_.attention_layers() > 0;
  const float factor = std::sqrt(static_cast<float>(model_.architecture().width));
  for (size_t start = 0; start < rows.groups.size();) {
    size_t end = start;
    int count = 0;
    alignment_stride_ = 0;
    do {
      count += rows.groups[end].count;
      alignment_stride_ = std::max(alignment_stride_, static_cast<size_t>(slots_[rows.groups[end].slot].length));
      ++end;
    } while (end < rows.groups.size() && count + rows.groups[end].count <= kRowsTogether);
    const RowGroup* groups = rows.groups.data() + start;
    const int first = groups[0].first_row, num_groups = static_cast<int>(end - start);
    float* x = rows_of(x_, count);
    for (int row = 0; row < count; ++row)
      model_.target_embedding().add_row(
          model_.kernels(), rows.tokens[first + row], factor, x + static_cast<size_t>(row) * model_.width());
    if (with_alignment_) alignment_.resize_zeroed(count * alignment_stride_);
    if (model_.architecture().decoder_blocks)
      run_blocks(rows, first, count, groups, num_groups);
    else
      run_classic(rows, first, count, groups, num_groups);
    compute_logits(first, groups, num_groups, receiver);
    start = end;
  }
}

void Decoder::run_blocks(const StepRows& rows, int first, int count, const RowGroup* groups, int num_groups) {
  const int size = model_.width(), width = model_.architecture().width;
  const size_t attention_width = model_.attention_width();
  for (size_t layer = 0; layer < model_.decoder().size(); ++layer) {
    const DecoderLayer& weights = model_.decoder()[layer];
    inputs_.resize(2 * static_cast<size_t>(size) * count);
    for (int row = 0; row < count; ++row) {
      float* input = inputs_.data() + 2 * static_cast<size_t>(size) * row;
      multiplier_.normalise(weights.norm, width, size, x_.data() + static_cast<size_t>(row) * size, input);
    }
    run_lstm(static_cast<int>(layer), rows, first, count, rows_of(y_, count));
    model_.kernels().add(x_.data(), y_.data(), size * count);
    if (weights.attention.memory != nullptr) {
      for (int row = 0; row < count; ++row)
        multiplier_.normalise(
            weights.attention.norm, width, size, x_.data() + static_cast<size_t>(row) * size,
            y_.data() + static_cast<size_t>(row) * size);
      const float* queries = y_.data();
      if (weights.attention.query != nullptr) {
        queries_.resize(attention_width * count);
        multiplier_.multiply(*weights.attention.query, y_.data(), size, count, queries_.data(), attention_width);
        queries = queries_.data();
      }
      const bool is_last = layer + 1 == model_.decoder().size();
      attend(weights.attention, static_cast<int>(layer), queries, groups, num_groups, first, is_last);
      if (weights.attention.output != nullptr)
        multiplier_.multiply(
            *weights.attention.output, contexts_.data(), attention_width, count, x_.data(), size, Output::kAdd);
      else
        model_.kernels().add(x_.data(), contexts_.data(), size * count);
    }
    multiplier_.add_feed_forward(weights.feed_forward, width, x_.data(), size, count);
  }
  for (int row = 0; row < count; ++row) {
    float* x = x_.data() + static_cast<size_t>(row) * size;
    multiplier_.normalise(model_.decoder_norm(), width, size, x, x);
  }
}

void Decoder::run_classic(const StepRows& rows, int first, int count, const RowGroup* groups, int num_groups) {
  const Architecture& architecture = model_.architecture();
  const int size = model_.width();
  for (size_t layer = 0; layer < model_.decoder().size(); ++layer) {
    const int parts = 2 + (layer == 0 && architecture.input_feeding);
    inputs_.resize(static_cast<size_t>(parts) * size * count);
    for (int row = 0; row < count; ++row) {
      float* input = inputs_.data() + static_cast<size_t>(row) * parts * size;
      model_.kernels().scale(
          x_.data() + static_cast<size_t>(row) * size, layer == 0 ? architecture.embedding_gain : 1.0f, size, input);
      if (parts == 3) {
        const size_t parent = static_cast<size_t>(rows.parents[first + row]) * size;
        std::copy_n(feeding_[current_].data() + parent, size, input + size);
      }
    }
    run_lstm(static_cast<int>(layer), rows, first, count, rows_of(y_, count));
    if (architecture.residual && layer > 0)
      model_.kernels().add(x_.data(), y_.data(), size * count);
    else
      std::swap(x_, y_);
  }
  if (model_.combine() == nullptr) return;
  const Attention& attention = model_.classic_attention();
  const size_t attention_width = model_.attention_width();
  const float* queries = x_.data();
  if (attention.query != nullptr) {
    queries_.resize(attention_width * count);
    multiplier_.multiply(*attention.query, x_.data(), size, count, queries_.data(), attention_width);
    queries = queries_.data();
  }
  attend(attention, 0, queries, groups, num_groups, first, true);
  const float* contexts = contexts_.data();
  if (attention.output != nullptr) {
    multiplier_.multiply(*attention.output, contexts, attention_width, count, rows_of(y_, count), size);
    contexts = y_.data();
  }
  inputs_.resize(2 * static_cast<size_t>(size) * count);
  for (int row = 0; row < count; ++row) {
    float* input = inputs_.data() + 2 * static_cast<size_t>(size) * row;
    std::copy_n(contexts + static_cast<size_t>(row) * size, size, input);
    std::copy_n(x_.data() + static_cast<size_t>(row) * size, size, input + size);
  }
  multiplier_.multiply(*model_.combine(), inputs_.data(), 2 * size, count, x_.data(), size, Output::kTanh);
  if (!architecture.input_feeding) return;
  for (int row = 0; row < count; ++row)
    std::copy_n(
        x_.data() + static_cast<size_t>(row) * size, size,
        feeding_[1 - current_].data() + static_cast<size_t>(rows.destinations[first + row]) * size);
}

// Runs the LSTM of a layer on `inputs_`, whose last part is filled in here with the hidden states, and stores the new
// states. `hidden` gets a copy of the new hidden states.
void Decoder::run_lstm(int layer, const StepRows& rows, int first, int count, float* hidden) {
  LayerState& state = states_[layer];
  const Matrix& matrix = *model_.decoder()[layer].lstm;
  const size_t size = model_.width(), inputs = matrix.inputs();
  cells_before_.resize(count);
  cells_.resize(count);
  hiddens_.resize(count);
  for (int row = 0; row < count; ++row) {
    const size_t parent = rows.parents[first + row] * size, destination = rows.destinations[first + row] * size;
    std::copy_n(state.hidden[current_].data() + parent, size, inputs_.data() + (row + 1) * inputs - size);
    cells_before_[row] = state.cell[current_].data() + parent;
    cells_[row] = state.cell[1 - current_].data() + destination;
    hiddens_[row] = state.hidden[1 - current_].data() + destination;
  }
  const RowsView input = multiplier_.prepare(matrix, inputs_.data(), inputs, count);
  model_.kernels().lstm(matrix.view(), input, {nullptr, cells_before_.data(), cells_.data(), hiddens_.data()});
  for (int row = 0; row < count; ++row) std::copy_n(hiddens_[row], size, hidden + row * size);
}

void Decoder::attend(
    const Attention& layer, int layer_index, const float* queries, const RowGroup* groups, int num_groups, int first,
    bool with_alignment) {
  const size_t width = model_.attention_width();
  const RowGroup& last = groups[num_groups - 1];
  contexts_.resize(width * (last.first_row + last.count - first));
  for (int i = 0; i < num_groups; ++i) {
    const size_t row = groups[i].first_row - first;
    float* alignment = with_alignment && with_alignment_ ? alignment_.data() + row * alignment_stride_ : nullptr;
    attention_.attend(
        layer, slots_[groups[i].slot].memory[layer_index], queries + row * width, groups[i].count,
        contexts_.data() + row * width, alignment, alignment_stride_);
  }
}

void Decoder::compute_logits(int first, const RowGroup* groups, int num_groups, LogitsReceiver& receiver) {
  const size_t size = model_.width();
  const RowGroup& last = groups[num_groups - 1];
  const int count = last.first_row + last.count - first;
  // All output layers have the same inputs and precision.
  const Slot& any = slots_[groups[0].slot];
  const Matrix& like = any.shortlist.empty() ? model_.whole_vocabulary() : any.output_layer;
  const RowsView rows = multiplier_.prepare(like, x_.data(), size, count);
  for (int i = 0; i < num_groups; ++i) {
    const Slot& slot = slots_[groups[i].slot];
    const Matrix& matrix = slot.shortlist.empty() ? model_.whole_vocabulary() : slot.output_layer;
    const int choices =
        slot.shortlist.empty() ? model_.architecture().target_vocabulary : static_cast<int>(slot.shortlist.size());
    const size_t stride = matrix.outputs(), offset = groups[i].first_row - first;
    const RowsView input{
        static_cast<const char*>(rows.rows) + offset * rows.stride, rows.stride,
        rows.peaks == nullptr ? nullptr : rows.peaks + offset, groups[i].count};
    logits_.resize(stride * groups[i].count);
    model_.kernels().multiply(matrix.view(), input, logits_.data(), stride, Output::kStore);
    for (int row = 0; row < groups[i].count; ++row) {
      float* logits = logits_.data() + row * stride;
      std::fill(logits + choices, logits + stride, -INFINITY);
      const float* alignment = with_alignment_ ? alignment_.data() + (offset + row) * alignment_stride_ : nullptr;
      receiver.receive(groups[i].first_row + row, groups[i].slot, logits, static_cast<int>(stride), alignment);
    }
  }
}

}  // namespace carousel
