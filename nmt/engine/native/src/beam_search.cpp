#include "beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "candidates.h"

namespace carousel {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity(), kMinusInfinity = -kInfinity;
constexpr double kLowest = std::numeric_limits<double>::lowest();  // below all scores of open hypotheses

double length_penalty(int length, double alpha) { return std::pow((5.0 + length) / 6.0, alpha); }

}  // namespace

// Collects the candidates of a step from the logits of its rows.
class BeamSearch::Collector : public LogitsReceiver {
 public:
  explicit Collector(BeamSearch& search) : search_(search) {}

  void receive(int row, int slot_index, float* logits, int size, const float* alignment) override {
    const Model& model = search_.model_;
    const Kernels& kernels = model.kernels();
    const std::vector<int32_t>& shortlist = search_.decoder_.shortlist(slot_index);
    const int32_t end = model.architecture().end_of_sentence;
    const int beam_size = search_.beam_size_, count = beam_size + 1;  // at most one of them ends the sentence
    const int hypothesis = search_.rows_.destinations[row] - slot_index * beam_size;
    Slot& slot = search_.slots_[slot_index];
    const float normaliser = kernels.log_sum_exp(logits, size);
    const int end_position = find_choice(model, shortlist, end);
    slot.end_scores[hypothesis] =
        end_position < 0 ? kMinusInfinity : slot.scores[hypothesis] + (logits[end_position] - normaliser);
    for (int n = 0; n < slot.copies.size(); ++n) {
      const int position = find_choice(model, shortlist, slot.copies.token(n));
      if (position < 0) continue;
      slot.copies.set_total(hypothesis, n, slot.scores[hypothesis] + (logits[position] - normaliser));
      logits[position] = -std::numeric_limits<float>::infinity();
    }
    exclude_reserved(model, shortlist, logits);
    search_.exclude_repeated_ngrams(slot, hypothesis, shortlist, logits);
    kernels.select_largest(logits, size, count, search_.best_scores_.data(), search_.best_positions_.data());
    for (int rank = 0; rank < count; ++rank) {
      const int32_t position = search_.best_positions_[rank];
      if (position < 0) break;
      const int32_t token = shortlist.empty() ? position : shortlist[position];
      if (token == end) continue;
      const double score = search_.best_scores_[rank] - normaliser;
      slot.candidates.push_back({slot.scores[hypothesis] + score, hypothesis * search_.places(slot) + rank, token});
    }
    if (alignment == nullptr) return;
    const float* last = alignment + search_.decoder_.source_length(slot_index);
    slot.history[slot.step].source_positions[hypothesis] =
        static_cast<int32_t>(std::max_element(alignment, last) - alignment);
  }

 private:
  BeamSearch& search_;
};

BeamSearch::BeamSearch(const Model& model, int num_slots, int beam_size, int32_t begin_of_sentence)
    : model_(model),
      decoder_(model, num_slots, beam_size),
      beam_size_(beam_size),
      begin_of_sentence_(begin_of_sentence),
      slots_(num_slots),
      best_scores_(beam_size + 1),
      best_positions_(beam_size + 1) {
  if (begin_of_sentence < 0 || begin_of_sentence >= model.architecture().target_vocabulary)
    throw std::invalid_argument("begin of sentence does not exist");
}

void BeamSearch::admit(
    const std::vector<int32_t>& slots, const std::vector<Sentence>& sentences, const SearchOptions* options) {
  for (size_t n = 0; n < slots.size(); ++n) {
    if (slots[n] < 0 || slots[n] >= decoder_.num_slots() || slots_[slots[n]].is_occupied)
      throw std::invalid_argument("a slot is not free");
    check_options(options[n]);
  }
  decoder_.admit(slots, sentences);
  for (size_t n = 0; n < slots.size(); ++n) {
    Slot& slot = slots_[slots[n]];
    slot.is_occupied = true;
    slot.options = options[n];
    slot.limit_penalty = length_penalty(options[n].max_length, options[n].length_penalty);
    slot.score_bound = kLowest;
    slot.step = 0;
    slot.scores.assign(beam_size_, kMinusInfinity);
    slot.scores[0] = 0.0;  // all rows start from the same state, so one suffices
    slot.tokens.assign(beam_size_, begin_of_sentence_);
    slot.parents.assign(beam_size_, 0);
    slot.end_scores.assign(beam_size_, kMinusInfinity);
    slot.copies.start(options[n].copy_tokens, options[n].num_copy_tokens, beam_size_);
    slot.finished.clear();
  }
}

