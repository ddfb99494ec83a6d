"""What ``nmt translate`` is asked to do with each text, in this process or by workers elsewhere."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from nmt.engine.factory import EngineName
from nmt.inference.translator import Translation, Translator
from nmt.search.options import DecodingOptions

Form = Literal["text", "json", "pairs"]
"""A line of output: the translation; an object with all that is known of it; or an object with a text for each of the
two languages, which training reads."""


@dataclass(frozen=True)
class TranslationJob:
    """Models, options of their search, and the form of the answer."""

    models: tuple[Path, ...]
    """The first one's tokenizer and shortlist count; more than one make an ensemble."""
    beam: int | None
    alternatives: int
    options: DecodingOptions
    shortlist: bool
    form: Form

    def load(self, engine: EngineName = "auto", threads: int = 1) -> Translator:
        """The models, ready to translate. Raises CarouselError as `Translator.load` does."""
        first, *others = self.models
        return Translator.load(first, engine=engine, threads=threads, shortlist=self.shortlist, ensemble=others)

    def lines(self, translator: Translator, texts: Iterable[str]) -> Iterator[str]:
        """One line of output, without its end, for each text, in order."""
        waiting: deque[str] = deque()  # texts that were read and not yet answered

        def noted() -> Iterator[str]:
            for text in texts:
                waiting.append(text)
                yield text

        results = translator.stream(noted(), beam=self.beam, alternatives=self.alternatives, options=self.options)
        languages = translator.source_language, translator.target_language
        for result in results:
            yield _render(waiting.popleft(), result, self.form, languages)


def _render(source: str, result: Translation, form: Form, languages: tuple[str, str]) -> str:
    if form == "json":
        return json.dumps(asdict(result), ensure_ascii=False)
    if form == "pairs":
        return json.dumps(dict(zip(languages, (source, result.text), strict=True)), ensure_ascii=False)
    return result.text.replace("\n", " ")  # of a text from JSON or parquet that is left as it is
