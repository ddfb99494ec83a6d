// Copy tokens of a sentence, which must occur exactly once each in its translation.
//
// The constraint is that of nmt/search/copy_tokens.py, whose docstring describes its rules.

#pragma once

#include <cstdint>
#include <vector>

namespace carousel {

// A continuation of a hypothesis by a token other than end of sentence.
struct Candidate {
  double total;  // score of the hypothesis with the token
  int32_t index;  // hypothesis × places per hypothesis + place; of equal candidates, the last comes first
  int32_t token;
};

class CopyTokens {
 public:
  // Start a sentence, all of whose copy tokens are missing in the first hypothesis.
  void start(const int32_t* tokens, int count, int beam_size);

  bool empty() const { return tokens_.empty(); }
  int size() const { return static_cast<int>(tokens_.size()); }
  int32_t token(int number) const { return tokens_[number]; }

  // Set the score of a hypothesis with a copy token; it counts if the hypothesis lacks the token.
  void set_total(int hypothesis, int number, double total) { totals_[hypothesis * size() + number] = total; }

  // Add the missing copy tokens to the candidates, and remove what the constraint excludes. Each hypothesis has
  // `places` places for candidates, of which the copy tokens take the last. `ends` holds the score of each hypothesis
  // with end of sentence. `remaining` is the number of tokens that can be added before end of sentence.
  void constrain(
      std::vector<Candidate>& candidates, std::vector<double>& ends, int places, bool may_end, int remaining);

  // True if all finite `ends` of the last step become finished hypotheses.
  bool accepts_all_ends() const { return has_forced_; }

  // Update the missing copy tokens for new hypotheses, given the parent and the token of each.
  void advance(const std::vector<int32_t>& parents, const std::vector<int32_t>& tokens);

 private:
  int num_missing(int hypothesis) const;
  double best_copy(int hypothesis) const;
  void reserve_row(std::vector<Candidate>& candidates, std::vector<double>& ends, int places, bool may_end, bool at_limit);

  std::vector<int32_t> tokens_;
  std::vector<char> missing_, next_missing_;  // [beam size, copy tokens]
  std::vector<double> totals_;                // [beam size, copy tokens]
  bool has_forced_ = false;                   // a copy token has been forced
};

}  // namespace carousel
