import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from fake_translator import FakeLoader, FakeTranslator
from serving import wait_until

from nmt.inference.language_codes import Language
from nmt.utils.errors import CarouselError
from serve.errors import NotReadyError, UnsupportedLanguageError
from serve.models import registry
from serve.models.registry import ModelRegistry
from serve.models.served_model import ServedModel
from serve.scheduling.throughput import ThroughputEstimate


def load_model(loader: FakeLoader) -> ServedModel:
    return ServedModel(loader.load(), 3, ThroughputEstimate())


def create_registry(*pairs: tuple[str, str], lazy: bool = False) -> tuple[ModelRegistry, list[FakeLoader]]:
    loaders = [FakeLoader(FakeTranslator(*pair)) for pair in pairs]
    return ModelRegistry(loaders, load_model, lazy=lazy), loaders


def load_registry(*pairs: tuple[str, str]) -> ModelRegistry:
    models, _ = create_registry(*pairs)
    asyncio.run(models.load())
    return models


def route_pairs(models: ModelRegistry, source: str, target: str) -> list[tuple[str, str]]:
    return [step.pair for step in models.find_route(source, target)]


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def test_ready_only_between_load_and_drain():
    models, _ = create_registry(("en", "fr"))
    with pytest.raises(NotReadyError, match="loading"):
        models.check_ready()
    asyncio.run(models.load())
    models.check_ready()
    models.drain()
    with pytest.raises(NotReadyError, match="shutting down"):
        models.match_language("en")


def test_draining_while_loading_is_not_undone_by_the_end_of_loading():
    models, _ = create_registry(("en", "fr"))
    models.drain()
    asyncio.run(models.load())
    with pytest.raises(NotReadyError, match="shutting down"):
        models.check_ready()


def test_route_between_two_languages():
    models = load_registry(("en", "fr"), ("fr", "en"), ("de", "en"), ("fr", "pt-BR"), ("de", "fr"))
    assert route_pairs(models, "en", "fr") == [("en", "fr")]
    assert route_pairs(models, "fr", "fr") == []
    assert route_pairs(models, "en", "pt-BR") == [("en", "fr"), ("fr", "pt-BR")]
    assert route_pairs(models, "de", "pt-BR") == [("de", "fr"), ("fr", "pt-BR")]
    with pytest.raises(UnsupportedLanguageError, match="pt-BR→en is not supported; served are de→en, de→fr, "):
        models.find_route("pt-BR", "en")


def test_english_is_the_preferred_pivot_language():
    models = load_registry(("de", "cs"), ("cs", "fr"), ("de", "en"), ("en", "fr"))
    assert route_pairs(models, "de", "fr") == [("de", "en"), ("en", "fr")]


def test_sources_and_targets_of_a_language():
    models = load_registry(("en", "fr"), ("fr", "de"))
    assert models.languages == ["de", "en", "fr"]
    assert models.target_languages("en") == ["de", "en", "fr"]
    assert models.target_languages("de") == ["de"]
    assert models.source_languages("de") == ["en", "fr"]


def test_language_codes_are_case_insensitive():
    models = load_registry(("en", "fr"), ("en", "pt-BR"))
    assert models.match_language("PT-br") == Language("pt-BR")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("xx", "'xx' is not supported; served are en, fr"),
        ("", "'' is not supported"),
        ("x" * 1000, f"'{'x' * 20}' is"),
        ("a\nb", r"'a\\nb' is"),
    ],
)
def test_unknown_language_codes_are_refused(code: str, message: str):
    with pytest.raises(UnsupportedLanguageError, match=message) as caught:
        load_registry(("en", "fr")).match_language(code)
    assert "\n" not in str(caught.value)


def test_two_models_for_one_pair_are_refused():
    models = ModelRegistry([FakeLoader(FakeTranslator(), name=name) for name in ("a/b", "c")], load_model, lazy=True)
    message = "en→fr: two models translate this direction, a/b and c; serve only one of them"
    with pytest.raises(CarouselError, match=message):
        asyncio.run(models.load())


def test_a_lazy_model_is_loaded_once_when_it_is_needed():
    models, (needed, other) = create_registry(("en", "fr"), ("fr", "en"), lazy=True)

    async def use() -> None:
        await models.load()
        models.check_ready()
        assert (needed.loads, other.loads, models.loaded_models) == (0, 0, [])
        [(_, entry)] = models.find_route("en", "fr")
        first, second = await asyncio.gather(entry.get_model(), entry.get_model())
        assert first is second is entry.model
        assert (needed.loads, other.loads) == (1, 0)

    run(use())


