"""Errors that a user can fix, as opposed to bugs.

    CarouselError           exit status 1: data, model or machine are not as they must be
    └── UsageError          exit status 2: a wrong option, argument or configuration

The message is one line of the form ``<where>: <what is wrong>; <what to do>``.
"""

from __future__ import annotations


class CarouselError(Exception):
    """An error that the user can fix; ``str(error)`` is one line."""

    exit_status = 1


class UsageError(CarouselError):
    """An option, argument or configuration that is wrong for any data."""

    exit_status = 2


def missing_extra(extra: str, feature: str) -> CarouselError:
    """Return the error for a feature whose optional packages are not installed."""
    return CarouselError(f"{feature} needs the '{extra}' extra: pip install 'carousel-nmt[{extra}]'")


def invalid_utf8_line(error: UnicodeDecodeError) -> int:
    """Return the number, counted from 1, of the line that could not be decoded.

    It is counted in ``error.object``: the codec removes a byte order mark before it counts positions.
    """
    return error.object.count(b"\n", 0, error.start) + 1
