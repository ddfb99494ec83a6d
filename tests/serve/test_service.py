"""The translation service: queueing, limits, pivoting, glossaries, reloading and streaming."""

import asyncio
import gc
import signal
import threading
import time
import weakref
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from fake_translator import FakeLoader, FakeTranslator
from serving import run_server, wait_until

from nmt.inference.documents.plain import PlainDocument
from nmt.inference.text_options import TextOptions
from nmt.search.options import DecodingOptions
from serve.metrics import Metrics
from serve.models.served_model import ServedModel
from serve.scheduling.jobs import Sentence
from serve.scheduling.throughput import ThroughputEstimate
from serve.service import TranslationRequest, TranslationService
from serve.service.sentence_translator import count_fitting
from serve.settings import Settings
from serve.stores.glossaries import Glossary

NOW = datetime.now(UTC)


def test_a_full_queue_is_503_with_retry_after():
    with run_server(FakeTranslator(), queue_limit=2, slots=1, threads=1) as it:
        it.fake.open.clear()
        first = it.translate_meanwhile("first")
        wait_until(lambda: it.fake.decoded() == ["first"])
        others = [it.translate_meanwhile(text) for text in ("second", "third")]
        wait_until(lambda: it.service.active == 3)

        refused = it.translate("fourth")
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json() == {"error": "the server is busy; try again later"}
        # Texts without words need no model.
        assert it.translate(["", " ", "🙂"]).json() == {"translatedText": ["", " ", "🙂"]}

        it.fake.open.set()
        it.join()
        assert first[0].json() == {"translatedText": "[first]"}
        assert [other[0].json() for other in others] == [{"translatedText": "[second]"}, {"translatedText": "[third]"}]


def test_more_sentences_than_the_queue_holds_is_400():
    with run_server(FakeTranslator(), queue_limit=2) as it:
        answer = it.translate("a\nb\nc")
        assert answer.status_code == 400
        assert "at most 2" in answer.json()["error"]


def test_a_request_fills_at_most_a_quarter_of_the_queue():
    with run_server(FakeTranslator(), queue_limit=20, slots=1, threads=1) as it:
        it.fake.open.clear()
        large = it.translate_meanwhile("\n".join(f"large {n}" for n in range(20)))
        wait_until(lambda: it.fake.decoded() == ["large 0"])
        small = [it.translate_meanwhile(f"small {n}") for n in range(10)]
        wait_until(lambda: it.service.active == 11)
        it.fake.open.set()
        it.join()
        assert large[0].json() == {"translatedText": "\n".join(f"[large {n}]" for n in range(20))}
        assert [answer[0].status_code for answer in small] == [200] * 10


def test_a_time_out_is_503_and_drops_the_sentences():
    with run_server(FakeTranslator(), request_timeout=0.3, slots=1, threads=1) as it:
        it.fake.open.clear()
        first = it.translate_meanwhile("first")
        wait_until(lambda: it.fake.decoded() == ["first"])
        late = it.translate("late")
        assert late.status_code == 503
        assert int(late.headers["retry-after"]) >= 1
        assert late.json() == {"error": "no answer within 0.3 s"}
        it.fake.open.set()
        it.join()
        assert first[0].status_code == 503
        assert it.translate("after").json() == {"translatedText": "[after]"}
        assert it.fake.decoded() == ["first", "after"]


def test_concurrent_requests_share_steps_and_get_their_own_translations():
    with run_server(FakeTranslator(), threads=1, slots=32) as it:
        it.fake.open.clear()
        it.translate_meanwhile("first")
        wait_until(lambda: it.fake.decoded() == ["first"])
        answers = {n: it.translate_meanwhile([f"{n}a", f"{n}b\n{n}c"]) for n in range(8)}
        wait_until(lambda: it.service.active == 9)
        it.fake.open.set()
        it.join()
        for n, answer in answers.items():
            assert answer[0].json() == {"translatedText": [f"[{n}a]", f"[{n}b]\n[{n}c]"]}
        assert len(it.fake.admitted[-1]) == 24
        assert threading.active_count() < 40


def test_a_pair_without_a_model_is_translated_through_a_pivot_language():
    with run_server(FakeTranslator("de", "en"), FakeTranslator("en", "fr")) as it:
        answer = it.translate(["Haus\nMaus", ""], source="de", target="fr", details=True).json()
        assert answer["translatedText"] == ["[[Haus]]\n[[Maus]]", ""]
        assert [details["pivot"] for details in answer["details"]] == ["en", "en"]
        direct = it.translate("house", source="en", target="fr", details=True).json()
        assert direct["details"]["pivot"] is None