def test_a_lazy_model_that_failed_to_load_is_tried_again():
    class FlakyLoader(FakeLoader):
        def load(self) -> FakeTranslator:
            fake = super().load()
            if self.loads == 1:
                raise CarouselError("the disk is on holiday")
            return fake

    async def use() -> None:
        models = ModelRegistry([FlakyLoader(FakeTranslator())], load_model, lazy=True)
        await models.load()
        [(_, entry)] = models.find_route("en", "fr")
        with pytest.raises(CarouselError, match="holiday"):
            await entry.get_model()
        assert (await entry.get_model()).translator.directions == [("en", "fr")]

    run(use())


def test_a_caller_that_stops_waiting_for_a_model_does_not_cancel_the_others():
    models, _ = create_registry(("en", "fr"), lazy=True)

    async def use() -> None:
        await models.load()
        [(_, entry)] = models.find_route("en", "fr")
        impatient = asyncio.create_task(entry.get_model())
        patient = asyncio.create_task(entry.get_model())
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient).translator.directions == [("en", "fr")]

    run(use())


def test_reload_replaces_the_models_and_closes_the_old_ones():
    old, new = FakeTranslator(checksum="1"), FakeTranslator(checksum="2")

    async def use() -> None:
        models = ModelRegistry([FakeLoader(old, new)], load_model, lazy=False)
        await models.load()
        [before] = models.loaded_models
        await models.reload()
        [after] = models.loaded_models
        assert (before.checksum, after.checksum) == ("1", "2")
        assert before.retired
        assert not after.retired
        wait_until(lambda: old.closed)
        assert not new.closed
        await models.close()
        assert new.closed

    run(use())


@pytest.mark.parametrize("loaded_before", [True, False])
def test_a_replaced_model_is_closed_only_when_it_is_not_in_use_any_more(loaded_before: bool):
    old, new = FakeTranslator(checksum="1"), FakeTranslator(checksum="2")

    async def use() -> None:
        models = ModelRegistry([FakeLoader(old, new)], load_model, lazy=not loaded_before)
        await models.load()
        [(_, entry)] = models.find_route("en", "fr")
        with entry.keep_open():
            await models.reload()
            assert (await entry.get_model()).checksum == "1"
            await asyncio.sleep(0.1)
            assert not old.closed
        wait_until(lambda: old.closed)
        assert not new.closed

    run(use())


def test_a_reload_that_fails_changes_nothing_and_closes_what_it_has_loaded():
    class BreakingLoader(FakeLoader):
        def load(self) -> FakeTranslator:
            fake = super().load()
            if self.loads == 2:
                raise CarouselError("config.json is damaged")
            return fake

    old, new = FakeTranslator(checksum="1"), FakeTranslator(checksum="2")

    async def use() -> None:
        loaders = [FakeLoader(old, new), BreakingLoader(FakeTranslator("fr", "en"))]
        models = ModelRegistry(loaders, load_model, lazy=False)
        await models.load()
        before = models.loaded_models
        with pytest.raises(CarouselError, match="damaged"):
            await models.reload()
        assert models.loaded_models == before
        assert not any(model.retired for model in before)
        wait_until(lambda: new.closed)
        assert not old.closed

    run(use())


def test_a_reload_of_lazy_models_loads_only_those_in_memory():
    models, (used, unused) = create_registry(("en", "fr"), ("fr", "en"), lazy=True)

    async def use() -> None:
        await models.load()
        await models.find_route("en", "fr")[0].entry.get_model()
        await models.reload()
        assert (used.loads, unused.loads) == (2, 0)

    run(use())


def multilingual_loader(**directions: str) -> FakeLoader:
    return FakeLoader(FakeTranslator("en", "de", others="de-en en-fr fr-en"), name="hub", **directions)


def load_loaders(*loaders: FakeLoader) -> ModelRegistry:
    models = ModelRegistry(loaders, load_model, lazy=True)
    asyncio.run(models.load())
    return models


def test_a_multilingual_model_is_listed_with_all_its_directions():
    models = load_loaders(multilingual_loader(zero_shot="de-fr fr-de"))
    assert models.language_pairs == [("en", "de"), ("de", "en"), ("en", "fr"), ("fr", "en")]
    assert models.languages == models.listed_languages == ["de", "en", "fr"]
    assert models.target_languages("de") == ["de", "en", "fr"]
    assert route_pairs(models, "en", "fr") == [("en", "fr")]
    assert route_pairs(models, "de", "fr") == [("de", "en"), ("en", "fr")]


