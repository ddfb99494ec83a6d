"""A deterministic translator without a model, which tests make slow or faulty by words in the text.

Shared by the tests and by the program of the graceful-shutdown test.
"""

import re
import threading
from collections.abc import Hashable, Iterable, Sequence

from nmt.corpus.tokenizer import TokenizedText
from nmt.inference.continuous_batcher import DecodingRequest
from nmt.inference.text_processor import Chunk
from nmt.inference.translation import Alternative, Translation
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.utils.errors import UsageError
from serve.workers.client import WorkerLostError

FILLER_TOKEN = 7


class FakeTranslator:
    """Translates ``word`` into ``[word]`` in one step, and appends ``<term>`` for each required phrase.

    Words in the text change its behaviour: ``STEPS7`` takes seven steps, ``a|b`` has two chunks, ``EXPLODE`` cannot be
    admitted, ``BREAK`` breaks the batcher, and ``KILL`` kills its process, at most ``deaths`` times.
    """

    beam_size = 2

    def __init__(self, source: str = "en", target: str = "fr", checksum: str = "1") -> None:
        self.source_language, self.target_language = source, target
        self.checksum = checksum
        self.decoding_options = DecodingOptions()
        self.admitted: list[list[str]] = []
        """Texts that were admitted together."""
        self.required: list[tuple[tuple[int, ...], ...]] = []
        """Required phrases of each request."""
        self.batchers: list[FakeBatcher] = []
        self.deaths = 0
        self.closed = False
        self.open = threading.Event()
        """Steps wait for this event."""
        self.open.set()

    @property
    def text_processor(self) -> "FakeTranslator":
        return self

    def decoded(self) -> list[str]:
        """Return all chunks that were admitted, except those of the warm-up."""
        return [text for texts in self.admitted for text in texts if not text.startswith(("Hello.", "This "))]

    def force_phrase_ids(self, text: str) -> tuple[int, ...]:
        if "UNWRITABLE" in text:
            raise UsageError(f"{text!r}: the model can't write all of its characters; leave them out")
        return tuple(map(ord, text))

    def create_batcher(self, worker: int, num_slots: int, beam_size: int) -> "FakeBatcher":
        self.batchers.append(FakeBatcher(self, num_slots, beam_size))
        return self.batchers[-1]

    def close(self) -> None:
        self.closed = True

    def translate(self, texts: Sequence[str], *, alternatives: int = 0) -> list[Translation]:
        options = DecodingOptions(num_hypotheses=alternatives + 1)
        return [self.assemble(text, (), (), options) for text in texts]

    def make_chunks(self, text: str) -> list[Chunk]:
        if "UNSPEAKABLE" in text:
            raise RuntimeError("the tokenizer broke")
        return [
            Chunk(chunk.start(), TokenizedText(chunk.group(), list(map(ord, chunk.group())), []))
            for chunk in re.finditer(r"[^|]+|^$", text)
        ]

    def assemble(
        self, text: str, chunks: Sequence[Chunk], hypotheses: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> Translation:
        translated = "[two\nlines]" if "NEWLINE" in text else f"[{text}]"
        tokens = [token for chunk in hypotheses for token in chunk[0].tokens]
        translated += "".join(chr(token) for token in tokens if token != FILLER_TOKEN)
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
        )


class FakeBatcher:
    """Stands in for `nmt.inference.continuous_batcher.ContinuousBatcher`."""

    def __init__(self, fake: FakeTranslator, num_slots: int, beam_size: int) -> None:
        self.num_slots, self.beam_size = num_slots, beam_size
        self.running: dict[Hashable, int] = {}
        """Number of steps that each request still needs."""
        self.steps = 0
        self.lost = False
        """Whether its process is gone at the next step."""
        self._fake = fake
        self._tokens: dict[Hashable, list[int]] = {}

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
        self._fake.required += [request.options.force_phrases for request in requests]
        for request, text in zip(requests, texts, strict=True):
            assert request.key not in self.running
            steps = re.search(r"STEPS(\d+)", text)
            terms = "".join(f"<{''.join(map(chr, term))}>" for term in request.options.force_phrases)
            self._tokens[request.key] = [FILLER_TOKEN, *map(ord, terms)]
            self.running[request.key] = -1 if "BREAK" in text else int(steps[1]) if steps else 1

    def release(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            del self.running[key]

    def advance(self) -> list[tuple[Hashable, list[Hypothesis]]]:
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
        return [(key, [Hypothesis(self._tokens.pop(key), -1.0, -1.0, None)]) for key in finished]


class FakeLoader:
    """Loads the given fakes one after the other, then the last one again and again."""

    def __init__(self, *fakes: FakeTranslator) -> None:
        self.fakes = fakes
        self.loads = 0

    def pair(self) -> tuple[str, str]:
        return self.fakes[0].source_language, self.fakes[0].target_language

    def load(self) -> FakeTranslator:
        self.loads += 1
        return self.fakes[min(self.loads, len(self.fakes)) - 1]
