"""Errors in files to translate, and limits that keep hostile files from exhausting memory."""

from __future__ import annotations

from nmt.utils.errors import CarouselError

MAX_UNIT_BYTES = 16 * 2**20
"""Maximum size of the parts of a file that are held in memory as a whole, such as a paragraph, a line or a record."""


class FileFormatError(CarouselError):
    """A file is damaged, exceeds a limit, or is not in the format that it should be in.

    The message begins with the place in the file, if one is known.
    """


def too_large(place: str, what: str) -> FileFormatError:
    """Return the error for a part of a file that is too large to be held in memory."""
    return FileFormatError(f"{place}: {what} is larger than {MAX_UNIT_BYTES // 2**20} MiB; split it")
