"""Import and export of translation memories in TMX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from nmt.corpus.xml_corpora import read_translation_units
from nmt.inference.memory.store import MemoryEntry
from nmt.text.languages import primary_subtag
from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file

_HEADER = """<?xml version="1.0" encoding="UTF-8"?>
<tmx version="1.4">
  <header creationtool="Carousel" creationtoolversion="1" segtype="sentence" o-tmf="Carousel" adminlang="en"
    srclang="*all*" datatype="plaintext"/>
  <body>
"""


def read_tmx(path: Path, source: str | None, target: str | None) -> Iterator[MemoryEntry]:
    """Yield the pairs of a TMX file, which need not fit in memory and may be compressed.

    Args:
        path: The file.
        source: Language code of the source; by default, the first language of each unit.
        target: Language code of the target; by default, all other languages of a unit.

    Raises:
        CarouselError: The file is damaged or hostile.
    """
    for unit in read_translation_units(path):
        texts = {language: text for language, text in unit.texts.items() if language and text}
        first = next(iter(texts), "") if source is None else primary_subtag(source)
        others = [language for language in texts if language != first]
        if target is not None:
            others = [language for language in others if language == primary_subtag(target)]
        created = _iso_date(unit.attributes.get("changedate") or unit.attributes.get("creationdate") or "")
        origin = unit.attributes.get("creationid") or path.name
        if first in texts:
            for language in others:
                codes = source or first, target or language
                yield MemoryEntry(*codes, texts[first], texts[language], origin, created)


def _iso_date(date: str) -> str:
    """Return a date of TMX, such as 20240131T120000Z, in ISO 8601."""
    if len(date) != 16 or not date[:8].isdecimal() or not date[9:15].isdecimal():
        return ""
    return f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[9:11]}:{date[11:13]}:{date[13:15]}+00:00"


def write_tmx(path: Path, entries: Iterable[MemoryEntry]) -> int:
    """Write pairs to a TMX file, atomically, and return their number. Raises CarouselError if that fails."""
    count = 0
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write(_HEADER)
        for entry in entries:
            count += 1
            date = "".join(character for character in entry.created[:19] if character.isalnum())
            attributes = f' creationdate="{date}Z"' if len(date) == 15 else ""
            file.write(f'    <tu creationid="{escape(entry.origin)}"{attributes}>')
            for language, text in ((entry.source_language, entry.source), (entry.target_language, entry.target)):
                file.write(f'<tuv xml:lang="{escape(language)}"><seg>{escape(text, quote=False)}</seg></tuv>')
            file.write("</tu>\n")
        file.write("  </body>\n</tmx>\n")
    if not count:
        raise CarouselError(f"{path}: the translation memory is empty; import a file first")
    return count
