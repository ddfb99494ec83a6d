"""One run of the data check finds every planted fault, with its line."""

import random
from pathlib import Path

import pytest

from nmt.cli.data import check_files
from nmt.corpus.checking.checks import CorpusCheck, check_corpus
from nmt.corpus.checking.cleaning import split_pairs
from nmt.corpus.checking.problems import format_lines
from nmt.corpus.checking.raw_corpus import RawCorpus, RawPair
from nmt.utils.errors import CarouselError

DEMO = Path(__file__).parents[3] / "data" / "demo-en-fr"
NUM_PAIRS = 1500


@pytest.fixture(scope="module")
def clean_pairs() -> list[tuple[str, str]]:
    sides = [(DEMO / f"train.{code}").read_text(encoding="utf-8").split("\n") for code in ("en", "fr")]
    pairs = list(dict.fromkeys(zip(*sides, strict=True)))
    random.Random(2).shuffle(pairs)
    return [pair for pair in pairs if all(pair)][:NUM_PAIRS]


SINGLE_FAULTS: list[tuple[str, bytes]] = [
    ("columns", b"Only one column."),
    ("columns", b"Four\tQuatre\tcolumns\there"),
    ("empty", b"\tLa source est vide."),
    ("empty", b"The target is empty.\t"),
    ("empty", b"The target is blank.\t \xc2\xa0 "),
    ("no_text", b"The target is a dash.\t-"),
    ("no_text", b"...\tLa source est vide."),
    ("encoding", b"The coffee is hot.\tLe caf\xe9 est chaud."),
    ("encoding", b"The coffee\x07 is hot.\tLe chat est chaud."),
    ("encoding", "The coffee is hot.\tLe caf\ufffd est chaud.".encode()),
    ("encoding", b"A NUL\0 character.\tUn chat noir."),
    ("mojibake", "The pupil was happy.\tL'Ã©lÃ¨ve Ã©tait heureux.".encode()),
    ("copy", b"This is not translated.\tThis is not translated."),
    ("too_long", b"The cat sleeps. " * 80 + b"\tLe chat dort."),
    ("length", b"The cat sleeps.\tLe chat dort et " + b"la robe confortable de ma tante est rouge " * 4),
    ("target_language", "The weather is very nice today.\tDas Wetter ist heute wirklich sehr schön.".encode()),
    ("source_language", "Das Wetter ist heute wirklich sehr schön.\tLe temps est vraiment magnifique.".encode()),
    ("target_language", "The weather is nice.\tСегодня хорошая погода.".encode()),
    ("source_language", "今天天气很好。\tIl fait beau aujourd'hui.".encode()),
    ("numbers", b"The dress costs 60 euros.\tLa robe confortable a 16 boutons."),
]


def plant(pairs: list[tuple[str, str]]) -> tuple[list[bytes], dict[int, str]]:
    """Return the lines of a TSV file with 25 faults, and the kind of the fault of each line."""
    lines = [f"{source}\t{target}".encode() for source, target in pairs]
    expected: dict[int, str] = {}
    for number, (kind, line) in enumerate(SINGLE_FAULTS):
        lines[100 + 13 * number] = line
        expected[101 + 13 * number] = kind
    for index in range(700, 712):  # a stretch of exchanged columns
        source, target = pairs[index]
        lines[index] = f"{target}\t{source}".encode()
        expected[index + 1] = "swapped"
    for index in range(900, 912):  # a target line is missing, and 11 lines later there is one too many
        lines[index] = f"{pairs[index][0]}\t{pairs[min(index + 1, 911)][1]}".encode()
        expected[index + 1] = "misaligned"
    del expected[912]
    lines[1100] = lines[50]
    expected[1101] = "duplicate"
    lines[1200] = f"{pairs[1400][0]}\t{pairs[1400][1]}".encode()
    expected[1401] = "duplicate"
    return [b"en\tfr", *lines], {line + 1: kind for line, kind in expected.items()}


