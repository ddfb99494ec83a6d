"""Files that are documents: their sentences are translated, and all else stays as it was written.

What a name ends in tells the form. A file of any other name is text, a sentence a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from nmt.inference.documents.html import HtmlDocument
from nmt.inference.documents.plain import Document
from nmt.inference.job import TranslationJob
from nmt.inference.translator import Translator
from nmt.utils.errors import CarouselError, missing_extra, invalid_utf8_line

_FORMS: Mapping[str, Callable[[str, str], Document]] = {".html": HtmlDocument, ".htm": HtmlDocument}


def is_document(path: Path) -> bool:
    """Whether a file of that name is one."""
    return path.suffix.lower() in _FORMS


def translate_document(path: Path, request: TranslationJob, translator: Translator) -> str:
    """A document's translation, whole. Raises CarouselError where the file can't be read or an extra is missing."""
    text = _read(path)
    try:
        document = _FORMS[path.suffix.lower()](text, translator.source_language)
    except ModuleNotFoundError:
        raise missing_extra("documents", f"translating {path.name}") from None
    translations = translator.stream(document.segments, beam=request.beam, options=request.options)
    return document.assemble(list(translations)).text


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); name a document") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, byte = invalid_utf8_line(error), error.object[error.start]
        raise CarouselError(f"{path}, line {line}: 0x{byte:02x} is not UTF-8; convert the document to UTF-8") from None
