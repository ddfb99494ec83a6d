"""A translator without a model: deterministic, and as slow or as faulty as a test wants it.

Shared by the tests and by the program that the drain test runs.
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
from serve.workers.client import DecoderLostError

NOTHING = 7


class FakeTranslator:
    """Translates ``word`` into ``[word]``, in a step, and adds ``<term>`` for what is required of each part. Words in
    the text choose what else happens.

    ``STEPS7`` takes seven steps, ``a|b`` is searched in two parts, ``EXPLODE`` can't be admitted, ``BREAK`` breaks the
    loop, and ``KILL`` its process, as often as ``deaths`` says.
    """

    beam = 2

    def __init__(self, source: str = "en", target: str = "fr", checksum: str = "1") -> None:
        self.source_language, self.target_language = source, target
        self.checksum = checksum
        self.decoding_options = DecodingOptions()
        self.admitted: list[list[str]] = []
        """What was admitted together."""
        self.required: list[tuple[tuple[int, ...], ...]] = []
        """What was required of each search."""
        self.loops: list[FakeLoop] = []
        self.deaths = 0
        self.open = threading.Event()
        """Steps wait for it."""
        self.open.set()

    @property
    def text_processor(self) -> "FakeTranslator":
        return self

    def seen(self) -> list[str]:
        """All parts that were searched, less those of the warming."""
        return [text for texts in self.admitted for text in texts if not text.startswith(("Hello.", "This "))]

    def phrase_ids(self, text: str) -> tuple[int, ...]:
        if "UNWRITABLE" in text:
            raise UsageError(f"{text!r}: the model can't write all of its characters; leave them out")
        return tuple(map(ord, text))

    def loop(self, thread: int, slots: int, beam: int) -> "FakeLoop":
        self.loops.append(FakeLoop(self, slots, beam))
        return self.loops[-1]

    def translate(self, texts: Sequence[str], *, alternatives: int = 0) -> list[Translation]:
        options = DecodingOptions(num_hypotheses=alternatives + 1)
        return [self.assemble(text, (), (), options) for text in texts]

    def chunks(self, text: str) -> list[Chunk]:
        if "UNSPEAKABLE" in text:
            raise RuntimeError("the tokenizer broke")
        return [
            Chunk(chunk.start(), TokenizedText(chunk.group(), list(map(ord, chunk.group())), []))
            for chunk in re.finditer(r"[^|]+|^$", text)
        ]

    def assemble(
        self, text: str, chunks: Sequence[Chunk], found: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> Translation:
        translated = "[two\nlines]" if "NEWLINE" in text else f"[{text}]"
        translated += "".join(chr(token) for hypotheses in found for token in hypotheses[0].tokens if token != NOTHING)
        others = [Alternative(f"{translated}{n}", -float(n)) for n in range(1, options.num_hypotheses)]
        if "SAME" in text and others:
            others[0] = Alternative(translated, -0.5)
        return Translation(
            text=translated,
            score=-float(len(text)),
            confidence=None if "UNSURE" in text else len(text) / 100,
            alternatives=tuple(others),
            alignment=((0, len(text), 1, 1 + len(text)),)
            if options.return_attention and "UNALIGNED" not in text
            else None,
        )


class FakeLoop:
    """Stands in for `nmt.inference.continuous_batcher.ContinuousBatcher`."""

    def __init__(self, fake: FakeTranslator, slots: int, beam: int) -> None:
        self.slots, self.beam = slots, beam
        self.live: dict[Hashable, int] = {}
        """The steps that each sentence still needs."""
        self.steps = 0
        self.lost = False
        """Whether its process is gone at the next step."""
        self._fake = fake
        self._found: dict[Hashable, list[int]] = {}

    def __len__(self) -> int:
        return len(self.live)

    @property
    def free(self) -> int:
        return self.slots - len(self.live)

    def admit(self, searches: Sequence[DecodingRequest]) -> None:
        assert len(searches) <= self.free
        texts = ["".join(map(chr, search.source)) for search in searches]
        if any("KILL" in text for text in texts) and self._fake.deaths:
            self._fake.deaths -= 1
            raise DecoderLostError("the process was killed")
        if any("EXPLODE" in text for text in texts):
            raise RuntimeError("the engine broke")
        self._fake.admitted.append(texts)
        self._fake.required += [search.options.force_phrases for search in searches]
        for search, text in zip(searches, texts, strict=True):
            assert search.key not in self.live
            steps = re.search(r"STEPS(\d+)", text)
            terms = "".join(f"<{''.join(map(chr, term))}>" for term in search.options.force_phrases)
            self._found[search.key] = [NOTHING, *map(ord, terms)]
            self.live[search.key] = -1 if "BREAK" in text else int(steps[1]) if steps else 1

    def release(self, keys: Iterable[Hashable]) -> None:
        for key in keys:
            del self.live[key]

    def advance(self) -> list[tuple[Hashable, list[Hypothesis]]]:
        if not self._fake.open.wait(10):
            raise TimeoutError("the test forgot to open the gate")
        if self.lost:
            raise DecoderLostError("the process was killed")
        self.steps += 1
        if -1 in self.live.values():
            raise RuntimeError("the step broke")
        self.live = {key: steps - 1 for key, steps in self.live.items()}
        done = [key for key, steps in self.live.items() if not steps]
        for key in done:
            del self.live[key]
        return [(key, [Hypothesis(self._found.pop(key), -1.0, -1.0, None)]) for key in done]


class FakeLoader:
    """Loads fakes, one after the other; the last one again and again."""

    def __init__(self, *fakes: FakeTranslator) -> None:
        self.fakes = fakes
        self.loads = 0

    def pair(self) -> tuple[str, str]:
        return self.fakes[0].source_language, self.fakes[0].target_language

    def load(self) -> FakeTranslator:
        self.loads += 1
        return self.fakes[min(self.loads, len(self.fakes)) - 1]
