"""Carousel: LSTM translation, trained on your own text, served on a plain CPU.

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
    """Names are imported when they are asked for, so that the command can say what a signal does before it waits."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("nmt.utils.errors" if name.endswith("Error") else "nmt.inference.translator"), name)
