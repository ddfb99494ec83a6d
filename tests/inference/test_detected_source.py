"""Translation of texts whose source language is identified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Nmt
from hypothesis import given
from hypothesis import strategies as st

from nmt import Translator
from nmt.inference import source_language
from nmt.inference.source_language import SourceLanguageDetector, choose_source
from nmt.inference.text_options import TextOptions
from nmt.inference.translation import Direction
from nmt.text.glossary import TermList
from nmt.text.language_identification import DetectedLanguage
from nmt.utils.errors import UsageError

ENGLISH = ["the young dog hears the red horse.", "the king sees the small bird."]
EN_FR, EN_XX = Direction("trained", ("en", "fr")), Direction("trained", ("en", "xx"))
FRENCH = ["le roi rouge voit le petit oiseau.", "le chien calme entend le cheval."]


@pytest.fixture(scope="module")
def translator(multilingual_run: Path) -> Translator:
    return Translator.load(multilingual_run)


@pytest.fixture
def _any_certainty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust less certain results, because an invented language among the candidates makes all of them uncertain."""
    monkeypatch.setattr(source_language, "_TARGET_ODDS", 1)


def test_each_text_is_translated_from_its_own_language(translator: Translator) -> None:
    texts = [ENGLISH[0], FRENCH[0], "", FRENCH[1], ENGLISH[1], "😀"]
    found = translator.translate(texts, target="xx")
    assert [each.direction for each in (found[n] for n in (0, 1, 3, 4))] == [
        EN_XX, Direction("pivot", ("fr", "en", "xx")), Direction("pivot", ("fr", "en", "xx")), EN_XX,
    ]  # fmt: skip
    for text, translation in zip(texts, found, strict=True):
        source = "fr" if text in FRENCH else "en"
        assert translation == translator.translate(text, source=source, target="xx")
        assert translation == translator.translate(text, target="xx")


@pytest.mark.usefixtures("_any_certainty")
def test_texts_in_the_target_language_are_left_unchanged(translator: Translator) -> None:
    english, french = translator.translate([ENGLISH[0], FRENCH[0]], target="fr")
    assert english.direction == EN_FR
    assert (french.text, french.copied, french.direction) == (FRENCH[0], True, Direction("copy", ("fr", "fr")))
    assert french.alignment == ((0, len(FRENCH[0]), 0, len(FRENCH[0])),)


def test_languages_are_identified_only_where_the_model_leaves_a_choice(translator: Translator, model: Path) -> None:
    assert translator.choose_languages(None, "fr") == (None, "fr")
    assert translator.choose_languages("xx", None) == ("xx", "en")
    bilingual = Translator.load(model)
    assert bilingual.choose_languages() == bilingual.choose_languages(None, "fr") == ("en", "fr")
    assert bilingual.translate(FRENCH[0], target="fr").direction == EN_FR
    for target, parameter in ((None, "source, target"), ("de", "target")):
        with pytest.raises(UsageError, match=f"^{parameter}: "):
            translator.translate("the dog", target=target)


def test_terms_need_the_source_language(translator: Translator) -> None:
    options = TextOptions(terms=TermList([("chien", "qbt")], "fr", "xx"))
    with pytest.raises(UsageError, match=r"^source: terms are of one source language"):
        translator.translate(FRENCH, target="xx", text_options=options)


@given(st.text(), st.permutations(["en", "de", "ja"]))
def test_only_candidates_are_found(text: str, languages: list[str]) -> None:
    *sources, target = languages
    assert SourceLanguageDetector(sources, target).detect(text) in languages


def test_a_doubtful_text_is_in_a_source_language() -> None:
    detector = SourceLanguageDetector(["en", "fr"], "de")
    assert detector.detect("Der Hund schläft auf dem Sofa in der Küche.") == "de"
    assert detector.detect("Paris") in {"en", "fr"}
    assert detector.detect("123") == "en"


