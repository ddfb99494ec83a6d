"""Subtitles: cues, time codes and lines, checked with the packages srt and webvtt-py."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
import srt
import webvtt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pseudo import reversed_words, run_text, unchanged

from nmt.inference.files.subtitle_layout import MAX_LINE, divide_text, wrap_cue

PROPERTY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = [
    "the",
    "cat",
    "sees",
    "a",
    "very",
    "long",
    "house",
    "beside",
    "some",
    "other",
    "unbelievable",
    "thing",
    "and",
    "never",
    "stops",
    ",",
    "yet",
]


def cues(texts: list[str], pause: float = 0.1) -> str:
    made = [
        srt.Subtitle(n, timedelta(seconds=2 * n), timedelta(seconds=2 * n + 2 - pause), text)
        for n, text in enumerate(texts, 1)
    ]
    return srt.compose(made)


def test_sentence_across_cues_is_translated_whole_and_divided(tmp_path: Path) -> None:
    source = cues(["the sentence runs across the cues", "and it ends <i>only</i> here.", "Another one."])
    seen: list[str] = []

    def record(segments):
        seen.extend(segments)
        return reversed_words(segments)

    found = list(srt.parse(run_text(tmp_path, ".srt", source, record)))
    assert seen == ["the sentence runs across the cues and it ends only here.", "Another one."]
    assert [cue.content for cue in found] == [
        "HERE. <i>ONLY</i> ENDS IT AND CUES THE",
        "ACROSS RUNS SENTENCE THE",
        "ONE. ANOTHER",
    ]
    assert [(cue.start, cue.end) for cue in found] == [(cue.start, cue.end) for cue in srt.parse(source)]


def test_style_across_cues_is_closed_and_opened_again(tmp_path: Path) -> None:
    source = cues(["one two <b>three four", "five six</b> seven."])
    found = [cue.content for cue in srt.parse(run_text(tmp_path, ".srt", source))]
    assert found == ["ONE TWO <b>THREE FOUR</b>", "<b>FIVE SIX</b> SEVEN."]


@pytest.mark.parametrize(
    ("first", "second"),
    [("one two.", "three"), ("one two", "- three"), ("one two", "♪ three ♪"), ("ONE TWO", "Three."), ("- a\n- b", "c")],
)
def test_separate_sentences_stay_apart(first: str, second: str, tmp_path: Path) -> None:
    seen: list[str] = []
    run_text(tmp_path, ".srt", cues([first, second]), lambda segments: seen.extend(segments) or unchanged(segments))
    assert not any("one" in text.lower() and "three" in text for text in seen)


def test_dialogue_keeps_its_lines(tmp_path: Path) -> None:
    source = cues(["- Hello there, you.\n- Hi."])
    assert run_text(tmp_path, ".srt", source).splitlines()[2:4] == ["- HELLO THERE, YOU.", "- HI."]


def test_webvtt_keeps_notes_styles_settings_and_voices(tmp_path: Path) -> None:
    source = (
        "WEBVTT - title\n\nNOTE a remark\n\nSTYLE\n::cue { color: red }\n\nintro\n00:01.000 --> 00:02.000 align:start\n"
        "<v Fred>hello there\n\n00:03.000 --> 00:04.000\n<c.loud>one</c> more\n"
    )
    text = run_text(tmp_path, ".vtt", source)
    assert text.startswith(source[: source.index("hello")])
    assert "<v Fred>HELLO THERE" in text
    assert "<c.loud>ONE</c> MORE" in text
    assert [cue.start for cue in webvtt.from_buffer(io.StringIO(text))] == ["00:00:01.000", "00:00:03.000"]


def test_windows_line_ends_stay(tmp_path: Path) -> None:
    source = cues(["one two\nthree"]).replace("\n", "\r\n")
    assert run_text(tmp_path, ".srt", source) == source.replace("one two", "ONE TWO").replace("three", "THREE")


@PROPERTY
@given(
    st.lists(st.lists(st.sampled_from([*WORDS, "end.", "Why?", "\n"]), min_size=1, max_size=12), min_size=1, max_size=6)
)
def test_cues_time_codes_and_lines(tmp_path: Path, texts: list[list[str]]) -> None:
    contents = [
        "\n".join(line.strip() for line in " ".join(text).splitlines() if line.strip()) or "x" for text in texts
    ]
    contents = ["\n".join(line[:MAX_LINE].strip() for line in content.splitlines()) for content in contents]
    source = cues(contents)
    for translate in (unchanged, reversed_words):
        found = list(srt.parse(run_text(tmp_path, ".srt", source, translate)))
        assert [(cue.index, cue.start, cue.end) for cue in found] == [
            (cue.index, cue.start, cue.end) for cue in srt.parse(source)
        ]
        assert max(len(line) for cue in found for line in cue.content.splitlines() or [""]) <= MAX_LINE
        words = sorted(" ".join(cue.content for cue in found).upper().split())
        assert words == sorted(" ".join(contents).upper().split())
    assert run_text(tmp_path, ".srt", source, unchanged) == source


@given(
    st.lists(st.sampled_from([*WORDS, "end."]), min_size=1, max_size=30),
    st.lists(st.integers(1, 80), min_size=1, max_size=5),
)
@settings(deadline=None)
def test_division_covers_the_text_in_order(words: list[str], lengths: list[int]) -> None:
    text = " ".join(words)
    ends = divide_text(text, ["x" * length for length in lengths])
    assert len(ends) == len(lengths)
    assert ends == sorted(ends)
    assert ends[-1] == len(text)
    assert all(end in {0, len(text)} or text[end - 1] == " " for end in ends)


def test_chinese_lines_are_divided_between_characters() -> None:
    lines = wrap_cue("这" * 60 + "。", ["x" * 40]).split("\n")
    assert [len(line) for line in lines] == [31, 30]
    assert max(map(len, wrap_cue("a bb ccc " * 9, ["x"]).split("\n"))) <= MAX_LINE
    assert wrap_cue("one two three four", ["a", "b"]) == "one two\nthree four"
