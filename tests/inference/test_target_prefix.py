"""Translations that begin with a given text, for sentences in any form."""

from dataclasses import replace
from pathlib import Path

import pytest

from nmt import Translator
from nmt.inference.target_prefix import add_target_prefix
from nmt.inference.text_options import TextOptions
from nmt.utils.errors import UsageError


@pytest.fixture(scope="module")
def translator(model: Path) -> Translator:
    return Translator.load(model)


def translations(translator: Translator, text: str, prefix: str, alternatives: int = 0) -> list[str]:
    processor = translator.text_processor
    options = replace(translator.decoding_options, num_hypotheses=alternatives + 1)
    options = add_target_prefix(options, prefix, processor.prepare(text, TextOptions()), processor)
    found = translator.translate(text, options=options, alternatives=alternatives)
    return [found.text, *(each.text for each in found.alternatives)]


@pytest.mark.parametrize(
    ("source", "prefix"),
    [
        ("the king sees the cat.", ""),
        ("the king sees the cat.", "le chien "),
        ("the king sees the cat.", "le chien"),
        ("- the king sees the cat.", "- le chien "),
        ("- the king sees the cat.", "le chien "),
        ("THE KING SEES THE CAT.", "LE CHIEN "),
    ],
)
def test_the_translation_begins_with_the_prefix(translator: Translator, source: str, prefix: str) -> None:
    for text in translations(translator, source, prefix, alternatives=3):
        assert text.removeprefix("- ").startswith(prefix.removeprefix("- ").rstrip())


def test_a_protected_span_in_the_prefix_occurs_once(translator: Translator) -> None:
    # A network without placeholders writes nothing for a span, which the word alignment then places.
    address = "https://example.org/a?b=1"
    [text] = translations(translator, f"the king sees the cat {address} and the dog.", f"le chien {address} ")
    assert text.startswith("le chien")
    assert text.count(address) == 1


def test_the_best_alternative_is_among_those_that_differ_in_the_next_word(translator: Translator) -> None:
    source = "the king sees the cat."
    plain = translator.translate(source).text
    prefix = " ".join(plain.split()[:2]) + " "
    found = translations(translator, source, prefix, alternatives=3)
    assert plain in found
    # The sentence may also end after the prefix, in which case a full stop is all that follows.
    following = [text[len(prefix) - 1 :].split()[0] for text in found]
    assert len(set(following)) == len(found) == 4


def test_a_space_ends_the_last_word(translator: Translator) -> None:
    continued = [text.removeprefix("l") for text in translations(translator, "the king.", "l", alternatives=4)]
    assert any(text[0].isalpha() for text in continued)
    ended = [text.removeprefix("l") for text in translations(translator, "the king.", "l ", alternatives=4)]
    assert not any(text[0].isalpha() for text in ended)


def test_a_text_without_language_is_copied(translator: Translator) -> None:
    assert translations(translator, "12:30", "x ") == ["12:30"]


def test_a_sentence_of_several_chunks_is_refused(translator: Translator) -> None:
    with pytest.raises(UsageError, match="too long"):
        translations(translator, "the king sees the cat and " * 60, "le ")