def test_planted_faults_are_all_found_and_nothing_else(clean_pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    lines, expected = plant(clean_pairs)
    held_out = clean_pairs[1300]
    expected[1302] = "overlap"
    (tmp_path / "train.tsv").write_bytes(b"\r\n".join(lines) + b"\r\n")
    (tmp_path / "dev.tsv").write_text("\t".join(held_out) + "\n", encoding="utf-8")
    check = check_files([tmp_path / "train.tsv"], "en", "fr", tmp_path / "dev.tsv", None).checks["train"][0]
    found = {problem.line: problem.kind for problem in check.problems}
    assert {line: kind for line, kind in found.items() if line in expected} == expected
    # The ends of the shifted stretch are not certain, and no clean line is reported elsewhere.
    assert all(abs(line - 908) < 10 for line in found.keys() - expected.keys())


def test_cleaning_repairs_and_drops(clean_pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    lines, _ = plant(clean_pairs)
    (tmp_path / "train.tsv").write_bytes(b"\n".join(lines))
    data = check_files([tmp_path / "train.tsv"], None, None, None, None)
    assert (data.source, data.target) == ("en", "fr")
    cleaned = data.cleaned_parts({})["train"]
    assert len(cleaned) == len(set(cleaned)) > NUM_PAIRS - 60
    assert ("The pupil was happy.", "L'élève était heureux.") in cleaned
    assert set(clean_pairs[700:712]) <= set(cleaned)
    assert set(cleaned) - set(clean_pairs) == {
        ("The pupil was happy.", "L'élève était heureux."),
        ("The dress costs 60 euros.", "La robe confortable a 16 boutons."),
    }


def test_clean_corpus_has_no_problems(clean_pairs: list[tuple[str, str]]) -> None:
    assert check(clean_pairs).problems == []


def check(pairs: list[tuple[str, str]]) -> CorpusCheck:
    return check_corpus(RawCorpus("c", "en", "fr", [RawPair(n, *pair) for n, pair in enumerate(pairs, start=1)]))


@pytest.mark.parametrize("shift", [1, -1, 2])
def test_shift_to_the_end_of_the_file_is_found(clean_pairs: list[tuple[str, str]], shift: int) -> None:
    sources, targets = zip(*clean_pairs, strict=True)
    start = 1000
    targets = targets[:start] + (targets[start + shift :] if shift > 0 else ("Marc dort.",) * -shift + targets[start:])
    pairs = list(zip(sources, targets, strict=False))
    lines = {problem.line for problem in check(pairs).problems if problem.kind == "misaligned"}
    assert lines.issuperset(range(start + 3, len(pairs) - 2))
    assert min(lines) > start - 3


@pytest.mark.parametrize("order", [("en", "fr"), ("fr", "en")])
@pytest.mark.parametrize("extra", [0, 1])
def test_columns_and_languages_are_identified(
    order: tuple[str, str], extra: int, clean_pairs: list[tuple[str, str]], tmp_path: Path
) -> None:
    path = tmp_path / "c.tsv"
    rows = (pair if order[0] == "en" else pair[::-1] for pair in clean_pairs)
    path.write_text("".join("\t".join([str(n)] * extra + [*row, "CC-BY"]) + "\n" for n, row in enumerate(rows)))
    data = check_files([path], None, None, None, None)
    assert (data.source, data.target) == order
    assert data.checks["train"][0].corpus.pairs[0].source == clean_pairs[0][order[0] == "fr"]
    wanted = check_files([path], "fr", "en", None, None)
    assert wanted.checks["train"][0].corpus.pairs[0].source == clean_pairs[0][1]


def test_files_of_different_length(clean_pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    for side, code in enumerate(("en", "fr")):
        (tmp_path / f"c.{code}").write_text("".join(pair[side] + "\n" for pair in clean_pairs[: 500 - 3 * side]))
    check = check_files([tmp_path / "c.en", tmp_path / "c.fr"], None, None, None, None).checks["train"][0]
    assert check.lines_by_kind == {"unpaired": [498, 499, 500]}


def test_split_has_no_overlap_and_is_repeatable() -> None:
    pairs = [(f"source {n % 60}", f"target {n}") for n in range(100)]
    parts = split_pairs(pairs, {"dev": 10, "test": 5})
    sources = {name: [source for source, _ in part] for name, part in parts.items()}
    assert [len(sources[name]) for name in ("dev", "test")] == [10, 5]
    assert len(set(sources["dev"] + sources["test"])) == 15
    assert not set(sources["train"]) & set(sources["dev"] + sources["test"])
    assert set(sources["train"]) | set(sources["dev"] + sources["test"]) == {source for source, _ in pairs}
    assert split_pairs(pairs, {"dev": 10, "test": 5}) == parts
    with pytest.raises(CarouselError, match="more than half"):
        split_pairs(pairs, {"dev": 31})


def test_ranges_of_lines() -> None:
    assert format_lines([3, 10, 11, 12, 2000]) == "3, 10–12, 2,000"
    assert format_lines([1, 3, 5, 6], limit=2) == "1, 3, … (2 more)"
