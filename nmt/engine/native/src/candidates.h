// Steps of all occupied slots, with the selection of candidates; see nmt/search/protocol.py.

#pragma once

#include <vector>

#include "decoder.h"

namespace carousel {

// Fields as in nmt.search.protocol.StepRequest and StepResult; R rows of all slots. The layout is that of a C structure,
// which nmt/engine/native/library.py repeats.
struct StepArguments {
  const int64_t* tokens;   // [R]
  const int64_t* parents;  // [R]
  int64_t num_candidates;
  const int64_t* score_ids;  // [R, num_score_ids]
  int64_t num_score_ids;
  const int64_t* suppress_rows;    // [num_suppressed]
  const int64_t* suppress_tokens;  // [num_suppressed]
  int64_t num_suppressed;
  float* scores;     // [R, num_candidates]
  int64_t* ids;      // [R, num_candidates]
  float* id_scores;  // [R, num_score_ids]
  float* attention;  // [R, attention_length], or null
  int64_t attention_length;
  // If not null: log-probabilities [R, num_choices] for all tokens, in place of candidates and scored ids.
  float* log_probabilities;
  int64_t num_choices;
};

class CandidateEngine {
 public:
  CandidateEngine(const Model& model, int num_slots, int beam_size);

  void admit(const std::vector<int32_t>& slots, const std::vector<Sentence>& sentences);
  void release(int slot);
  void step(const StepArguments& arguments);

 private:
  class Selection;

  void update_rows();

  const Model& model_;
  Decoder decoder_;
  std::vector<bool> is_occupied_;
  StepRows rows_;                   // of the occupied slots
  std::vector<float> best_scores_;  // buffers of `Selection`
  std::vector<int32_t> best_positions_;
};

// Return the position of a token among the choices of a slot, or -1.
int find_choice(const Model& model, const std::vector<int32_t>& shortlist, int64_t token);

// Give reserved tokens the score -inf, so that they are no candidates. Shortlists have none but required ones.
void exclude_reserved(const Model& model, const std::vector<int32_t>& shortlist, float* scores);

}  // namespace carousel
