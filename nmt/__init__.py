"""Carousel: LSTM translation, trained on your own text, served on a plain CPU.

>>> from nmt import Translator
>>> Translator.load("runs/demo/model").translate("The black cat sleeps.").text
"""

from nmt.errors import CarouselError, UsageError
from nmt.translator import Alternative, Translation, Translator

__all__ = ["Alternative", "CarouselError", "Translation", "Translator", "UsageError"]
