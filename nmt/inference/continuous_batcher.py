"""Continuous batching: sentences of different requests share a search, which they can enter and leave at any step."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from nmt.corpus.tokenizer import BOS, EOS
from nmt.inference.retry import choose_attempt, retry_options
from nmt.search.beam_search import BeamSearch, SentenceGroup
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine


@dataclass(frozen=True, slots=True, eq=False)
class DecodingRequest:
    """A sentence to decode."""

    key: Hashable
    """Identifier chosen by the caller, unique among the sentences in the batch."""
    source_ids: Sequence[int]
    """Source token ids."""
    options: DecodingOptions


@dataclass(slots=True, eq=False)
class _RunningSentence:
    """A sentence that is being decoded in a slot."""

    request: DecodingRequest
    first_attempt: list[Hypothesis] | None = None
    """Hypotheses of the first attempt, if the sentence is decoded again."""


class ContinuousBatcher:
    """Decoder of a changing set of sentences; each call of `advance` decodes one token of all. Not thread-safe.

    A sentence whose translation has a flaw is decoded again; see `nmt.inference.retry`. After an exception from
    `advance`, the batcher must not be used again.
    """

    def __init__(self, engine: Engine) -> None:
        self.num_slots, self.beam_size = engine.num_slots, engine.beam_size
        self._search = BeamSearch(engine, BOS, EOS)
        self._running: dict[int, _RunningSentence] = {}  # by slot
        self._slot_of: dict[Hashable, int] = {}

    def __len__(self) -> int:
        """Return the number of running sentences."""
        return len(self._running)

    @property
    def num_free(self) -> int:
        """Number of free slots."""
        return self.num_slots - len(self._running)

    def admit(self, requests: Sequence[DecodingRequest]) -> None:
        """Start decoding sentences, of which there may be at most `num_free`.

        They are encoded together, whatever their options. If this raises an exception, no sentence is admitted.
        """
        started = [_RunningSentence(request) for request in requests]
        by_options = groupby(started, key=lambda sentence: sentence.request.options)
        self._start_sentences([(options, list(group)) for options, group in by_options])

    def release(self, keys: Iterable[Hashable]) -> None:
        """Stop decoding the running sentences with the given keys."""
        slots = [self._slot_of.pop(key) for key in keys]
        for slot in slots:
            del self._running[slot]
        if slots:
            self._search.release(slots)

    def advance(self) -> list[tuple[Hashable, list[Hypothesis]]]:
        """Advance all sentences by one token; return key and hypotheses, best first, of each finished sentence.

        A sentence for which the network computes scores that are not numbers has no hypotheses.
        """
        done: list[tuple[Hashable, list[Hypothesis]]] = []
        for slot, hypotheses in self._search.advance():
            sentence = self._running.pop(slot)
            request = sentence.request
            del self._slot_of[request.key]
            if not hypotheses:
                done.append((request.key, sentence.first_attempt or []))
            elif sentence.first_attempt is not None:
                done.append((request.key, choose_attempt(request.source_ids, sentence.first_attempt, hypotheses)))
            elif retry := retry_options(request.source_ids, hypotheses, request.options):
                sentence.first_attempt = hypotheses
                self._start_sentences([(retry, [sentence])])
            else:
                done.append((request.key, hypotheses))
        return done

    def _start_sentences(self, by_options: Sequence[tuple[DecodingOptions, Sequence[_RunningSentence]]]) -> None:
        if not by_options:
            return
        free = iter(self._search.free_slots())
        groups = [
            SentenceGroup([next(free) for _ in sentences], [each.request.source_ids for each in sentences], options)
            for options, sentences in by_options
        ]
        self._search.admit_groups(groups)
        for group, (_, sentences) in zip(groups, by_options, strict=True):
            for slot, sentence in zip(group.slots, sentences, strict=True):
                self._running[slot] = sentence
                self._slot_of[sentence.request.key] = slot