void BeamSearch::check_options(const SearchOptions& options) const {
  if (options.max_length < 1 || options.num_hypotheses < 1 || options.no_repeat_ngram_size < 0)
    throw std::invalid_argument("a maximum length, number of hypotheses or n-gram size is too small");
  for (int n = 0; n < options.num_copy_tokens; ++n)
    if (options.copy_tokens[n] < 0 || options.copy_tokens[n] >= model_.architecture().target_vocabulary)
      throw std::invalid_argument("a copy token does not exist");
}

void BeamSearch::release(int slot) {
  if (slot < 0 || slot >= decoder_.num_slots()) throw std::invalid_argument("a slot does not exist");
  slots_[slot].is_occupied = false;
}

FinishedSentences BeamSearch::advance(int max_steps) {
  for (auto* list : {&finished_slots_, &hypotheses_per_slot_, &lengths_, &tokens_, &source_positions_}) list->clear();
  for (auto* list : {&scores_, &rank_scores_, &cumulative_scores_}) list->clear();
  for (int step = 0; step < max_steps && finished_slots_.empty(); ++step) {
    build_rows();
    if (rows_.groups.empty()) break;
    advance_once();
  }
  return {
      static_cast<int64_t>(finished_slots_.size()), finished_slots_.data(), hypotheses_per_slot_.data(), lengths_.data(),
      scores_.data(), rank_scores_.data(), tokens_.data(), source_positions_.data(), cumulative_scores_.data(),
  };
}

// Lists the rows that hold an open hypothesis.
void BeamSearch::build_rows() {
  rows_.groups.clear();
  rows_.tokens.clear();
  rows_.parents.clear();
  rows_.destinations.clear();
  needs_attention_ = false;
  for (int index = 0; index < static_cast<int>(slots_.size()); ++index) {
    Slot& slot = slots_[index];
    if (!slot.is_occupied) continue;
    needs_attention_ |= slot.options.return_attention != 0;
    const int first = static_cast<int>(rows_.tokens.size());
    for (int row = 0; row < beam_size_ && slot.scores[row] > kMinusInfinity; ++row) {
      rows_.tokens.push_back(slot.tokens[row]);
      rows_.parents.push_back(index * beam_size_ + slot.parents[row]);
      rows_.destinations.push_back(index * beam_size_ + row);
    }
    rows_.groups.push_back({index, first, static_cast<int>(rows_.tokens.size()) - first});
    if (slot.history.size() <= static_cast<size_t>(slot.step)) slot.history.resize(slot.step + 1);
    slot.history[slot.step].source_positions.assign(beam_size_, -1);
    slot.candidates.clear();
    slot.end_scores.assign(beam_size_, kMinusInfinity);
  }
}

void BeamSearch::advance_once() {
  Collector collector(*this);
  decoder_.step(rows_, needs_attention_, collector);
  decoder_.exchange_states();
  for (const RowGroup& group : rows_.groups) finish_step(group.slot);
}

void BeamSearch::finish_step(int slot_index) {
  Slot& slot = slots_[slot_index];
  for (int row = 0; row < beam_size_; ++row)
    if (!(slot.end_scores[row] < kInfinity)) return output(slot_index, true);
  slot.ends = slot.end_scores;
  const int remaining = slot.options.max_length - 1 - slot.step;
  if (!slot.copies.empty())
    slot.copies.constrain(slot.candidates, slot.ends, places(slot), slot.step >= slot.options.min_length, remaining);
  select_rows(slot);
  if (!slot.copies.empty()) slot.copies.advance(slot.parents, slot.tokens);
  store_finished(slot);
  const bool is_done = slot.scores[0] < slot.score_bound;
  if (is_done && slot.finished.empty())  // no candidate is left and none has finished: end the open hypotheses
    add_finished(slot, slot.end_scores);
  ++slot.step;
  if (is_done) output(slot_index, false);
}

// Gives the score -inf to the tokens that would repeat an n-gram of the hypothesis in a row.
void BeamSearch::exclude_repeated_ngrams(
    const Slot& slot, int row, const std::vector<int32_t>& shortlist, float* logits) {
  const int size = slot.options.no_repeat_ngram_size, length = slot.step;
  if (size == 0 || length < size) return;
  prefix_.resize(length);
  trace_tokens(slot, length, row, prefix_.data());
  const int32_t* last = prefix_.data() + length - (size - 1);
  for (int first = 0; first + size <= length; ++first) {
    const int32_t* ngram = prefix_.data() + first;
    if (!std::equal(last, last + size - 1, ngram)) continue;
    const int position = find_choice(model_, shortlist, ngram[size - 1]);
    if (position >= 0) logits[position] = -std::numeric_limits<float>::infinity();
  }
}

