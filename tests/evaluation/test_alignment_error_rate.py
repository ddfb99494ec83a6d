"""Alignment error rate: an example by hand, links between words, and Pharaoh files."""

from pathlib import Path

import pytest

from nmt.evaluation.alignment_error_rate import alignment_error_rate, link_words, read_pharaoh_links, word_char_ranges
from nmt.utils.errors import CarouselError


def test_the_error_rate_equals_an_example_by_hand() -> None:
    """3 of 4 predicted links are among the 5 gold links: 1 - 6/9."""
    predicted = [{(0, 0), (1, 1)}, {(0, 1), (2, 2)}]
    gold = [{(0, 0), (1, 1), (1, 2)}, {(0, 0), (2, 2)}]
    assert alignment_error_rate(predicted, gold) == pytest.approx(1 / 3)
    assert alignment_error_rate(gold, gold) == 0.0
    assert alignment_error_rate([set()], [{(0, 0)}]) == 1.0


def test_spans_of_pieces_link_all_words_that_they_overlap() -> None:
    source = word_char_ranges("I don't see it.", ["I", "don't", "see", "it", "."])
    target = word_char_ranges("Je ne l'ai pas.", ["Je", "ne", "l'", "ai", "pas", "."])
    assert source[3:] == [(12, 14), (14, 15)]
    assert target[2:4] == [(6, 8), (8, 10)]
    assert link_words([(2, 4, 3, 5), (4, 7, 3, 5), (8, 14, 6, 10)], source, target) == {
        (1, 1), (2, 2), (2, 3), (3, 2), (3, 3),
    }  # fmt: skip


def test_pharaoh_files_are_read_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "gold"
    path.write_text("0-0 1-2\n\n10-3\n")
    assert read_pharaoh_links(path) == [{(0, 0), (1, 2)}, set(), {(10, 3)}]
    path.write_text("0-0\n0-0 1:2\n")
    with pytest.raises(CarouselError, match=r"gold:2: not in Pharaoh format"):
        read_pharaoh_links(path)
    with pytest.raises(CarouselError, match="can't be read"):
        read_pharaoh_links(tmp_path / "none")
