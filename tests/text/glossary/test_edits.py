"""Edits of a text: the new text, and the alignment compared with a character-by-character implementation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nmt.text.alignment import AlignedSpan
from nmt.text.glossary.edits import Edit, apply_edits

TEXT = "one two three four"


def test_text() -> None:
    edits = [Edit(8, 13, "3"), Edit(0, 3, ""), Edit(7, 7, ","), Edit(18, 18, "!")]
    assert apply_edits(TEXT, None, edits) == (" two, 3 four!", None)
    assert apply_edits(TEXT, None, []) == (TEXT, None)


def test_alignment() -> None:
    alignment = [(0, 1, 0, 3), (2, 3, 4, 7), (4, 5, 8, 13), (6, 7, 14, 18)]
    text, found = apply_edits(TEXT, alignment, [Edit(4, 7, "zwei", (20, 25)), Edit(8, 8, "und ", (30, 31))])
    assert text == "one zwei und three four"
    assert found == ((0, 1, 0, 3), (20, 25, 4, 8), (30, 31, 9, 13), (4, 5, 13, 18), (6, 7, 19, 23))


def test_an_edit_without_source_keeps_the_links_of_what_it_replaces() -> None:
    alignment = [(0, 1, 4, 6), (2, 3, 6, 13), (4, 5, 13, 18)]
    assert apply_edits(TEXT, alignment, [Edit(4, 7, "2")]) == (
        "one 2 three four",
        ((0, 1, 4, 5), (2, 3, 4, 11), (4, 5, 11, 16)),
    )


@st.composite
def edits_and_spans(draw: st.DrawFn) -> tuple[list[Edit], list[AlignedSpan]]:
    bounds = sorted(draw(st.lists(st.integers(0, len(TEXT)), max_size=8, unique=True)))
    edits = [
        Edit(start, end, draw(st.text("xyz", max_size=6)), draw(st.sampled_from([None, (90, 91)])))
        for start, end in zip(bounds[::2], bounds[1::2], strict=False)
    ]
    ranges = st.tuples(st.integers(0, len(TEXT) - 1), st.integers(1, 6)).map(lambda r: (r[0], min(sum(r), len(TEXT))))
    return edits, [(number, number + 1, *span) for number, span in enumerate(draw(st.lists(ranges, max_size=8)))]


@given(edits_and_spans())
def test_alignment_equals_a_naive_implementation(edits_and_spans: tuple[list[Edit], list[AlignedSpan]]) -> None:
    edits, spans = edits_and_spans
    # The origin of each character of the edited text: the set of characters of the text that it stands for.
    origins: list[set[int]] = []
    realigned: set[int] = set()
    edited, position = "", 0
    for edit in [*edits, Edit(len(TEXT), len(TEXT), "")]:
        origins += [{n} for n in range(position, edit.start)] + [set(range(edit.start, edit.end)) for _ in edit.text]
        edited += TEXT[position : edit.start] + edit.text
        position = edit.end
        realigned |= set(range(edit.start, edit.end)) if edit.source_span else set()
    expected = set()
    for source_start, source_end, start, end in spans:
        touched = [n for n, origin in enumerate(origins) if origin & set(range(start, end))]
        within = any(edit.source_span and edit.start <= start and end <= edit.end for edit in edits)
        if touched and not within:
            expected.add((source_start, source_end, touched[0], touched[-1] + 1))
    text, found = apply_edits(TEXT, spans, edits)
    assert text == edited
    assert found is not None
    assert {span for span in found if span[0] != 90} == expected
    new = [edit.text for edit in edits if edit.source_span and edit.text]
    assert [text[start:end] for source, _, start, end in found if source == 90] == new