void BeamSearch::trace_tokens(const Slot& slot, int num_steps, int row, int32_t* tokens) {
  for (int step = num_steps - 1; step >= 0; --step) {
    tokens[step] = slot.history[step].tokens[row];
    row = slot.history[step].parents[row];
  }
}

// Replaces the rows of a slot by its best candidates, best first.
void BeamSearch::select_rows(Slot& slot) {
  // Of equal candidates, the last comes first, as in the reversed stable sort of the Python code.
  const auto is_better = [](const Candidate& a, const Candidate& b) {
    return a.total > b.total || (a.total == b.total && a.index > b.index);
  };
  const size_t count = std::min<size_t>(beam_size_, slot.candidates.size());
  std::partial_sort(slot.candidates.begin(), slot.candidates.begin() + count, slot.candidates.end(), is_better);
  slot.scores.assign(beam_size_, kMinusInfinity);
  for (size_t row = 0; row < count; ++row) {
    slot.scores[row] = slot.candidates[row].total;
    slot.tokens[row] = slot.candidates[row].token;
    slot.parents[row] = slot.candidates[row].index / places(slot);
  }
  Step& step = slot.history[slot.step];
  step.scores = slot.scores;
  step.tokens = slot.tokens;
  step.parents = slot.parents;
}

// Stores the hypotheses that end in this step and are among the best, or at the length limit, and updates the bound.
void BeamSearch::store_finished(Slot& slot) {
  const bool is_at_limit = slot.step >= slot.options.max_length - 1, accepts_all = slot.copies.accepts_all_ends();
  const double last_open = slot.scores[beam_size_ - 1];
  const bool may_end = std::any_of(slot.ends.begin(), slot.ends.end(), [&](double score) {
    return score > (accepts_all ? kMinusInfinity : last_open);
  });
  if (!may_end && !is_at_limit) return;
  sorted_.assign(slot.scores.begin(), slot.scores.end());
  sorted_.insert(sorted_.end(), slot.ends.begin(), slot.ends.end());
  std::nth_element(sorted_.begin(), sorted_.begin() + beam_size_, sorted_.end());
  const double last_of_best = sorted_[beam_size_];
  const bool is_long_enough = slot.step >= slot.options.min_length;
  for (double& score : slot.ends)
    if (!is_at_limit && !accepts_all && !(score >= last_of_best && is_long_enough)) score = kMinusInfinity;
  add_finished(slot, slot.ends);
  const size_t last_returned = slot.options.num_hypotheses - 1;
  const bool is_full = slot.finished.size() == static_cast<size_t>(beam_size_);
  if (is_at_limit || is_full)
    slot.score_bound = kInfinity;
  else if (last_returned < slot.finished.size())
    slot.score_bound = std::max(slot.finished[last_returned].rank_score * slot.limit_penalty, kLowest);
}

// Adds the hypotheses that end in this step, given the score of each; -inf adds none.
void BeamSearch::add_finished(Slot& slot, const std::vector<double>& ends) {
  const double penalty = length_penalty(slot.step + 1, slot.options.length_penalty);
  for (int row = 0; row < beam_size_; ++row)
    if (ends[row] > kMinusInfinity) slot.finished.push_back({ends[row] / penalty, ends[row], slot.step, row});
  std::stable_sort(slot.finished.begin(), slot.finished.end(), [](const Finished& a, const Finished& b) {
    return a.rank_score > b.rank_score;
  });
  if (slot.finished.size() > static_cast<size_t>(beam_size_)) slot.finished.resize(beam_size_);
}

void BeamSearch::output(int slot_index, bool has_failed) {
  Slot& slot = slots_[slot_index];
  slot.is_occupied = false;
  const size_t count = has_failed ? 0 : std::min<size_t>(slot.options.num_hypotheses, slot.finished.size());
  finished_slots_.push_back(slot_index);
  hypotheses_per_slot_.push_back(static_cast<int32_t>(count));
  for (size_t i = 0; i < count; ++i) output_hypothesis(slot, slot.finished[i]);
}

void BeamSearch::output_hypothesis(const Slot& slot, const Finished& finished) {
  const size_t first = tokens_.size();
  lengths_.push_back(finished.step);
  scores_.push_back(finished.score);
  rank_scores_.push_back(finished.rank_score);
  for (auto* list : {&tokens_, &source_positions_}) list->resize(first + finished.step);
  cumulative_scores_.resize(first + finished.step);
  int row = finished.row;
  for (int step = finished.step - 1; step >= 0; --step) {
    const Step& past = slot.history[step];
    tokens_[first + step] = past.tokens[row];
    cumulative_scores_[first + step] = past.scores[row];
    row = past.parents[row];
    source_positions_[first + step] = slot.options.return_attention ? past.source_positions[row] : -1;
  }
}

}  // namespace carousel
