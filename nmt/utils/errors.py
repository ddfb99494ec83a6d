"""What a user can mend, told apart from what is our fault.

    CarouselError           exit status 1: data, model or machine is not as it must be
    └── UsageError          exit status 2: the call itself is wrong (a bad option, a bad configuration)

The text of either is one line that names file, line or field, and the remedy.
"""


class CarouselError(Exception):
    """A problem that the user can mend; ``str(error)`` is one line."""

    exit_status = 1


class UsageError(CarouselError):
    """A call or a configuration that can't be right, whatever the data."""

    exit_status = 2


def missing_extra(extra: str, feature: str) -> CarouselError:
    """The error for a command whose optional packages are not installed."""
    return CarouselError(f"{feature} needs the '{extra}' extra: pip install 'carousel-nmt[{extra}]'")


def undecodable_line(error: UnicodeDecodeError) -> int:
    """The line, counted from 1, whose bytes are not of the encoding.

    The error's own bytes tell: its places are of a text without the byte order mark that the file may begin with.
    """
    return error.object.count(b"\n", 0, error.start) + 1
