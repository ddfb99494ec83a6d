"""Truecasing with the vocabulary of a network.

A subword vocabulary that is learned from cased text has the frequent words in their usual casing: "Tom" is one token,
"tom" is several. This needs no other model, and favours the words that the network knows best.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from nmt.text.casing import capitalise_sentence, lower_case, upper_case

_WORD = re.compile(r"(?<![^\W_])(?<![^\W_]['’])[^\W\d_]+")
_CACHE_SIZE = 20_000  # words


class Truecaser:
    """Restores the casing of sentences in which it is missing or unusual. Thread-safe."""

    def __init__(self, count_tokens: Callable[[str], int], language: str) -> None:
        """Create a truecaser.

        Args:
            count_tokens: Returns the number of tokens of a word.
            language: Language code of the sentences.
        """
        self._count_tokens, self._language = count_tokens, language
        self._truecase_word = lru_cache(_CACHE_SIZE)(self._find_casing)

    def truecase(self, text: str) -> str:
        """Return a sentence with usual casing, given one in any casing; the number of characters is kept.

        Each word is capitalised if it has fewer tokens with a capital than without.
        """
        lower = lower_case(text, self._language)
        cased = _WORD.sub(lambda match: self._truecase_word(match[0]), lower)
        return capitalise_sentence(cased, self._language)

    def _find_casing(self, word: str) -> str:
        capitalised = upper_case(word[0], self._language) + word[1:]
        return capitalised if self._count_tokens(capitalised) < self._count_tokens(word) else word
