"""Translation jobs, which ``nmt translate`` executes in its own process or in Ray workers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from nmt.engine.factory import EngineName
from nmt.inference.text_options import DEFAULT_TEXT_OPTIONS, TextOptions
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator
from nmt.search.options import DecodingOptions
from nmt.utils.errors import UsageError

OutputFormat = Literal["text", "json", "pairs"]
"""Format of each output line.

``text`` is the translation, ``json`` a JSON object with the fields of `Translation`, and ``pairs`` a JSON object with
the text in both languages, which ``nmt train`` can read; they have to be given or determined by the model.
"""


@dataclass(frozen=True)
class TranslationJob:
    """Models, decoding options and output format of a translation run."""

    models: tuple[Path, ...]
    """Model directories; several models form an ensemble, which uses the tokenizer and shortlist of the first."""
    beam_size: int | None
    """Beam size; None for the default of the model."""
    alternatives: int
    """Number of alternative translations per text."""
    options: DecodingOptions
    use_shortlist: bool
    """True to use the vocabulary shortlist of the model, if it has one."""
    output_format: OutputFormat
    text_options: TextOptions = DEFAULT_TEXT_OPTIONS
    languages: tuple[str | None, str | None] = (None, None)
    """Codes of source and target language; None for a language that the model determines, or that is identified."""

    memory: Path | None = None
    """Translation memory, whose exact matches are reused and whose fuzzy matches are offered as alternatives."""

    def load_translator(self, engine: EngineName = "auto", threads: int = 1) -> Translator:
        """Load the models into a translator. Raises CarouselError as `Translator.load` does."""
        first, *others = self.models
        return Translator.load(first, engine=engine, threads=threads, shortlist=self.use_shortlist, ensemble=others)

    def translate_lines(
        self,
        translator: Translator,
        texts: Iterable[str],
        on_translation: Callable[[Translation], None] = lambda translation: None,
    ) -> Iterator[str]:
        """Translate texts and yield one output line per text, in order and without a line feed.

        ``on_translation`` is called with each translation.
        """
        texts, sources = itertools.tee(texts)
        languages = translator.choose_languages(*self.languages)
        for translation, source in zip(self.stream(translator, texts, languages), sources, strict=True):
            on_translation(translation)
            yield _format_line(source, translation, self.output_format, languages)

    def stream(
        self, translator: Translator, texts: Iterable[str], languages: tuple[str | None, str]
    ) -> Iterator[Translation]:
        """Translate texts lazily, and yield their translations in order. Raises as `Translator.stream` does."""

        def translate(texts: Iterable[str]) -> Iterator[Translation]:
            return translator.stream(
                texts,
                source=languages[0],
                target=languages[1],
                beam_size=self.beam_size,
                alternatives=self.alternatives,
                options=self.options,
                text_options=self.text_options,
            )

        if self.memory is None:
            return translate(texts)
        if languages[0] is None:
            raise UsageError("--memory: its entries are of one source language; name it with --from")
        from nmt.inference.memory.reuse import stream_with_memory  # needs the extra ``documents``

        return stream_with_memory(texts, self.memory, (languages[0], languages[1]), self.alternatives, translate)


def _format_line(
    source: str, translation: Translation, output_format: OutputFormat, languages: tuple[str | None, str]
) -> str:
    if output_format == "json":
        return json.dumps(asdict(translation), ensure_ascii=False)
    if output_format == "pairs":
        return json.dumps(dict(zip(languages, (source, translation.text), strict=True)), ensure_ascii=False)
    return translation.text.replace("\n", " ")  # untranslatable texts from JSON or Parquet may contain line feeds