def test_details_of_a_pivoted_translation_have_a_mean_score_per_token_and_the_product_of_the_confidences():
    with run_server(FakeTranslator("de", "en"), FakeTranslator("en", "fr")) as it:
        # Scores are -4 for "Haus" with 2 tokens, and -6 for "[Haus]" with 2 tokens.
        details = it.translate("Haus", source="de", target="fr", details=True).json()["details"]
        assert details["score"] == -5
        assert details["confidence"] == pytest.approx(0.04 * 0.06)
        assert details["direction"] == {"kind": "pivot", "languages": ["de", "en", "fr"]}


def test_texts_of_several_languages_are_translated_by_several_models():
    with run_server(FakeTranslator("de", "fr"), FakeTranslator("el", "fr")) as it:
        q = ["Der Hund schläft im Garten.", "Ο σκύλος κοιμάται.", "Le chien dort."]
        answer = it.translate(q, source="auto").json()
        assert answer["translatedText"][:2] == [f"[{text}]" for text in q[:2]]
        assert [found["language"] for found in answer["detectedLanguage"]][:2] == ["de", "el"]


def test_a_lazy_model_is_loaded_by_the_first_request():
    loader = FakeLoader(FakeTranslator())
    with run_server(loader, lazy=True) as it:
        assert it.client.get("/ready").status_code == 200
        assert loader.loads == 0
        assert it.translate("a").json() == {"translatedText": "[a]"}
        assert it.translate("b").json() == {"translatedText": "[b]"}
        assert loader.loads == 1


def test_reload_under_load_fails_no_request_and_replaces_the_model():
    old, new = FakeTranslator(checksum="1"), FakeTranslator(checksum="2")
    with run_server(FakeLoader(old, new)) as it:
        stop = threading.Event()
        statuses: list[int] = []

        def ask() -> None:
            while not stop.is_set():
                statuses.append(it.translate("STEPS5 text").status_code)

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for client in clients:
            client.start()
        it.server.handle_reload(signal.SIGHUP, None)
        wait_until(lambda: new.decoded())
        stop.set()
        for client in clients:
            client.join(30)
        assert set(statuses) == {200}
        seen = len(old.decoded())
        assert it.translate("after").status_code == 200
        assert (len(old.decoded()), "after" in new.decoded()) == (seen, True)


def test_glossary_terms_are_applied_and_cached_for_their_owner_only():
    async def use() -> None:
        fake = FakeTranslator()
        service = TranslationService(Settings(threads=1, slots=2), [FakeLoader(fake)], Metrics())
        await service.start()
        mine = Glossary("1", "mine", "en", "fr", (("dog", "toutou"),), "me", NOW)
        for glossary in (mine, mine, None):
            [result] = await service.translate(["the dog"], TranslationRequest("en", "fr", glossary=glossary))
            assert result.translation.text == ("[the dog]<toutou>" if glossary else "[the dog]")
        [without] = await service.translate(["the cat"], TranslationRequest("en", "fr", glossary=mine))
        assert without.translation.text == "[the cat]"
        assert fake.decoded() == ["the dog", "the dog", "the cat"]
        await service.close()

    asyncio.run(use())


def test_terms_of_a_request_are_applied_and_cached_with_the_same_terms_only():
    async def use() -> None:
        fake = FakeTranslator()
        service = TranslationService(Settings(threads=1, slots=2), [FakeLoader(fake)], Metrics())
        await service.start()
        for terms in ((("dog", "toutou"),), (("dog", "toutou"),), (("dog", "cabot"),), ()):
            [result] = await service.translate(["the dog"], TranslationRequest("en", "fr", terms=terms))
            assert result.translation.text == "[the dog]" + "".join(f"<{target}>" for _, target in terms)
        assert fake.decoded() == ["the dog"] * 3
        await service.close()

    asyncio.run(use())


def test_terms_of_a_pivoted_translation_translate_the_source_language():
    async def use() -> None:
        loaders = [FakeLoader(FakeTranslator("de", "en")), FakeLoader(FakeTranslator("en", "fr"))]
        service = TranslationService(Settings(threads=1, slots=2), loaders, Metrics())
        await service.start()
        request = TranslationRequest("de", "fr", terms=(("Hund", "toutou"), ("the", "wrong")))
        texts = ["Hund", "Hunde.", "Maus"]
        results = [each.translation for each in await service.translate(texts, request)]
        assert [each.text for each in results] == ["toutou", "toutou.", "[[Maus]]"]
        assert [[(term.source, term.target) for term in each.terms] for each in results] == [
            [("Hund", "toutou")], [("Hund", "toutou")], [],
        ]  # fmt: skip
        assert [each.text async for each in service.stream(texts, request)] == ["toutou", "toutou.", "[[Maus]]"]
        await service.close()

    asyncio.run(use())