@pytest.mark.usefixtures("_any_certainty")
def test_command_identifies_the_language_of_each_line(multilingual_run: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.txt").write_text("\n".join([ENGLISH[0], FRENCH[0], ENGLISH[1]]) + "\n", encoding="utf-8")
    done = nmt("translate", multilingual_run, tmp_path / "in.txt", "--to", "fr", "--json")
    assert done.status == 0, done.err
    lines = [json.loads(line) for line in done.out.splitlines()]
    directions = [(line["direction"]["kind"], line["direction"]["languages"]) for line in lines]
    assert directions == [("trained", ["en", "fr"]), ("copy", ["fr", "fr"]), ("trained", ["en", "fr"])]
    assert lines[1]["text"] == FRENCH[0]


@pytest.mark.usefixtures("_any_certainty")
def test_command_reads_fields_without_a_source_language(multilingual_run: Path, tmp_path: Path, nmt: Nmt) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": FRENCH[0]}) + "\n", encoding="utf-8")
    done = nmt("translate", multilingual_run, tmp_path / "in.jsonl", "--to", "fr")
    assert (done.status, done.out) == (0, f"{FRENCH[0]}\n")


@pytest.mark.usefixtures("_any_certainty")
@pytest.mark.parametrize("name", ["page.html", "page.xml"])
def test_the_language_of_a_document_is_that_of_the_whole(
    name: str, multilingual_run: Path, tmp_path: Path, nmt: Nmt
) -> None:
    (tmp_path / name).write_text(f"<p>{FRENCH[0]} <b>{FRENCH[1]}</b></p>", encoding="utf-8")
    identified, given_, unchanged = (
        nmt("translate", multilingual_run, tmp_path / name, *options)
        for options in (["--to", "en"], ["--from", "fr", "--to", "en"], ["--to", "fr"])
    )
    assert identified.out == given_.out != unchanged.out
    assert unchanged.out == (tmp_path / name).read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--from, --to: several directions are possible; choose one of en→fr, en→xx, fr→en, xx→en"),
        (["--to", "de"], "--to: the model does not translate into 'de'; choose one of en, fr, xx"),
        (["--from", "en"], "--to: several directions are possible; choose one of en→fr, en→xx"),
        (["--from", "de"], "--from: the model does not translate from 'de'; choose one of en, fr, xx"),
        (
            ["--to", "xx", "--glossary", "terms.tsv"],
            "--glossary: terms are of one source language; name it with --from",
        ),
        (["--to", "xx", "-o", "pairs.jsonl"], "pairs.jsonl: pairs are named by their languages; name the source"),
    ],
)
def test_errors_name_the_options(
    options: list[str], message: str, multilingual_run: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_text("the dog\n")
    refused = nmt("translate", multilingual_run, "in.txt", *options)
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert message in refused.err
    if not {"-o", "--glossary"} & set(options):
        Path("reference").write_text("le chien\n")
        for command in ("--reference", "--target"):
            name = "evaluate" if command == "--reference" else "score"
            refused = nmt(name, multilingual_run, "--source", "in.txt", command, "reference", *options)
            assert (refused.status, message in refused.err) == (2, True), refused.err


def rank(**confidences: float) -> list[DetectedLanguage]:
    return [DetectedLanguage(*each) for each in sorted(confidences.items(), key=lambda each: -each[1])]


@pytest.mark.parametrize(
    ("ranking", "others", "expected"),
    [
        (rank(en=0.8, fr=0.1), True, ("en", 0.8)),
        (rank(fr=0.79, en=0.02), True, ("fr", 0.79)),  # most probable, though not certain: it is in the target language
        (rank(fr=0.3, en=0.2), True, ("en", 0.2)),  # as probably in the one as in the other
        (rank(), True, ("en", 0.0)),
        (rank(en=0.0), True, ("en", 0.0)),
        (rank(de=0.9, en=0.03, fr=0.01), True, ("de", 0.9)),
        (rank(de=0.9, en=0.03, fr=0.01), False, ("en", 0.03)),
        (rank(de=0.6, en=0.1), True, ("en", 0.1)),  # doubtful
        (rank(de=0.4, en=0.001), True, ("en", 0.001)),
        (rank(yue=0.4, zh=0.3), True, ("yue", 0.4)),  # in a script that no candidate is written in
    ],
)
def test_the_source_is_chosen_by_the_odds(
    ranking: list[DetectedLanguage], others: bool, expected: tuple[str, float]
) -> None:
    assert choose_source(ranking, ["en", "es"], "fr", others=others) == DetectedLanguage(*expected)


def test_a_language_that_is_translated_into_itself_is_never_copied() -> None:
    assert choose_source(rank(en=0.9), ["en"], "en") == DetectedLanguage("en", 0.9)
