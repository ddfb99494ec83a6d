#include "copy_tokens.h"

#include <algorithm>
#include <limits>

namespace carousel {

namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// A candidate, or the end of a hypothesis, with the number of copy tokens that are missing after it.
struct Option {
  double total;
  int num_missing;
  int candidate;  // index in the list of candidates, or -1
  int end;        // hypothesis that ends, or -1
};

// Return the `count` best options. If none of them has the fewest missing copy tokens, the best option that has them
// replaces the last. The options are in the order that breaks ties.
std::vector<Option> best_and_most_copied(std::vector<Option> options, size_t count) {
  std::stable_sort(
      options.begin(), options.end(), [](const Option& a, const Option& b) { return a.total > b.total; });
  const auto most_copied = std::min_element(
      options.begin(), options.end(), [](const Option& a, const Option& b) { return a.num_missing < b.num_missing; });
  const size_t rank = most_copied - options.begin();
  if (options.size() > count) {
    if (rank >= count) options[count - 1] = *most_copied;
    options.resize(count);
  }
  return options;
}

}  // namespace

void CopyTokens::start(const int32_t* tokens, int count, int beam_size) {
  tokens_.assign(tokens, tokens + count);
  missing_.assign(static_cast<size_t>(beam_size) * count, 1);
  totals_.assign(static_cast<size_t>(beam_size) * count, kMinusInfinity);
  has_forced_ = false;
}

int CopyTokens::num_missing(int hypothesis) const {
  const auto first = missing_.begin() + hypothesis * size();
  return static_cast<int>(std::count(first, first + size(), 1));
}

double CopyTokens::best_copy(int hypothesis) const {
  double best = kMinusInfinity;
  for (int i = hypothesis * size(); i < (hypothesis + 1) * size(); ++i)
    if (missing_[i]) best = std::max(best, totals_[i]);
  return best;
}

void CopyTokens::constrain(
    std::vector<Candidate>& candidates, std::vector<double>& ends, int places, bool may_end, int remaining) {
  const int beam_size = static_cast<int>(ends.size());
  std::vector<double> best(beam_size);
  for (int row = 0; row < beam_size; ++row) best[row] = best_copy(row);
  for (const Candidate& each : candidates) {
    double& best_of_row = best[each.index / places];
    best_of_row = std::max(best_of_row, each.total);
  }
  std::vector<bool> is_forced(beam_size);
  for (int row = 0; row < beam_size; ++row) {
    const int missing = num_missing(row);
    if (missing == 0) continue;
    const bool would_end = may_end && ends[row] >= best[row] && best[row] > kMinusInfinity;
    has_forced_ |= would_end;
    is_forced[row] = would_end || missing >= remaining;
    ends[row] = kMinusInfinity;
  }
  const auto is_excluded = [&](const Candidate& each) { return is_forced[each.index / places]; };
  candidates.erase(std::remove_if(candidates.begin(), candidates.end(), is_excluded), candidates.end());
  for (int row = 0; row < beam_size; ++row)
    for (int n = 0; n < size(); ++n) {
      const double total = totals_[row * size() + n];
      if (missing_[row * size() + n] && total > kMinusInfinity)
        candidates.push_back({total, row * places + places - size() + n, tokens_[n]});
    }
  if (has_forced_) reserve_row(candidates, ends, places, may_end, remaining <= 0);
  std::fill(totals_.begin(), totals_.end(), kMinusInfinity);
}

// Restrict the candidates so that one with most copy tokens is among the best, one for each hypothesis of the beam.
// Otherwise hypotheses whose copy tokens are still to be forced, and so have better scores, would displace it.
void CopyTokens::reserve_row(
    std::vector<Candidate>& candidates, std::vector<double>& ends, int places, bool may_end, bool at_limit) {
  if (!may_end) std::fill(ends.begin(), ends.end(), kMinusInfinity);
  if (at_limit) return;
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.index < b.index;
  });
  std::vector<Option> options;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const bool is_copy = candidates[i].index % places >= places - size();
    const int missing = num_missing(candidates[i].index / places) - is_copy;
    options.push_back({candidates[i].total, missing, static_cast<int>(i), -1});
  }
  std::vector<bool> is_kept(candidates.size());
  for (const Option& each : best_and_most_copied(options, ends.size())) is_kept[each.candidate] = true;
  for (size_t row = 0; row < ends.size(); ++row)
    if (ends[row] > kMinusInfinity)
      options.push_back({ends[row], num_missing(static_cast<int>(row)), -1, static_cast<int>(row)});
  std::vector<double> kept_ends(ends.size(), kMinusInfinity);
  for (const Option& each : best_and_most_copied(options, ends.size()))
    if (each.end >= 0) kept_ends[each.end] = each.total;
  ends = kept_ends;
  size_t count = 0;
  for (size_t i = 0; i < candidates.size(); ++i)
    if (is_kept[i]) candidates[count++] = candidates[i];
  candidates.resize(count);
}

void CopyTokens::advance(const std::vector<int32_t>& parents, const std::vector<int32_t>& tokens) {
  next_missing_.resize(missing_.size());
  for (size_t row = 0; row < parents.size(); ++row)
    for (int n = 0; n < size(); ++n)
      next_missing_[row * size() + n] = missing_[parents[row] * size() + n] && tokens[row] != tokens_[n];
  missing_.swap(next_missing_);
}

}  // namespace carousel
