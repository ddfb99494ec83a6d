import math

import pytest

from nmt.inference.pivoting import compose_translations
from nmt.inference.translation import Alternative, Translation


def test_two_translations_are_combined():
    first = Translation("a b", -0.5, 0.8, (), ((0, 3, 0, 1), (4, 6, 2, 3)))
    second = Translation("B A", -0.25, 0.5, (Alternative("A B", -1.0),), ((0, 1, 2, 3), (2, 3, 0, 1)))
    both = compose_translations(first, second, token_counts=(3, 2))
    assert (both.text, both.alternatives) == ("B A", second.alternatives)
    assert both.alignment is not None
    assert sorted(both.alignment) == [(0, 3, 2, 3), (4, 6, 0, 1)]


def test_the_score_is_the_mean_over_the_tokens_of_both_translations():
    first, second = Translation("a", -0.5), Translation("b", -0.2)
    assert math.isclose(compose_translations(first, second, token_counts=(2, 8)).score, -0.26)
    assert compose_translations(Translation("🙂", 0.0), Translation("🙂", 0.0), token_counts=(0, 0)).score == 0.0


def test_the_confidence_of_two_translations_is_not_defined():
    first, second = Translation("a", -0.5, 0.8), Translation("b", -0.2, 0.5)
    assert compose_translations(first, second, token_counts=(1, 1)).confidence is None


@pytest.mark.parametrize("side", ["first", "second"])
def test_without_one_alignment_there_is_no_combined_alignment(side: str):
    aligned, unaligned = Translation("a", -1.0, 0.5, (), ((0, 1, 0, 1),)), Translation("a", -1.0)
    pair = (unaligned, aligned) if side == "first" else (aligned, unaligned)
    both = compose_translations(*pair, token_counts=(1, 1))
    assert both.confidence is None
    assert both.alignment is None


def test_spans_without_overlap_are_not_linked_and_links_are_unique():
    first = Translation("ab cd", 0.0, None, (), ((0, 2, 0, 2), (3, 5, 3, 5)))
    second = Translation("x", 0.0, None, (), ((2, 3, 0, 1), (0, 1, 0, 1), (1, 2, 0, 1)))
    assert compose_translations(first, second, token_counts=(2, 1)).alignment == ((0, 2, 0, 1),)
