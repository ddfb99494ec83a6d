"""Masking and restoration of protected spans, without a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.inference.masking import mask_spans, restore_spans
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS
from nmt.text.protected_spans import ProtectedSpan

P = PLACEHOLDER_CHARACTERS


def find(text: str, *spans: str) -> list[ProtectedSpan]:
    return [ProtectedSpan(text.index(span), text.index(span) + len(span), "test") for span in spans]


@pytest.mark.parametrize(
    ("text", "spans", "expected"),
    [
        ("I have 30 apples.", ["30"], f"I have {P[0]} apples."),
        ("{a}{b} (c@d.e)", ["{a}", "{b}", "c@d.e"], f"{P[0]}{P[1]} ({P[2]})"),
        ("5", ["5"], P[0]),
        ("no span", [], "no span"),
    ],
)
def test_spans_become_placeholders(text: str, spans: list[str], expected: str) -> None:
    masked = mask_spans(text, find(text, *spans), with_placeholders=True)
    assert masked.text == expected
    assert restore_spans(masked, text, masked.text, None, spans).text == text


@pytest.mark.parametrize(
    ("text", "span", "expected"),
    [
        ("I have 30 apples.", "30", "I have apples."),
        ("See https://a.b.", "https://a.b", "See."),
        ("@bob sleeps.", "@bob", "sleeps."),
        ("He sleeps @home", "@home", "He sleeps"),
        ("(30) apples", "30", "apples"),
    ],
)
def test_spans_are_removed_with_one_space(text: str, span: str, expected: str) -> None:
    masked = mask_spans(text, find(text, span), with_placeholders=False)
    assert masked.text == expected
    assert restore_spans(masked, text, masked.text, None, [masked.spans[0].text]).text == text


@pytest.mark.parametrize(
    ("text", "spans", "translation", "expected"),
    [
        ("The <b>black</b> cat", ["<b>", "</b>"], "Le chat noir", "Le chat <b>noir</b>"),
        ("The [black](a.b) cat", ["[", "](a.b)"], "Le chat noir", "Le chat [noir](a.b)"),
        ("The black🎉 cat", ["🎉"], "Le chat noir", "Le chat noir🎉"),
        ("The 90s cat", ["90"], "Le chat années", "Le chat 90 années"),
    ],
)
def test_inserted_spans_touch_words_as_in_the_source(
    text: str, spans: list[str], translation: str, expected: str
) -> None:
    masked = mask_spans(text, find(text, *spans), with_placeholders=False)
    start = masked.text.index(" ") + 1
    length = masked.text.rindex(" ") - start
    alignment = [
        (0, 3, 0, 2),
        (start, start + length, 8, len(translation)),
        (start + length + 1, len(masked.text), 3, 7),
    ]
    assert restore_spans(masked, text, translation, alignment, spans).text == expected


def test_removed_spans_are_inserted_by_alignment() -> None:
    text = "Black 30 cats sleep."
    masked = mask_spans(text, find(text, "30"), with_placeholders=False)
    assert masked.text == "Black cats sleep."
    alignment = [(0, 5, 5, 10), (6, 10, 0, 4), (11, 16, 11, 18)]  # Black – noirs, cats – Chat, sleep – dorment
    restored = restore_spans(masked, text, "Chat noirs dorment.", alignment, ["30"])
    assert restored.text == "Chat noirs 30 dorment."
    assert restored.alignment == ((9, 13, 0, 4), (0, 5, 5, 10), (6, 8, 11, 13), (14, 19, 14, 21))


def test_missing_and_superfluous_placeholders_are_corrected() -> None:
    text = "{a} likes {b}."
    masked = mask_spans(text, find(text, "{a}", "{b}"), with_placeholders=True)
    output = f"{P[0]} aime {P[0]} bien{P[5]}."
    assert restore_spans(masked, text, output, None, ["{a}", "{b}"]).text in {
        "{a} aime {b} bien.",
        "{a} aime bien {b}.",
    }


def test_a_span_is_not_joined_to_words() -> None:
    text = "I pay 30 euros."
    masked = mask_spans(text, find(text, "30"), with_placeholders=True)
    assert restore_spans(masked, text, f"Je paie{P[0]}euros.", None, ["30"]).text == "Je paie 30 euros."
    assert restore_spans(masked, text, f"我付{P[0]}欧元。", None, ["30"]).text == "我付30欧元。"
    text = "The dog (getName) runs x{0}y."
    masked = mask_spans(text, find(text, "getName", "{0}"), with_placeholders=True)
    output = f"Der Hund{P[0]}läuft x{P[1]}y."
    assert restore_spans(masked, text, output, None, ["getName", "{0}"]).text == "Der Hund getName läuft x{0}y."


def test_more_spans_than_placeholders_are_split_into_ranges() -> None:
    text = " ".join(f"#{n}" for n in range(70))
    spans = [ProtectedSpan(text.index(f"#{n}"), text.index(f"#{n}") + len(f"#{n}"), "test") for n in range(70)]
    masked = mask_spans(text, spans, with_placeholders=True)
    ranges = list(masked.ranges(len(masked.text)))
    assert "".join(masked.text[start:end] for start, end in ranges) == masked.text
    assert [len(masked.placeholders(*each)) for each in ranges] == [32, 32, 6]
    assert all(len(set(masked.placeholders(*each))) == len(masked.placeholders(*each)) for each in ranges)
    assert restore_spans(masked, text, masked.text, None, text.split()).text == text


words = st.sampled_from(["cat", "le", "noir", "人", ",", "."])


@given(
    st.lists(words, max_size=6),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 99)), max_size=5),
    st.lists(words | st.sampled_from(P[:6]), max_size=8),
    st.booleans(),
)
def test_each_span_occurs_exactly_once(
    source: list[str], spans: list[tuple[int, int]], target: list[str], with_placeholders: bool
) -> None:
    parts = list(source)
    for position, number in spans:
        parts.insert(min(position, len(parts)), f"⟨{number}⟩")
    text = " ".join(parts)
    found, end = [], 0
    for part in parts:
        start = text.index(part, end)
        end = start + len(part)
        if part.startswith("⟨"):
            found.append(ProtectedSpan(start, end, "test"))
    masked = mask_spans(text, found, with_placeholders)
    texts = [text[span.start : span.end] for span in found]
    assert not any(span in masked.text for span in texts)
    for span in masked.spans:
        assert text[slice(*span.source)] == span.text
    output = " ".join(target)
    restored = restore_spans(masked, text, output, [], texts)
    for span_text in set(texts):
        assert restored.text.count(span_text) == texts.count(span_text)
    rest = restored.text
    for span_text in texts:
        rest = rest.replace(span_text, "")
    kept = "".join(output.split())
    for character in P:
        kept = kept.replace(character, "")
    assert "".join(rest.split()) == kept
    assert restored.alignment is not None
    for source_start, source_end, target_start, target_end in restored.alignment:
        assert text[source_start:source_end] == restored.text[target_start:target_end]
