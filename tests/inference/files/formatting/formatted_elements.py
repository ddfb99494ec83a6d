"""Elements and formatted words of a document, read with the standard library.

The words of a document are counted with the formatting of each: the properties of its run in Office Open XML, the
inline elements around it in OpenDocument and XHTML. All other elements are counted with their attributes.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Elements = Counter[tuple[object, ...]]

_WORD = re.compile(r"[^\W\d_]+")
_INLINE = {"span", "a", "em", "strong", "b", "i", "u", "sup", "sub", "ruby-base", "ruby-text", "rt", "meta"}
_RUNS = {"r", "t", "rPr", "hyperlink", "si", "is"}
_NOT_FORMATTING = {"lang", "noProof", "proofErr", "lastRenderedPageBreak", "s", "language"}
_IGNORED_ATTRIBUTES = {"lang", "altLang", "dirty", "err", "noProof", "smtClean", "space", "rsidR", "rsidRPr"}


def formatted_elements(path: Path) -> Elements:
    """Return the elements and the words of a document with their formatting; words in capitals."""
    found: Elements = Counter()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith((".xml", ".xhtml", ".rels", ".opf", ".ncx")):
                root = ElementTree.fromstring(archive.read(name))
                found.update((name, *each) for each in _walk(root, ()))
            else:
                found[(name, archive.read(name))] += 1
    return found


def _walk(element: Element, formatting: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    name = _local(element.tag)
    if name in _NOT_FORMATTING:
        return
    if name == "r" or name == "hyperlink":
        formatting = (*formatting, *_run_formatting(element))
    elif name in _INLINE:
        formatting = (*formatting, (name, _attributes(element)))
    elif name not in _RUNS:
        is_code = name in {"f", "instrText"}
        yield ("element", name, _attributes(element), element.text if is_code else "")
        formatting = () if name not in {"t"} else formatting
    if name not in {"f", "instrText", "rPr"}:
        yield from _words(element.text, formatting)
        for child in element:
            if _local(child.tag) != "rPr":
                yield from _walk(child, formatting)
            yield from _words(child.tail, formatting)


def _run_formatting(element: Element) -> Iterator[tuple[object, ...]]:
    """Yield the properties of a run, or the target of a link."""
    if _local(element.tag) == "hyperlink":
        yield ("hyperlink", _attributes(element))
        return
    for properties in element:
        if _local(properties.tag) == "rPr":
            if attributes := _attributes(properties):
                yield ("rPr", attributes)
            for each in properties.iter():
                if each is not properties and _local(each.tag) not in _NOT_FORMATTING:
                    yield (_local(each.tag), _attributes(each))


def _words(text: str | None, formatting: tuple[object, ...]) -> Iterator[tuple[object, ...]]:
    for word in _WORD.findall(text or ""):
        yield ("word", word.upper(), formatting)


def _attributes(element: Element) -> tuple[tuple[str, str], ...]:
    names = ((_local(name), value) for name, value in element.attrib.items())
    return tuple(sorted((name, value) for name, value in names if name not in _IGNORED_ATTRIBUTES))


def _local(name: str) -> str:
    return name.rpartition("}")[2]
