"""The service with multilingual models: real ones over HTTP, and fakes that show which sentences share a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_translator import FakeLoader, FakeTranslator
from serving import RunningServer, run_server, wait_until

from nmt import Translator
from nmt.inference.text_options import TextOptions
from nmt.model_directory.card import UntrainedDirectionCard
from nmt.model_directory.directory import CARD, read_model_directory, write_model_directory
from serve import server as server_module
from serve.metrics import Metrics
from serve.service import TranslationRequest, TranslationService
from serve.settings import Settings
from serve.workers.client import ModelDirectoryLoader

ENGLISH, FRENCH, CIPHER = "the dog sees the cat.", "le chien voit le chat.", "gur qbt frrf gur png."
GERMAN = "Der Hund schläft im Garten und die Katze auf dem Sofa."
REAL_FRENCH = "Le chien dort dans la maison avec le chat de mon père."


@pytest.fixture(scope="module")
def real_server(multilingual_run: Path) -> Iterator[RunningServer]:
    with run_server(ModelDirectoryLoader(multilingual_run, 1), threads=1, slots=4) as it:
        yield it


def details(it: RunningServer, q: str, source: str, target: str, **others: object) -> dict[str, Any]:
    found: dict[str, Any] = it.translate(q, source=source, target=target, details=True, **others).json()
    return {"text": found["translatedText"], **found["details"]}


@pytest.mark.parametrize(
    ("q", "languages"),
    [
        (ENGLISH, ["en", "fr"]),
        (FRENCH, ["fr", "en"]),
        (ENGLISH, ["en", "xx"]),
        (CIPHER, ["xx", "en"]),
        (FRENCH, ["fr", "en", "xx"]),
        (f"{CIPHER}\n{CIPHER}", ["xx", "en", "fr"]),
    ],
)
def test_the_service_translates_like_the_library(
    q: str, languages: list[str], real_server: RunningServer, multilingual_run: Path
) -> None:
    found = details(real_server, q, languages[0], languages[-1])
    expected = Translator.load(multilingual_run).translate(q, source=languages[0], target=languages[-1])
    assert found["text"] == expected.text
    kind = "trained" if len(languages) == 2 else "pivot"
    assert found["direction"] == {"kind": kind, "languages": languages}
    assert found["pivot"] == (languages[1] if kind == "pivot" else None)
    assert found["score"] == pytest.approx(expected.score, abs=1e-4)
    assert found["confidence"] == pytest.approx(expected.confidence, abs=1e-4)
    assert [tuple(span) for span in found["alignment"]] == list(expected.alignment or ())
    assert found["signals"] == list(expected.signals)


@pytest.mark.parametrize("languages", [("en", "fr"), ("fr", "xx")])
def test_sentences_below_the_minimum_confidence_are_left_untranslated(
    languages: tuple[str, str], real_server: RunningServer, multilingual_run: Path
) -> None:
    text = f"{ENGLISH} 😀\n{ENGLISH}" if languages[0] == "en" else f"{FRENCH} 😀\n{FRENCH}"
    translator = Translator.load(multilingual_run)
    confidence = translator.translate(text, source=languages[0], target=languages[1]).confidence
    assert confidence is not None
    for minimum in (confidence * 0.9, confidence * 1.1):
        options = TextOptions(min_confidence=minimum)
        expected = translator.translate(text, source=languages[0], target=languages[1], text_options=options)
        found = details(real_server, text, *languages, min_confidence=minimum)
        assert (found["text"], found["left_untranslated"]) == (expected.text, expected.left_untranslated)
        assert (expected.text == text) == expected.left_untranslated == (minimum > confidence)


def test_languages_are_those_of_all_directions(real_server: RunningServer) -> None:
    targets = {each["code"]: each["targets"] for each in real_server.client.get("/languages").json()}
    assert targets == {code: ["en", "fr", "xx"] for code in ("en", "fr", "xx")}
    sources = real_server.client.get("/v2/languages").json()
    assert [each["language"] for each in sources] == ["EN", "FR", "XX"]
    settings = real_server.client.get("/frontend/settings").json()
    assert {side: each["code"] for side, each in settings["language"].items()} == {"source": "en", "target": "fr"}
    detected = real_server.client.post("/detect", json={"q": REAL_FRENCH}).json()
    assert detected[0]["language"] == "fr"


def test_metrics_count_each_direction(real_server: RunningServer) -> None:
    real_server.translate("a new sentence.", source="en", target="xx")
    metrics = real_server.client.get("/metrics").text
    assert 'nmt_sentences_total{model="en-xx"}' in metrics
    lines = [line for line in metrics.splitlines() if line.startswith("nmt_model_info{")]
    assert len(lines) == 4
    assert len({line.split("checksum=")[1].split('"')[1] for line in lines}) == 1


def test_zero_shot_translation_is_used_if_the_card_says_that_it_is_better(
    multilingual_run: Path, tmp_path: Path
) -> None:
    model = read_model_directory(multilingual_run)
    measured = UntrainedDirectionCard(
        source="fr", target="xx", zero_shot={"dev": {"bleu": {"score": 3}}}, pivot={"dev": {"bleu": {"score": 2}}}
    )
    card = model.card.model_copy(update={"untrained_directions": [measured]})
    files = {name: (model.path / name).read_bytes() for name in card.files if not name.startswith(("token", "README"))}
    write_model_directory(tmp_path / "model", card, model.tokenizer, files)
    expected = Translator.load(tmp_path / "model").translate(FRENCH, source="fr", target="xx")
    assert expected.direction is not None
    assert expected.direction.kind == "zero-shot"
    with run_server(ModelDirectoryLoader(tmp_path / "model", 1), threads=1) as it:
        found = details(it, FRENCH, "fr", "xx")
        assert found["direction"] == {"kind": "zero-shot", "languages": ["fr", "xx"]}
        assert (found["text"], found["confidence"], found["pivot"]) == (expected.text, None, None)
        assert details(it, CIPHER, "xx", "fr")["direction"]["kind"] == "pivot"
    assert '"untrained_directions"' not in (multilingual_run / "model" / CARD).read_text()


def test_check_prints_all_directions(
    multilingual_run: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NMT_THREADS", "1")
    assert server_module.run([multilingual_run], check=True) == 0
    ready = [f"{pair} is ready" for pair in ("en→fr", "fr→en", "en→xx", "xx→en")]
    assert capfd.readouterr().out.splitlines() == ready
    assert server_module.run([multilingual_run, multilingual_run], check=True) == 1
    message = f"en→fr: two models translate this direction, {multilingual_run} and {multilingual_run}; serve only one"
    assert message in capfd.readouterr().err


HUB = {"others": "en-de de-en en-ja"}


def test_sentences_of_several_directions_share_a_batch_and_pivoted_ones_pass_it_twice() -> None:
    with run_server(FakeTranslator("fr", "en", **HUB), threads=1, slots=8) as it:
        answer = it.translate([GERMAN, REAL_FRENCH, "This is the key to the house."], source="auto", target="ja").json()
        assert answer["translatedText"] == [f"[[{GERMAN}]]", f"[[{REAL_FRENCH}]]", "[This is the key to the house.]"]
        batches = [sorted(batch) for batch in it.fake.admitted if GERMAN in " ".join(batch)]
        assert batches == [
            sorted([GERMAN, REAL_FRENCH, "This is the key to the house."]),
            sorted([f"[{GERMAN}]", f"[{REAL_FRENCH}]"]),
        ]


def test_requests_in_several_directions_share_a_batch() -> None:
    with run_server(FakeTranslator("fr", "en", **HUB), threads=1, slots=4) as it:
        it.fake.open.clear()
        first = it.translate_meanwhile(["w", "x", "y", "z"], source="fr", target="en")
        wait_until(lambda: it.fake.decoded())
        answers = [
            it.translate_meanwhile(pair, source=pair[:2], target=pair[3:]) for pair in ("en-de", "de-en", "en-ja")
        ]
        wait_until(lambda: it.service.active == 4)
        it.fake.open.set()
        it.join()
        assert [answer[0].json()["translatedText"] for answer in answers] == ["[en-de]", "[de-en]", "[en-ja]"]
        assert first[0].status_code == 200
        assert sorted(it.fake.admitted[-1]) == ["de-en", "en-de", "en-ja"]
        assert len(it.fake.batchers) == 1


def test_a_cached_translation_belongs_to_its_direction() -> None:
    with run_server(FakeTranslator("fr", "en", **HUB), threads=1) as it:
        for target in ("de", "ja", "de", "ja"):
            assert details(it, "same", "en", target)["direction"]["languages"] == ["en", target]
        assert it.fake.decoded() == ["same", "same"]


def test_direct_sentences_are_streamed_before_pivoted_ones() -> None:
    async def use() -> None:
        loader = FakeLoader(FakeTranslator("fr", "en", **HUB))
        service = TranslationService(Settings(threads=1, slots=4), [loader], Metrics())
        await service.start()
        texts = [GERMAN, "This is the key to the house."]
        found = [each async for each in service.stream(texts, TranslationRequest(None, "ja"))]
        assert [(each.index, each.text) for each in found] == [(1, f"[{texts[1]}]"), (0, f"[[{GERMAN}]]")]
        kinds = [each.result.translation.direction and each.result.translation.direction.kind for each in found]
        assert kinds == ["trained", "pivot"]
        await service.close()

    asyncio.run(use())


def test_a_request_with_pivoted_sentences_fills_at_most_a_quarter_of_the_queue() -> None:
    with run_server(FakeTranslator("fr", "en", **HUB), queue_limit=20, slots=1, threads=1) as it:
        it.fake.open.clear()
        large = it.translate_meanwhile("\n".join(f"large {n}" for n in range(20)), source="fr", target="ja")
        wait_until(lambda: it.fake.decoded() == ["large 0"])
        small = [it.translate_meanwhile(f"small {n}", source="en", target="de") for n in range(10)]
        wait_until(lambda: it.service.active == 11)
        it.fake.open.set()
        it.join()
        assert large[0].json() == {"translatedText": "\n".join(f"[[large {n}]]" for n in range(20))}
        assert [answer[0].status_code for answer in small] == [200] * 10


def test_chinese_is_requested_in_either_script_and_texts_in_it_are_converted() -> None:
    pytest.importorskip("opencc")
    with run_server(FakeTranslator("en", "zh", others="zh-en")) as it:
        listed = {each["code"]: each for each in it.client.get("/languages").json()}
        assert listed["zh-Hant"]["name"] == "Chinese (traditional)"
        assert listed["en"]["targets"] == ["en", "zh", "zh-Hant"]
        for code in ("zh", "zh-Hans", "zh-Hant", "zt", "ZH-TW"):
            assert it.translate("a dog", source="en", target=code).json() == {"translatedText": "[a dog]"}
            assert it.translate("狗", source=code, target="en").json() == {"translatedText": "[狗]"}
        sentence = "这只狗在花园里睡觉,我们说汉语。"
        assert (
            it.translate(sentence, source="auto", target="zt").json()["translatedText"]
            == "這隻狗在花園裏睡覺,我們說漢語。"
        )
        assert it.translate(sentence, source="zh", target="zh").json()["translatedText"] == sentence
        assert it.translate("后", source="zt", target="zh-Hant").json()["translatedText"] == "后"
        deepl = it.client.post("/v2/translate", json={"text": ["a dog"], "source_lang": "EN", "target_lang": "ZH-HANT"})
        assert deepl.json()["translations"][0]["text"] == "[a dog]"
        assert "ZH-HANT" in [each["language"] for each in it.client.get("/v2/languages?type=target").json()]
