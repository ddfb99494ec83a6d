#include "candidates.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace carousel {

int find_choice(const Model& model, const std::vector<int32_t>& shortlist, int64_t token) {
  if (shortlist.empty()) return token >= 0 && token < model.architecture().target_vocabulary ? static_cast<int>(token) : -1;
  const auto found = std::lower_bound(shortlist.begin(), shortlist.end(), token);
  return found != shortlist.end() && *found == token ? static_cast<int>(found - shortlist.begin()) : -1;
}

void exclude_reserved(const Model& model, const std::vector<int32_t>& shortlist, float* scores) {
  if (!shortlist.empty()) return;
  for (const int32_t id : model.reserved()) scores[id] = -INFINITY;
}

// Writes the results of a row from its logits.
class CandidateEngine::Selection : public LogitsReceiver {
 public:
  Selection(CandidateEngine& engine, const StepArguments& arguments) : engine_(engine), arguments_(arguments) {}

  void receive(int row, int slot, float* logits, int size, const float* alignment) override {
    const int64_t output = engine_.rows_.destinations[row];
    const Kernels& kernels = engine_.model_.kernels();
    const std::vector<int32_t>& shortlist = engine_.decoder_.shortlist(slot);
    const float normaliser = kernels.log_sum_exp(logits, size);
    if (arguments_.attention != nullptr && alignment != nullptr)
      std::copy_n(
          alignment, engine_.decoder_.source_length(slot), arguments_.attention + output * arguments_.attention_length);
    if (arguments_.log_probabilities != nullptr) {
      float* to = arguments_.log_probabilities + output * arguments_.num_choices;
      const int64_t choices = std::min<int64_t>(size, arguments_.num_choices);
      for (int64_t i = 0; i < choices; ++i) to[i] = logits[i] - normaliser;
      std::fill(to + choices, to + arguments_.num_choices, -INFINITY);
      return;
    }
    for (int64_t q = 0; q < arguments_.num_score_ids; ++q) {
      const int64_t index = output * arguments_.num_score_ids + q;
      const int position = find_choice(engine_.model_, shortlist, arguments_.score_ids[index]);
      arguments_.id_scores[index] = position < 0 ? -INFINITY : logits[position] - normaliser;
    }
    for (int64_t i = 0; i < arguments_.num_suppressed; ++i) {
      if (arguments_.suppress_rows[i] != output) continue;
      const int position = find_choice(engine_.model_, shortlist, arguments_.suppress_tokens[i]);
      if (position >= 0) logits[position] = -INFINITY;
    }
    exclude_reserved(engine_.model_, shortlist, logits);
    const int count = static_cast<int>(arguments_.num_candidates);
    kernels.select_largest(logits, size, count, engine_.best_scores_.data(), engine_.best_positions_.data());
    for (int i = 0; i < count; ++i) {
      const int32_t position = engine_.best_positions_[i];
      if (position < 0) break;  // the results were filled with missing candidates
      arguments_.scores[output * count + i] = engine_.best_scores_[i] - normaliser;
      arguments_.ids[output * count + i] = shortlist.empty() ? position : shortlist[position];
    }
  }

 private:
  CandidateEngine& engine_;
  const StepArguments& arguments_;
};

CandidateEngine::CandidateEngine(const Model& model, int num_slots, int beam_size)
    : model_(model), decoder_(model, num_slots, beam_size), is_occupied_(num_slots) {}

void CandidateEngine::admit(const std::vector<int32_t>& slots, const std::vector<Sentence>& sentences) {
  for (const int32_t slot : slots)
    if (slot < 0 || slot >= decoder_.num_slots() || is_occupied_[slot]) throw std::invalid_argument("a slot is not free");
  decoder_.admit(slots, sentences);
  for (const int32_t slot : slots) is_occupied_[slot] = true;
  update_rows();
}

void CandidateEngine::release(int slot) {
  if (slot < 0 || slot >= decoder_.num_slots()) throw std::invalid_argument("a slot does not exist");
  is_occupied_[slot] = false;
  update_rows();
}

void CandidateEngine::update_rows() {
  const int beam_size = decoder_.rows_per_slot();
  rows_.groups.clear();
  rows_.destinations.clear();
  for (int slot = 0; slot < decoder_.num_slots(); ++slot) {
    if (!is_occupied_[slot]) continue;
    rows_.groups.push_back({slot, static_cast<int>(rows_.destinations.size()), beam_size});
    for (int row = 0; row < beam_size; ++row) rows_.destinations.push_back(slot * beam_size + row);
  }
  rows_.tokens.resize(rows_.destinations.size());
  rows_.parents.resize(rows_.destinations.size());
}

void CandidateEngine::step(const StepArguments& arguments) {
  const int64_t num_rows = static_cast<int64_t>(decoder_.num_slots()) * decoder_.rows_per_slot();
  for (size_t row = 0; row < rows_.destinations.size(); ++row) {
    const int32_t index = rows_.destinations[row];
    const int64_t token = arguments.tokens[index], parent = arguments.parents[index];
    if (token < 0 || token >= model_.architecture().target_vocabulary) throw std::invalid_argument("a token does not exist");
    if (parent < 0 || parent >= num_rows) throw std::invalid_argument("a parent does not exist");
    rows_.tokens[row] = static_cast<int32_t>(token);
    rows_.parents[row] = static_cast<int32_t>(parent);
  }
  if (arguments.log_probabilities == nullptr) {
    std::fill_n(arguments.scores, num_rows * arguments.num_candidates, -INFINITY);
    std::fill_n(arguments.ids, num_rows * arguments.num_candidates, int64_t{model_.architecture().end_of_sentence});
    std::fill_n(arguments.id_scores, num_rows * arguments.num_score_ids, -INFINITY);
  }
  if (arguments.attention != nullptr) std::fill_n(arguments.attention, num_rows * arguments.attention_length, 0.0f);
  best_scores_.resize(arguments.num_candidates);
  best_positions_.resize(arguments.num_candidates);
  Selection selection(*this, arguments);
  decoder_.step(rows_, arguments.attention != nullptr, selection);
  decoder_.exchange_states();
}

}  // namespace carousel