def test_long_sentences_count_as_several_chunks():
    def sentences(*lengths: int) -> list[Sentence]:
        model = ServedModel(FakeTranslator(), 2, ThroughputEstimate())
        direction = model.direction(("en", "fr"))
        return [Sentence("x" * length, direction, 2, DecodingOptions(), TextOptions()) for length in lengths]

    assert count_fitting(sentences(*[100] * 50), 10) == 10
    assert count_fitting(sentences(*[1000] * 50), 10) == 2
    assert count_fitting(sentences(100, 1500, 200, 1), 10) == 3
    assert count_fitting(sentences(5000), 10) == 1


def test_a_language_without_a_model_into_it_is_400():
    with run_server(FakeTranslator("en", "fr")) as it:
        answer = it.translate("the dog", source="auto", target="en")
        assert answer.status_code == 400
        assert answer.json() == {"error": "no model translates into en"}


def test_a_replaced_model_is_closed_and_freed():
    async def use() -> None:
        fakes = FakeTranslator(), FakeTranslator()
        service = TranslationService(Settings(threads=1, slots=2), [FakeLoader(*fakes)], Metrics())
        await service.start()
        await service.translate(["a"], TranslationRequest("en", "fr"))
        old = weakref.ref(service.models.loaded_models[0])
        await service.reload()
        until = time.monotonic() + 30
        while old() is not None or not fakes[0].closed:
            gc.collect()
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        await service.close()

    asyncio.run(use())


def test_a_request_in_progress_keeps_a_replaced_model_open(monkeypatch: pytest.MonkeyPatch):
    splitting, replaced = threading.Event(), threading.Event()

    def split(text: str, language: str, **_: bool) -> PlainDocument:
        splitting.set()
        assert replaced.wait(30)
        return PlainDocument(text, language)

    async def use() -> None:
        old, new = FakeTranslator(checksum="1"), FakeTranslator(checksum="2")
        service = TranslationService(Settings(threads=1, slots=2), [FakeLoader(old, new)], Metrics())
        await service.start()
        monkeypatch.setattr("serve.service.planning.PlainDocument", split)
        text = "x" * 6000  # long enough to be split on another thread
        translating = asyncio.create_task(service.translate([text], TranslationRequest("en", "fr")))
        await asyncio.to_thread(splitting.wait, 30)
        await service.reload()
        assert not old.closed
        replaced.set()
        [result] = await translating
        assert result.translation.text.count("x") == len(text)
        assert "".join(old.decoded()) == text
        await asyncio.to_thread(wait_until, lambda: old.closed)
        await service.close()
        assert new.closed

    asyncio.run(use())


def test_sentences_are_streamed_when_they_are_finished():
    async def use() -> None:
        service = TranslationService(Settings(threads=1, slots=4), [FakeLoader(FakeTranslator())], Metrics())
        await service.start()
        texts = ["STEPS9 a\nb", "STEPS4 c"]
        events = [event async for event in service.stream(texts, TranslationRequest("en", "fr"))]
        assert [(each.index, each.text) for each in events] == [(1, "[b]"), (2, "[STEPS4 c]"), (0, "[STEPS9 a]")]
        assert [(each.text_index, each.span, each.count) for each in events] == [
            (0, (9, 10), 3), (1, (0, 8), 3), (0, (0, 8), 3),
        ]  # fmt: skip
        assert service.active == 0
        await service.close()

    asyncio.run(use())


@pytest.mark.parametrize("steps", ["STEPS1000000", "EXPLODE"])
def test_an_abandoned_or_failed_stream_leaves_no_work_behind(steps: str):
    async def use() -> None:
        fake = FakeTranslator()
        service = TranslationService(Settings(threads=1, slots=4), [FakeLoader(fake)], Metrics())
        await service.start()
        stream = service.stream([f"a\n{steps} b"], TranslationRequest("en", "fr"))
        with pytest.raises(Exception, match="the translation failed") if steps == "EXPLODE" else nullcontext():
            await anext(stream)
            if steps == "EXPLODE":
                await anext(stream)
        await stream.aclose()
        until = time.monotonic() + 30
        while service.active or any(loop.running for loop in fake.batchers):
            assert time.monotonic() < until
            await asyncio.sleep(0.01)
        await service.close()

    asyncio.run(use())
