"""Guides: what chooses the next rows of a sentence whose options ask for more than the K best candidates.

K rows. A guide sees one sentence, as plain lists: sentences that need one are few.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.search.phrase_constraints import Required, Words, completing, repeating


class Candidate(NamedTuple):
    """A row and the token that it would go on with."""

    total: float
    row: int
    token: int


class Offer(NamedTuple):
    """What may be chosen from in a step."""

    candidates: list[list[Candidate]]
    """Of each open row, those that the engine brought back, in its order."""
    score_ids: list[list[Candidate]]
    """Of each open row, those that the guide score_ids for; some may be among the candidates too."""
    ends: list[Candidate]
    """End of sentence after each open row."""
    at_limit: bool
    """Whether all rows must end now."""


class Choice(NamedTuple):
    """What was chosen from an offer."""

    rows: list[Candidate]
    """What goes on, at most K."""
    ends: list[Candidate]
    """What ends."""


class SearchStrategy:
    """Forces the prefix; holds bans by suppression, and leaves the choice to the plain beam after the prefix."""

    def __init__(self, options: DecodingOptions, beam: int, end: int, fewest: int) -> None:
        """``fewest`` tokens make a translation."""
        self.options, self.beam, self._end, self._fewest = options, beam, end, fewest
        self.words: list[Words] = [()] * beam
        """Of each row."""

    @property
    def first_rows(self) -> list[int]:
        """The rows that the search starts from."""
        return [0]

    @property
    def wanted(self) -> int:
        """Finished hypotheses that are collected; with so many, the search ends once no open one can overtake them."""
        return min(self.options.num_hypotheses, self.beam)

    @property
    def decides(self) -> bool:
        """Whether this step is the guide's to choose."""
        return self._length < len(self.options.target_prefix)

    @property
    def reachable(self) -> Words:
        """The tokens that the engine must be able to score."""
        return tuple(
            sorted({*self.options.target_prefix, *(token for phrase in self.options.force_phrases for token in phrase)})
        )

    def suppressed(self, row: int) -> set[int]:
        """The tokens that are no candidates now."""
        words = self.words[row]
        return completing(words, self.options.bad_phrases) | repeating(words, self.options.no_repeat_ngram_size)

    def score_ids(self, row: int) -> list[int]:
        """The tokens whose scores are wanted whatever their rank."""
        return [self.options.target_prefix[self._length]] if self._length < len(self.options.target_prefix) else []

    def choose(self, offer: Offer) -> Choice:
        """Choose, in a step that is the guide's."""
        if self._length < len(self.options.target_prefix):
            return Choice([candidate for [candidate] in offer.score_ids], [])
        return self._choose(offer)

    def follow(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        """Learn what the new rows are made of."""
        self.words = [(*self.words[parent], token) for parent, token in zip(parents, tokens, strict=True)]

    def select(self, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
        """Of the finished ones, best first, those to give."""
        return hypotheses

    @property
    def _length(self) -> int:
        return len(self.words[0])

    @property
    def _may_end(self) -> bool:
        return self._length >= self._fewest

    def _apart(self, candidates: Iterable[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
        """Those of some possible candidates that go on, and those that end."""
        possible = [candidate for candidate in candidates if candidate.total > -np.inf]
        return [c for c in possible if c.token != self._end], [c for c in possible if c.token == self._end]

    def _choose(self, offer: Offer) -> Choice:
        raise NotImplementedError  # `decides` says that there is nothing to choose


class SamplingStrategy(SearchStrategy):
    """Draws: each row is a sample of its own, and goes on with the token that the engine has drawn for it."""

    def __init__(self, options: DecodingOptions, beam: int, end: int, fewest: int, source: Sequence[int]) -> None:
        super().__init__(options, beam, end, fewest)
        # With one noise for all sentences, they would begin alike.
        self._sentence = zlib.crc32(np.array(source, dtype=np.int64).tobytes())
        self._samples = list(range(beam))  # the number of each row's, for rows change places

    @property
    def first_rows(self) -> list[int]:
        """One a sample."""
        return list(range(min(self.options.num_hypotheses, self.beam)))

    @property
    def wanted(self) -> int:
        """All: how good a sample is says nothing about the others."""
        return self.beam

    @property
    def decides(self) -> bool:
        """Always."""
        return True

    def suppressed(self, row: int) -> set[int]:
        """With end of sentence while it is too early, for what is drawn must be of use."""
        return super().suppressed(row) | (set() if self._may_end else {self._end})

    def seed(self, row: int) -> int:
        """Of the noise of a row in this step."""
        entropy = (self.options.seed, self._sentence, self._samples[row], self._length)
        return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1)

    def follow(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        """Samples keep their numbers."""
        super().follow(parents, tokens)
        self._samples = [self._samples[parent] for parent in parents]

    def _choose(self, offer: Offer) -> Choice:
        if offer.at_limit:
            return Choice([], offer.ends)
        drawn = [of_row[0] for of_row in offer.candidates if of_row]
        return Choice(*self._apart(drawn))


class DiverseBeamSearch(SearchStrategy):
    """Diverse beam search (Vijayakumar et al. 2018), with Hamming diversity: each group is a beam of its own.

    A token's penalty counts when a group chooses, not in the sums, which stay those of the model. K + 1 candidates a
    row are enough: one may be end of sentence, one for each row of the groups before may be penalised, and the rest
    are as many as the group has rows.
    """

    def __init__(self, options: DecodingOptions, beam: int, end: int, fewest: int) -> None:
        super().__init__(options, beam, end, fewest)
        self._groups = min(options.num_beam_groups, beam)
        self._of_row = [row * self._groups // beam for row in range(beam)]
        self._sizes = Counter(self._of_row)
        self._ended: list[list[Words]] = [[] for _ in range(self._groups)]  # of each group

    @property
    def first_rows(self) -> list[int]:
        """One a group."""
        return [self._of_row.index(group) for group in range(self._groups)]

    @property
    def wanted(self) -> int:
        """All, for each group searches to its own end."""
        return self.beam

    @property
    def decides(self) -> bool:
        """Always."""
        return True

    def follow(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        """Rows stay in their group."""
        super().follow(parents, tokens)
        self._of_row = [self._of_row[parent] for parent in parents]

    def select(self, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
        """The best of each group, then the second best, and so on; what several groups have found counts once."""
        places = {tuple(hypothesis.tokens): place for place, hypothesis in enumerate(hypotheses)}
        of_groups = [sorted(places[words] for words in ended) for ended in self._ended]
        in_turn = [place for turn in zip_longest(*of_groups) for place in turn if place is not None]
        chosen = list(dict.fromkeys(in_turn or range(len(hypotheses))))[: self.options.num_hypotheses]
        return [hypotheses[place] for place in sorted(chosen)]

    def _choose(self, offer: Offer) -> Choice:
        chosen = Choice([], [])
        taken: Counter[int] = Counter()
        for group in range(self._groups):
            ends = [end for end in offer.ends if self._of_row[end.row] == group]
            candidates = [c for of_row in offer.candidates for c in of_row if self._of_row[c.row] == group]
            of_group = self._choose_for(group, ends if offer.at_limit else candidates, taken, offer.at_limit)
            chosen.rows.extend(of_group.rows)
            chosen.ends.extend(of_group.ends)
            taken.update(candidate.token for candidate in of_group.rows)
        return chosen

    def _choose_for(self, group: int, candidates: list[Candidate], taken: Counter[int], at_limit: bool) -> Choice:
        """As a plain beam chooses: of the best, those that end; and the best that don't."""
        size = self._sizes[group]
        best_first = sorted(candidates, key=lambda c: self.options.diversity_penalty * taken[c.token] - c.total)
        _, ended = self._apart(best_first[:size])
        lacking = size - len(self._ended[group])
        ended = ended[:lacking] if self._may_end or at_limit else []
        self._ended[group] += [self.words[end.row] for end in ended]
        going_on, _ = self._apart(best_first)
        return Choice(going_on[:size] if len(ended) < lacking else [], ended)


class LexicalConstraints(SearchStrategy):
    """Lexically constrained decoding with dynamic beam allocation (Post and Vilar 2018).

    Candidates stand in banks by their progress with the required phrases; banks choose in turn, the most advanced
    first, each its best, so that every bank gets its share of the beam and what some cannot fill goes to the others.
    The most advanced bank always goes on, and one of its candidates is a step further: the limit of length leaves it
    the time to meet all phrases.
    """

    def __init__(self, options: DecodingOptions, beam: int, end: int, fewest: int) -> None:
        super().__init__(options, beam, end, fewest)
        self._required = Required(options.force_phrases)

    @property
    def decides(self) -> bool:
        """Always."""
        return True

    def score_ids(self, row: int) -> list[int]:
        """After the prefix, what brings a phrase further."""
        return super().score_ids(row) or sorted(self._required.following(self.words[row]))

    def _choose(self, offer: Offer) -> Choice:
        met = [end for end in offer.ends if self._required.progress(self.words[end.row]) == self._required.total]
        if offer.at_limit:
            return Choice([], met or offer.ends)
        going_on: list[Candidate] = []
        for of_row, score_ids in zip(offer.candidates, offer.score_ids, strict=True):
            open_, _ = self._apart([*of_row, *score_ids])
            going_on += {candidate.token: candidate for candidate in open_}.values()
        _, ended = self._apart(self._in_turn([*going_on, *met])) if self._may_end else ([], [])
        return Choice(self._in_turn(going_on), ended)

    def _in_turn(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """K candidates, chosen by the banks in turn."""
        banks: dict[int, list[Candidate]] = defaultdict(list)
        for candidate in sorted(candidates, key=lambda candidate: candidate.total):
            words = self.words[candidate.row]
            ends = candidate.token == self._end
            banks[self._required.progress(words if ends else (*words, candidate.token))].append(candidate)
        chosen: list[Candidate] = []
        while banks and len(chosen) < self.beam:
            for progress in sorted(banks, reverse=True)[: self.beam - len(chosen)]:
                chosen.append(banks[progress].pop())
                if not banks[progress]:
                    del banks[progress]
        return chosen


def make_strategy(
    options: DecodingOptions, beam: int, end: int, fewest: int, source: Sequence[int]
) -> SearchStrategy | None:
    """The guide that the options need for a source; None where a plain beam does all they ask."""
    if options.sampling_temperature > 0:
        return SamplingStrategy(options, beam, end, fewest, source)
    if options.num_beam_groups > 1:
        return DiverseBeamSearch(options, beam, end, fewest)
    if options.force_phrases:
        return LexicalConstraints(options, beam, end, fewest)
    if options.target_prefix or options.bad_phrases or options.no_repeat_ngram_size:
        return SearchStrategy(options, beam, end, fewest)
    return None
