import math

import pytest

from nmt.inference.translation import Alternative, Translation
from serve.models.pivoting import through


def test_two_translations_become_one():
    first = Translation("a b", -0.5, 0.8, (), ((0, 3, 0, 1), (4, 6, 2, 3)))
    second = Translation("B A", -0.25, 0.5, (Alternative("A B", -1.0),), ((0, 1, 2, 3), (2, 3, 0, 1)))
    both = through(first, second)
    assert (both.text, both.alternatives) == ("B A", second.alternatives)
    assert math.isclose(both.score, -0.75)
    assert math.isclose(both.confidence or 0, 0.4)
    assert both.alignment is not None
    assert sorted(both.alignment) == [(0, 3, 2, 3), (4, 6, 0, 1)]


@pytest.mark.parametrize("side", ["first", "second"])
def test_what_is_unknown_of_one_is_unknown_of_both(side: str):
    known, unknown = Translation("a", -1.0, 0.5, (), ((0, 1, 0, 1),)), Translation("a", -1.0)
    both = through(unknown, known) if side == "first" else through(known, unknown)
    assert both.confidence is None
    assert both.alignment is None


def test_links_that_share_no_stretch_make_none_and_doubles_are_one():
    first = Translation("ab cd", 0.0, None, (), ((0, 2, 0, 2), (3, 5, 3, 5)))
    second = Translation("x", 0.0, None, (), ((2, 3, 0, 1), (0, 1, 0, 1), (1, 2, 0, 1)))
    assert through(first, second).alignment == ((0, 2, 0, 1),)
