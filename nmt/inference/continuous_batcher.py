"""Continuous batching: sentences of different requests share a search, which they can enter and leave at any step."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from nmt.corpus.tokenizer import BOS, EOS
from nmt.inference.retry import choose_attempt, retry_options
from nmt.search.beam_search import BeamSearch
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine, PlainBeamSearch, SearchingEngine, SentenceGroup
from nmt.search.strategies import is_plain


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
    options: DecodingOptions
    """Options of this attempt."""
    first_attempt: list[Hypothesis] | None = None
    """Hypotheses of the first attempt, if the sentence is decoded again."""


class ContinuousBatcher:
    """Decoder of a changing set of sentences. Not thread-safe.

    Sentences with plain options are decoded by the engine's own beam search if it has one, and the others by
    `nmt.search.beam_search.BeamSearch`; both share the slots. A sentence whose translation has a flaw is decoded again;
    see `nmt.inference.retry`. After an exception from `advance`, the batcher must not be used again.
    """

    def __init__(self, engine: Engine) -> None:
        self.num_slots, self.beam_size = engine.num_slots, engine.beam_size
        self._stepwise = _Search(BeamSearch(engine, BOS, EOS))
        self._plain = _Search(engine.plain_beam_search()) if isinstance(engine, SearchingEngine) else self._stepwise
        self._search_of: dict[Hashable, _Search] = {}  # by the key of the sentence

    def __len__(self) -> int:
        """Return the number of running sentences."""
        return len(self._search_of)

    @property
    def num_free(self) -> int:
        """Number of free slots."""
        return self.num_slots - len(self._search_of)

    def admit(self, requests: Sequence[DecodingRequest]) -> None:
        """Start decoding sentences, of which there may be at most `num_free`.

        Those with plain options are encoded together, and so are the others. If this raises an exception, no sentence
        is admitted.
        """
        self._start([_RunningSentence(request, request.options) for request in requests])

    def release(self, keys: Iterable[Hashable]) -> None:
        """Stop decoding the running sentences with the given keys."""
        by_search: dict[_Search, list[Hashable]] = {}
        for key in keys:
            by_search.setdefault(self._search_of.pop(key), []).append(key)
        for search, released in by_search.items():
            search.release(released)

    def advance(self, max_steps: int = 1) -> list[tuple[Hashable, list[Hypothesis]]]:
        """Advance all sentences by one token; return key and hypotheses, best first, of each finished sentence.

        If the engine's own search decodes all of them, they advance by up to ``max_steps`` tokens, but not further
        after some have finished. A sentence for which the network computes scores that are not numbers has no
        hypotheses.
        """
        finished: list[tuple[_RunningSentence, list[Hypothesis]]] = []
        if self._plain.sentences:
            finished += self._plain.advance(1 if self._stepwise.sentences else max_steps)
        if self._stepwise is not self._plain and self._stepwise.sentences:
            finished += self._stepwise.advance(1)
        done: list[tuple[Hashable, list[Hypothesis]]] = []
        again: list[_RunningSentence] = []
        for sentence, hypotheses in finished:
            request, first = sentence.request, sentence.first_attempt
            del self._search_of[request.key]
            if not hypotheses:
                done.append((request.key, first or []))
            elif first is not None:
                done.append((request.key, choose_attempt(request.source_ids, first, hypotheses)))
            elif retry := retry_options(request.source_ids, hypotheses, request.options):
                again.append(_RunningSentence(request, retry, hypotheses))
            else:
                done.append((request.key, hypotheses))
        self._start(again)
        return done

    def _start(self, sentences: Sequence[_RunningSentence]) -> None:
        by_search: dict[_Search, list[_RunningSentence]] = {}
        for sentence in sentences:
            search = self._plain if is_plain(sentence.options) else self._stepwise
            by_search.setdefault(search, []).append(sentence)
        started: list[_Search] = []
        try:
            for search, of_search in by_search.items():
                search.start(of_search)
                started.append(search)
        except BaseException:
            for search in started:
                search.release([sentence.request.key for sentence in by_search[search]])
            raise
        self._search_of.update(
            (sentence.request.key, search) for search, of_search in by_search.items() for sentence in of_search
        )


class _Search:
    """A beam search with the sentences in its slots."""

    def __init__(self, search: BeamSearch | PlainBeamSearch) -> None:
        self.sentences: dict[int, _RunningSentence] = {}
        """Running sentences by slot."""
        self._search = search
        self._slot_of: dict[Hashable, int] = {}  # by the key of the sentence

    def start(self, sentences: Sequence[_RunningSentence]) -> None:
        """Put sentences into free slots; if this raises an exception, none of them."""
        free = iter(self._search.free_slots())
        placed: list[tuple[int, _RunningSentence]] = []
        groups: list[SentenceGroup] = []
        for options, group in groupby(sentences, key=lambda sentence: sentence.options):
            of_group = [(next(free), sentence) for sentence in group]
            sources = [sentence.request.source_ids for _, sentence in of_group]
            groups.append(SentenceGroup([slot for slot, _ in of_group], sources, options))
            placed += of_group
        self._search.admit_groups(groups)
        self.sentences.update(placed)
        self._slot_of.update((sentence.request.key, slot) for slot, sentence in placed)

    def release(self, keys: Iterable[Hashable]) -> None:
        """Stop decoding the sentences with the given keys."""
        slots = [self._slot_of.pop(key) for key in keys]
        for slot in slots:
            del self.sentences[slot]
        self._search.release(slots)

    def advance(self, max_steps: int) -> list[tuple[_RunningSentence, list[Hypothesis]]]:
        """Advance all sentences by a token, or up to ``max_steps``, and return and remove those that have finished."""
        found = self._search.advance() if isinstance(self._search, BeamSearch) else self._search.advance(max_steps)
        finished = [(self.sentences.pop(slot), hypotheses) for slot, hypotheses in found]
        for sentence, _ in finished:
            del self._slot_of[sentence.request.key]
        return finished
