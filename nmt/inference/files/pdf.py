"""Text of PDF files. The translation is plain text, because PDF does not record which words form a paragraph."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from nmt.inference.documents.plain import PlainDocument
from nmt.inference.files.errors import MAX_UNIT_BYTES, FileFormatError, too_large
from nmt.inference.files.format import FileFormat, Piece, ReadOptions, register_format

_MAX_BYTES = 256 * 2**20
_HYPHEN = re.compile(r"(?<=[^\W\d_])[-\u00ad]\n(?=[^\W\d_A-Z])")
_SOFT_LINE_END = re.compile(r"[ \t]*\n[ \t]*(?=[^\W\d_A-Z]|[(\"“])")


@register_format
class PdfFormat(FileFormat):
    """Text of PDF files, with an empty line between pages."""

    name = "pdf"
    suffixes = (".pdf",)
    media_type = "text/plain"
    output_suffix = ".txt"

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the pages."""
        from pypdf import PdfReader  # in the extra ``documents``

        logging.getLogger("pypdf").setLevel(logging.ERROR)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise FileFormatError(f"{path}: larger than {_MAX_BYTES // 2**20} MiB; split it")
            reader = PdfReader(path)
            if reader.is_encrypted:
                raise FileFormatError(f"{path}: is encrypted; save it without a password")
            for number, page in enumerate(reader.pages, 1):
                text = page.extract_text()
                if len(text) > MAX_UNIT_BYTES:
                    raise too_large(f"{path}, page {number}", "a page")
                yield Piece(PlainDocument(_join_lines(text), options.source))
                yield Piece(b"\n\n")
        except FileFormatError:
            raise
        except OSError as error:
            raise FileFormatError(f"{path}: can't be read ({error.strerror or error}); name a document") from None
        except Exception as error:  # pypdf raises errors of any type for damaged files
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise FileFormatError(f"{path}: damaged PDF ({reason}); save it again") from None


def _join_lines(text: str) -> str:
    """Return text in which the lines of a paragraph are joined, as far as letters at their edges tell."""
    return _SOFT_LINE_END.sub(" ", _HYPHEN.sub("", text))
