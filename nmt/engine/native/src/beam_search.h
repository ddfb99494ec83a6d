// Beam search over slots, with the results of nmt/search/beam_search.py, whose docstrings describe the algorithm.
//
// It covers plain beam search, forbidden repeated n-grams and copy tokens, without coverage penalty. Unlike the Python
// code it advances only rows that hold a hypothesis.

#pragma once

#include <vector>

#include "copy_tokens.h"
#include "decoder.h"

namespace carousel {

// Options of a sentence; see nmt.search.options.DecodingOptions.
struct SearchOptions {
  int32_t min_length, max_length;  // in tokens, with end of sentence
  int32_t num_hypotheses;
  int32_t return_attention;
  int32_t no_repeat_ngram_size;  // 0 allows all repetitions
  int32_t num_copy_tokens;
  double length_penalty;
  const int32_t* copy_tokens;  // read when the sentence is admitted
};

// Finished hypotheses, those of a sentence best first. The layout is that of a C structure, which library.py repeats.
// Everything is valid until the next call of the search.
struct FinishedSentences {
  int64_t num_slots;
  const int32_t* slots;                // slot of each sentence, [num_slots]
  const int32_t* hypotheses_per_slot;  // [num_slots]; 0 if the network computes scores that are not numbers
  const int32_t* lengths;              // tokens of each hypothesis, without end of sentence
  const double* scores;                // of each hypothesis
  const double* rank_scores;
  const int32_t* tokens;            // of all hypotheses, one after the other
  const int32_t* source_positions;  // to which each token attends most, or -1
  const double* cumulative_scores;  // score up to and including each token
};

class BeamSearch {
 public:
  BeamSearch(const Model& model, int num_slots, int beam_size, int32_t begin_of_sentence);

  // `options` are those of each sentence.
  void admit(const std::vector<int32_t>& slots, const std::vector<Sentence>& sentences, const SearchOptions* options);
  void release(int slot);
  // Advance all sentences by one token at a time until some have finished, at most `max_steps` times, and free their
  // slots.
  FinishedSentences advance(int max_steps);

 private:
  struct Finished {
    double rank_score, score;
    int step, row;
  };
  // The rows of a sentence after one of its steps.
  struct Step {
    std::vector<double> scores;
    std::vector<int32_t> tokens, parents;
    std::vector<int32_t> source_positions;  // of the rows before the step
  };
  struct Slot {
    bool is_occupied = false;
    SearchOptions options{};
    double limit_penalty = 1;
    double score_bound = 0;
    int step = 0;
    std::vector<double> scores;  // of the open hypotheses, best first; -inf for unused rows
    std::vector<int32_t> tokens, parents;
    std::vector<double> end_scores;  // of each row with end of sentence, in the current step
    std::vector<double> ends;        // the same, or -inf where copy tokens forbid an end
    CopyTokens copies;
    std::vector<Candidate> candidates;
    std::vector<Finished> finished;  // best first
    std::vector<Step> history;       // entries beyond `step` are kept for their memory
  };
  class Collector;

  void advance_once();
  void build_rows();
  void finish_step(int slot_index);
  // Number of places for candidates of a hypothesis, of which at most one ends the sentence.
  int places(const Slot& slot) const { return beam_size_ + 1 + slot.copies.size(); }
  void check_options(const SearchOptions& options) const;
  void exclude_repeated_ngrams(const Slot& slot, int row, const std::vector<int32_t>& shortlist, float* logits);
  void select_rows(Slot& slot);
  void store_finished(Slot& slot);
  void add_finished(Slot& slot, const std::vector<double>& ends);
  void output(int slot_index, bool has_failed);
  // Writes the tokens of the hypothesis that is in a row after `num_steps` steps.
  static void trace_tokens(const Slot& slot, int num_steps, int row, int32_t* tokens);
  void output_hypothesis(const Slot& slot, const Finished& finished);

  const Model& model_;
  Decoder decoder_;
  const int beam_size_;
  const int32_t begin_of_sentence_;
  std::vector<Slot> slots_;
  StepRows rows_;
  bool needs_attention_ = false;
  std::vector<double> sorted_;
  std::vector<int32_t> prefix_;  // tokens of a hypothesis
  std::vector<float> best_scores_;
  std::vector<int32_t> best_positions_;
  // Results of the last call of `advance`
  std::vector<int32_t> finished_slots_, hypotheses_per_slot_, lengths_, tokens_, source_positions_;
  std::vector<double> scores_, rank_scores_, cumulative_scores_;
};

}  // namespace carousel
