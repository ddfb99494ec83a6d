"""A deterministic translator without a model, which tests make slow or faulty by words in the text.

Shared by the tests and by the program of the graceful-shutdown test.
"""

import re
import threading
from collections.abc import Hashable, Iterable, Sequence

from nmt.corpus.tokenizer import TokenizedText
from nmt.inference.chunk_alignment import Chunk
from nmt.inference.continuous_batcher import DecodingRequest
from nmt.inference.directions import AvailableDirections, LanguagePair
from nmt.inference.prepared_text import PreparedText
from nmt.inference.text_options import TextOptions
from nmt.inference.translation import Alternative, AppliedTerm, Direction, SentenceTranslation, Translation
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from serve.workers.client import WorkerLostError

FILLER_TOKEN = 7


class FakeTranslator:
    """Translates ``word`` into ``[word]`` in one step, and appends ``<term>`` for each glossary term.

    Words in the text change its behaviour: ``STEPS7`` takes seven steps, ``a|b`` has two chunks, ``EXPLODE`` cannot be
    admitted, ``BREAK`` breaks the batcher, ``NAN`` has no hypotheses, and ``KILL`` kills its process, at most
    ``deaths`` times.
    """

    beam_size = 2

    def __init__(self, source: str = "en", target: str = "fr", checksum: str = "1", others: str = "") -> None:
        """Create a translator from one language into another, and in ``others``, such as ``"en-de de-en"``."""
        self.directions = [(source, target), *((pair[:2], pair[3:]) for pair in others.split())]
        self.checksum = checksum
        self.admitted: list[list[str]] = []
        """Texts that were admitted together."""
        self.batchers: list[FakeBatcher] = []
        self.deaths = 0
        self.broken = False
        """Whether the network computes no scores for any sentence."""
        self.closed = False
        self.open = threading.Event()
        """Steps wait for this event."""
        self.open.set()

    @property
    def text_processor(self) -> "FakeTextProcessor":
        return self.create_text_processor(self.directions[0])

    def create_text_processor(self, pair: LanguagePair, script: str | None = None) -> "FakeTextProcessor":
        return FakeTextProcessor(Direction("trained" if pair in self.directions else "zero-shot", pair))

    def decoded(self) -> list[str]:
        """Return all chunks that were admitted, except those of the warm-up."""
        return [text for texts in self.admitted for text in texts if not text.startswith(("Hello.", "This "))]

    def create_batcher(self, worker: int, num_slots: int, beam_size: int) -> "FakeBatcher":
        self.batchers.append(FakeBatcher(self, num_slots, beam_size))
        return self.batchers[-1]

    def close(self) -> None:
        self.closed = True

    def translate(self, texts: Sequence[str], *, alternatives: int = 0) -> list[Translation]:
        options, processor = DecodingOptions(num_hypotheses=alternatives + 1), self.text_processor
        return [processor.assemble(processor.prepare(text, TextOptions()), (), options) for text in texts]