def test_zero_shot_translation_is_a_route_if_it_is_better_than_a_pivot_or_there_is_none():
    models = load_loaders(multilingual_loader(zero_shot="de-fr fr-de", better="de-fr"))
    assert route_pairs(models, "de", "fr") == [("de", "fr")]
    assert route_pairs(models, "fr", "de") == [("fr", "en"), ("en", "de")]
    models = load_loaders(FakeLoader(FakeTranslator("en", "de", others="fr-ja"), zero_shot="en-ja fr-de"))
    assert route_pairs(models, "en", "ja") == [("en", "ja")]


def test_routes_lead_through_several_models():
    other = FakeLoader(FakeTranslator("fr", "cs"), name="other")
    models = load_loaders(multilingual_loader(zero_shot="de-fr"), other)
    assert route_pairs(models, "en", "cs") == [("en", "fr"), ("fr", "cs")]
    assert [step.entry.name for step in models.find_route("en", "cs")] == ["hub", "other"]
    with pytest.raises(UnsupportedLanguageError, match="de→cs is not supported"):
        models.find_route("de", "cs")


def test_another_model_may_be_trained_on_what_a_multilingual_one_does_zero_shot():
    trained = FakeLoader(FakeTranslator("de", "fr"), name="trained")
    for loaders in ([multilingual_loader(better="de-fr"), trained], [trained, multilingual_loader(better="de-fr")]):
        [step] = load_loaders(*loaders).find_route("de", "fr")
        assert step.entry.name == "trained"


def test_of_several_zero_shot_models_the_one_with_the_better_score_is_chosen():
    first = FakeLoader(FakeTranslator("de", "ja", others="en-fr"), name="first", zero_shot="de-fr en-ja")
    better = FakeLoader(FakeTranslator("de", "cs", others="cs-fr"), name="better", better="de-fr")
    [step] = load_loaders(first, better).find_route("de", "fr")
    assert step.entry.name == "better"


@pytest.mark.parametrize("reverse", [False, True])
def test_a_direction_is_served_by_the_most_specialised_model(reverse: bool):
    loaders = [multilingual_loader(), FakeLoader(FakeTranslator("en", "fr"), name="special")]
    models = load_loaders(*(reversed(loaders) if reverse else loaders))
    [step] = models.find_route("en", "fr")
    assert step.entry.name == "special"
    assert [each.entry.name for each in models.find_route("de", "fr")] == ["hub", "special"]
    assert len(models.language_pairs) == len(set(models.language_pairs))


@pytest.mark.parametrize("others", ["", "de-en en-fr fr-en"])
def test_two_equally_specialised_models_of_one_direction_are_refused(others: str):
    loaders = [FakeLoader(FakeTranslator("en", "de", others=others), name=name) for name in ("hub", "a/b")]
    models = ModelRegistry(loaders, load_model, lazy=True)
    with pytest.raises(CarouselError, match="en→de: two models translate this direction, hub and a/b; serve only one"):
        asyncio.run(models.load())


def test_all_directions_of_a_model_share_one_loaded_model():
    loader = multilingual_loader()

    async def use() -> None:
        models = ModelRegistry([loader], load_model, lazy=True)
        await models.load()
        [german], [french] = models.find_route("en", "de"), models.find_route("fr", "en")
        assert await german.entry.get_model() is await french.entry.get_model()
        assert loader.loads == 1
        await models.reload()
        assert (loader.loads, len(models.loaded_models)) == (2, 1)

    run(use())


def test_chinese_is_listed_in_both_scripts():
    pytest.importorskip("opencc")
    models = load_registry(("en", "zh"), ("zh", "en"), ("en", "de"))
    assert models.languages == ["de", "en", "zh"]
    assert models.listed_languages == ["de", "en", "zh", "zh-Hant"]
    assert models.target_languages("en") == ["de", "en", "zh", "zh-Hant"]
    assert models.target_languages("zh-Hant") == ["de", "en", "zh-Hant"]
    assert models.target_languages("zh") == ["de", "en", "zh"]
    assert models.source_languages("zh-Hant") == models.source_languages("zh") == ["en"]
    assert models.match_language("zt") == models.match_language("zh-tw") == Language("zh", "traditional")
    assert models.match_language("zh-CN") == Language("zh", "simplified")


def test_chinese_in_traditional_characters_needs_the_converter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "has_chinese_converter", lambda: False)
    models = load_registry(("en", "zh"))
    assert models.listed_languages == ["en", "zh"]
    assert models.match_language("zh-Hans") == Language("zh", "simplified")
    with pytest.raises(UnsupportedLanguageError, match="zt: traditional characters are not supported on this server"):
        models.match_language("zt")
