"""Placeholders: private-use characters that stand for spans of a text which are not translated."""

PLACEHOLDER_CHARACTERS = tuple(chr(0xF0000 + number) for number in range(32))
"""Characters that the tokenizer encodes as the reserved pieces ``<ph:0>`` to ``<ph:31>``.

They are in a private-use plane, and `nmt.text.normalisation.normalise` removes them from input, so that a text
contains only those that the program has put there.
"""
