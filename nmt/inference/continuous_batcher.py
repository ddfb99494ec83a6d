"""One running search that sentences of many askers share: each enters and leaves by itself."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from nmt.corpus.tokenizer import BOS, EOS
from nmt.inference.repetition import has_repetition
from nmt.search.beam_search import BeamSearch
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine

RETRY_NGRAM_SIZE = 3
"""Of the second try of a translation that loops: no sequence of so many pieces comes twice."""


@dataclass(frozen=True, slots=True, eq=False)
class DecodingRequest:
    """A sentence to be searched."""

    key: Hashable
    """Of the asker's choice; unlike that of any other in the loop."""
    source: Sequence[int]
    options: DecodingOptions


@dataclass(slots=True, eq=False)
class _Running:
    search: DecodingRequest
    first_try: list[Hypothesis] | None = None


class ContinuousBatcher:
    """Advances all its sentences by a token at a time. One thread uses it at a time.

    A translation that loops is searched once more, with no three pieces allowed to come twice; it stays as it was if
    that doesn't help. After an exception from `advance` the loop is of no more use.
    """

    def __init__(self, engine: Engine) -> None:
        self.slots, self.beam = engine.slots, engine.beam
        self._search = BeamSearch(engine, BOS, EOS)
        self._running: dict[int, _Running] = {}  # by slot
        self._slot_of: dict[Hashable, int] = {}

    def __len__(self) -> int:
        """How many sentences are in work."""
        return len(self._running)

    @property
    def free(self) -> int:
        """How many more sentences there is room for."""
        return self.slots - len(self._running)

    def admit(self, searches: Sequence[DecodingRequest]) -> None:
        """Take in sentences, at most as many as are `free`; those of equal options are encoded together.

        Where this raises, none of the sentences is in work.
        """
        begun: list[Hashable] = []
        try:
            for options, group in groupby(searches, key=lambda each: each.options):
                together = list(group)
                self._begin([_Running(each) for each in together], options)
                begun += [each.key for each in together]
        except BaseException:
            self.release(begun)
            raise

    def release(self, keys: Iterable[Hashable]) -> None:
        """Give up some of the sentences in work."""
        slots = [self._slot_of.pop(key) for key in keys]
        for slot in slots:
            del self._running[slot]
        if slots:
            self._search.release(slots)

    def advance(self) -> list[tuple[Hashable, list[Hypothesis]]]:
        """One step; gives the sentences that finish with it, by key, each with its hypotheses, best first."""
        done: list[tuple[Hashable, list[Hypothesis]]] = []
        for slot, hypotheses in self._search.advance():
            running = self._running.pop(slot)
            search = running.search
            del self._slot_of[search.key]
            breaks = search.options.retry_repetition and search.options.no_repeat_ngram_size == 0
            looping = breaks and has_repetition(search.source, hypotheses[0].tokens)
            if looping and running.first_try is None:
                running.first_try = hypotheses
                self._begin([running], replace(search.options, no_repeat_ngram_size=RETRY_NGRAM_SIZE))
            else:
                done.append((search.key, running.first_try if looping and running.first_try else hypotheses))
        return done

    def _begin(self, newcomers: Sequence[_Running], options: DecodingOptions) -> None:
        slots = self._search.free_slots()[: len(newcomers)]
        self._search.admit(slots, [each.search.source for each in newcomers], options)
        for slot, running in zip(slots, newcomers, strict=True):
            self._running[slot] = running
            self._slot_of[running.search.key] = slot
