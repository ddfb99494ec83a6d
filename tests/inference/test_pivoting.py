import math
from dataclasses import replace

import pytest

from nmt.inference.pivoting import compose_translations, finish_translation, step_text_options
from nmt.inference.text_options import TextOptions
from nmt.inference.translation import Alternative, Direction, SentenceTranslation, Translation
from nmt.text.glossary import TermList

DE_EN, EN_FR = Direction("trained", ("de", "en")), Direction("trained", ("en", "fr"))


def compose(first: Translation, second: Translation, token_counts: tuple[int, int] = (1, 1)) -> Translation:
    return compose_translations(*map(SentenceTranslation, (first, second), token_counts))


def test_two_translations_are_combined():
    first = Translation("a b", -0.5, 0.8, (), ((0, 3, 0, 1), (4, 6, 2, 3)))
    second = Translation("B A", -0.25, 0.5, (Alternative("A B", -1.0),), ((0, 1, 2, 3), (2, 3, 0, 1)))
    both = compose(first, second, token_counts=(3, 2))
    assert (both.text, both.alternatives) == ("B A", second.alternatives)
    assert both.alignment is not None
    assert sorted(both.alignment) == [(0, 3, 2, 3), (4, 6, 0, 1)]


def test_the_score_is_the_mean_over_the_tokens_of_both_translations():
    first, second = Translation("a", -0.5), Translation("b", -0.2)
    assert math.isclose(compose(first, second, token_counts=(2, 8)).score, -0.26)
    assert compose(Translation("🙂", 0.0), Translation("🙂", 0.0), token_counts=(0, 0)).score == 0.0


def test_the_confidence_is_the_product_of_both():
    first, second = Translation("a", -0.5, 0.8), Translation("b", -0.2, 0.5)
    assert compose(first, second).confidence == pytest.approx(0.4)
    assert compose(replace(first, confidence=None), second).confidence is None
    assert compose(first, replace(second, confidence=None)).confidence is None


def test_the_direction_includes_the_pivot_language():
    first = Translation("a", direction=Direction("trained", ("de", "en")))
    second = Translation("b", direction=Direction("zero-shot", ("en", "fr")))
    assert compose(first, second).direction == Direction("pivot", ("de", "en", "fr"))


def test_a_sentence_of_low_confidence_is_left_untranslated():
    first = SentenceTranslation(Translation("dog", -0.5, 0.8, (), ((0, 4, 0, 3),), ("length",), direction=DE_EN), 1)
    second = SentenceTranslation(Translation("chien", -0.5, 0.5, (), ((0, 3, 0, 5),), direction=EN_FR), 1)
    kept = finish_translation("Hund", first, second, TextOptions(min_confidence=0.4))
    assert (kept.text, kept.left_untranslated) == ("chien", False)
    left = finish_translation("Hund", first, second, TextOptions(min_confidence=0.41))
    assert (left.text, left.left_untranslated, left.copied, left.signals) == ("Hund", True, True, ("length",))
    assert (left.alignment, left.confidence) == (((0, 4, 0, 4),), pytest.approx(0.4))
    terms = TermList([("Hund", "toutou")], "de", "fr")
    assert finish_translation("Hund", first, second, TextOptions(terms=terms, min_confidence=0.5)) == left
    assert finish_translation("Hund", first, second, TextOptions(terms=terms)).text == "toutou"


def test_the_steps_are_left_without_terms_and_minimum_confidence():
    terms = TermList([("Hund", "toutou")], "de", "fr")
    options = TextOptions(terms=terms, min_confidence=0.5, find_signals=False, localise_numbers=True)
    # Signals lower the confidence, so they are needed.
    assert step_text_options(options) == TextOptions(find_signals=True, localise_numbers=True)
    assert not step_text_options(replace(options, min_confidence=0.0)).find_signals


@pytest.mark.parametrize("side", ["first", "second"])
def test_without_one_alignment_there_is_no_combined_alignment(side: str):
    aligned, unaligned = Translation("a", -1.0, 0.5, (), ((0, 1, 0, 1),)), Translation("a", -1.0)
    pair = (unaligned, aligned) if side == "first" else (aligned, unaligned)
    both = compose(*pair, token_counts=(1, 1))
    assert both.confidence is None
    assert both.alignment is None


def test_spans_without_overlap_are_not_linked_and_links_are_unique():
    first = Translation("ab cd", 0.0, None, (), ((0, 2, 0, 2), (3, 5, 3, 5)))
    second = Translation("x", 0.0, None, (), ((2, 3, 0, 1), (0, 1, 0, 1), (1, 2, 0, 1)))
    assert compose(first, second, token_counts=(2, 1)).alignment == ((0, 2, 0, 1),)
