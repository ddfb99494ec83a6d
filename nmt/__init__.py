"""Carousel: LSTM machine translation, trained on your own text and served on CPUs.

>>> from nmt import Translator
>>> Translator.load("runs/demo/model").translate("The black cat sleeps.").text
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmt.inference.translator import Alternative, Translation, Translator
    from nmt.utils.errors import CarouselError, UsageError

__all__ = ["Alternative", "CarouselError", "Translation", "Translator", "UsageError"]


def __getattr__(name: str) -> object:
    """Import public names on first use, so that the command line can handle signals during slow imports."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("nmt.utils.errors" if name.endswith("Error") else "nmt.inference.translator"), name)
