"""Translation of document files, whose name extension determines the format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from nmt.inference.documents.document import Document
from nmt.inference.documents.html import HtmlDocument, extract_visible_text
from nmt.inference.documents.xml import XmlDocument, extract_xml_text
from nmt.inference.documents.xml_parser import XmlSyntaxError
from nmt.inference.job import TranslationJob
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator
from nmt.utils.errors import CarouselError, invalid_utf8_line, missing_extra


class _Format(NamedTuple):
    """Format of documents."""

    parse: Callable[[str, str, str], Document]
    """Function that parses a text, given source and target language."""
    extract_text: Callable[[str], str]
    """Function that returns a text without markup."""


_HTML = _Format(lambda text, source, target: HtmlDocument(text, source, target_language=target), extract_visible_text)
_XML = _Format(lambda text, source, target: XmlDocument(text, source, target_language=target), extract_xml_text)
_FORMATS: Mapping[str, _Format] = {".html": _HTML, ".htm": _HTML, ".xml": _XML}


def is_document(path: Path) -> bool:
    """Return whether a file is a document by its name extension, rather than text with one sentence per line."""
    return path.suffix.lower() in _FORMATS


def translate_document(
    path: Path,
    job: TranslationJob,
    translator: Translator,
    on_translation: Callable[[Translation], None] = lambda translation: None,
) -> str:
    """Return the translation of a document file; ``on_translation`` is called with that of each segment.

    If the source language is neither given nor determined by the model, that of the whole document is identified; a
    document in the target language is returned unchanged.

    Raises CarouselError if the file cannot be read or is not well-formed, or the extra for its format is not installed.
    """
    text = _read_text(path)
    try:
        source, target = translator.choose_languages(*job.languages)
        format_ = _FORMATS[path.suffix.lower()]
        if source is None:
            source = translator.identify_source(format_.extract_text(text), target)
            if source == target:
                return text
        document = format_.parse(text, source, target)
    except ModuleNotFoundError:
        raise missing_extra("documents", f"translating {path.name}") from None
    except XmlSyntaxError as error:
        raise CarouselError(f"{path}:{error}") from None
    text_options = replace(job.text_options, split_sentences=False)  # the segments are sentences
    translations = list(
        translator.stream(
            document.segments,
            source=source,
            target=target,
            beam_size=job.beam_size,
            options=job.options,
            text_options=text_options,
        )
    )
    for translation in translations:
        on_translation(translation)
    return document.assemble(translations).text


def _read_text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); name a document") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = invalid_utf8_line(error), error.object[error.start]
        raise CarouselError(f"{path}:{line}: invalid UTF-8 (byte 0x{byte:02x}); re-encode the file as UTF-8") from None