class FakeTextProcessor:
    """Stands in for `nmt.inference.text_processor.TextProcessor`; see `FakeTranslator`."""

    def __init__(self, direction: Direction) -> None:
        self.decoding_options = DecodingOptions()
        self._direction = direction

    def tokenize_pair(self, source: str, target: str) -> tuple[TokenizedText, TokenizedText]:
        tokenized = [TokenizedText(text, list(map(ord, text)), []) for text in (source, target)]
        return tokenized[0], tokenized[1]

    def prepare(self, text: str, text_options: TextOptions) -> PreparedText:
        if "UNSPEAKABLE" in text:
            raise RuntimeError("the tokenizer broke")
        chunks = [
            Chunk(chunk.start(), TokenizedText(chunk.group(), list(map(ord, chunk.group())), []))
            for chunk in re.finditer(r"[^|]+|^$", text)
        ]
        terms = tuple(text_options.terms.find(text)) if text_options.terms else ()
        return PreparedText(text, (0, len(text)), text, text_options, terms=terms, chunks=chunks)

    def assemble(
        self, prepared: PreparedText, hypotheses: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> Translation:
        text = prepared.text
        translated = "[two\nlines]" if "NEWLINE" in text else f"[{text}]"
        translated += "".join(f"<{term.target}>" for term in prepared.terms)
        alternatives = [Alternative(f"{translated}{n}", -float(n)) for n in range(1, options.num_hypotheses)]
        if "SAME" in text and alternatives:
            alternatives[0] = Alternative(translated, -0.5)
        return Translation(
            text=translated,
            score=-float(len(text)),
            confidence=None if "UNSURE" in text else len(text) / 100,
            alternatives=tuple(alternatives),
            alignment=((0, len(text), 1, 1 + len(text)),)
            if options.return_attention and "UNALIGNED" not in text
            else None,
            terms=tuple(AppliedTerm(term.source, term.target) for term in prepared.terms),
            direction=self._direction,
        )

    def assemble_counted(
        self, prepared: PreparedText, hypotheses: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> SentenceTranslation:
        num_tokens = sum(len(of_chunk[0].tokens) + 1 for of_chunk in hypotheses)
        return SentenceTranslation(self.assemble(prepared, hypotheses, options), num_tokens)


class FakeBatcher:
    """Stands in for `nmt.inference.continuous_batcher.ContinuousBatcher`."""

    def __init__(self, fake: FakeTranslator, num_slots: int, beam_size: int) -> None:
        self.num_slots, self.beam_size = num_slots, beam_size
        self.running: dict[Hashable, int] = {}
        """Number of steps that each request still needs."""
        self.broken: set[Hashable] = set()
        """Requests for which the network computes no scores."""
        self.steps = 0
        self.lost = False
        """Whether its process is gone at the next step."""
        self._fake = fake

    def __len__(self) -> int:
        return len(self.running)

    @property
    def num_free(self) -> int:
        return self.num_slots - len(self.running)

    def admit(self, requests: Sequence[DecodingRequest]) -> None:
        assert len(requests) <= self.num_free
        texts = ["".join(map(chr, request.source_ids)) for request in requests]
        if any("KILL" in text for text in texts) and self._fake.deaths:
            self._fake.deaths -= 1
            raise WorkerLostError("the process was killed")
        if any("EXPLODE" in text for text in texts):
            raise RuntimeError("the engine broke")
        self._fake.admitted.append(texts)
        for request, text in zip(requests, texts, strict=True):
            assert request.key not in self.running
            steps = re.search(r"STEPS(\d+)", text)
            if "NAN" in text or self._fake.broken:
                self.broken.add(request.key)
            self.running[request.key] = -1 if "BREAK" in text else int(steps[1]) if steps else 1

    def release(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            del self.running[key]

    def advance(self, max_steps: int = 1) -> list[tuple[Hashable, list[Hypothesis]]]:
        if not self._fake.open.wait(10):
            raise TimeoutError("the test did not set the event")
        if self.lost:
            raise WorkerLostError("the process was killed")
        self.steps += 1
        if -1 in self.running.values():
            raise RuntimeError("the step broke")
        self.running = {key: steps - 1 for key, steps in self.running.items()}
        finished = [key for key, steps in self.running.items() if not steps]
        for key in finished:
            del self.running[key]
        hypotheses = [Hypothesis([FILLER_TOKEN], -1.0, -1.0, None)]
        return [(key, [] if key in self.broken else hypotheses) for key in finished]


class FakeLoader:
    """Loads the given fakes one after the other, then the last one again and again."""

    def __init__(self, *fakes: FakeTranslator, name: str = "fake", zero_shot: str = "", better: str = "") -> None:
        """Create a loader; ``zero_shot`` and ``better`` are further directions, such as ``"fr-de"``."""
        self.fakes, self.name = fakes, name
        self.loads = 0
        pairs = [{(pair[:2], pair[3:]) for pair in listed.split()} for listed in (f"{zero_shot} {better}", better)]
        self._directions = AvailableDirections(fakes[0].directions, *pairs)

    def directions(self) -> AvailableDirections:
        return self._directions

    def load(self) -> FakeTranslator:
        self.loads += 1
        return self.fakes[min(self.loads, len(self.fakes)) - 1]
