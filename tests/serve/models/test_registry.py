import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from fake_translator import FakeLoader, FakeTranslator

from nmt.utils.errors import CarouselError
from serve.errors import NotReadyError, UnsupportedLanguageError
from serve.models.registry import Machine, ModelDirectoryLoader, ModelRegistry, load_warm

MACHINE = Machine(threads=2, slots=3)


def models_of(*pairs: tuple[str, str], lazy: bool = False) -> tuple[ModelRegistry, list[FakeLoader]]:
    loaders = [FakeLoader(FakeTranslator(*pair)) for pair in pairs]
    return ModelRegistry(loaders, MACHINE, lazy=lazy), loaders


def loaded(*pairs: tuple[str, str]) -> ModelRegistry:
    models, _ = models_of(*pairs)
    asyncio.run(models.load())
    return models


def pairs(models: ModelRegistry, source: str, target: str) -> list[tuple[str, str]]:
    return [served.pair for served in models.route(source, target)]


def test_warming_fills_a_loop_for_each_thread_and_measures_the_pace():
    fake = FakeTranslator()
    model = load_warm(FakeLoader(fake), MACHINE)
    assert fake.seen() == []
    assert [len(batch) for batch in fake.admitted] == [3, 3, 3, 3]
    assert all(not loop.live for loop in fake.loops)
    assert 0 < model.throughput.estimate("x" * 80) < 0.01
    warmed = [model.loop(thread, fake.beam) for thread in (0, 1)]
    assert warmed == fake.loops
    assert model.loop(0, fake.beam) not in warmed  # a loop is one thread's alone


def test_ready_only_between_load_and_close():
    models, _ = models_of(("en", "fr"))
    with pytest.raises(NotReadyError, match="loading"):
        models.check_ready()
    asyncio.run(models.load())
    models.check_ready()
    models.close()
    with pytest.raises(NotReadyError, match="shutting down"):
        models.language("en")


def test_closing_while_loading_is_not_undone_by_the_end_of_loading():
    models, _ = models_of(("en", "fr"))
    models.close()
    asyncio.run(models.load())
    with pytest.raises(NotReadyError, match="shutting down"):
        models.check_ready()


def test_the_way_from_one_language_to_another():
    models = loaded(("en", "fr"), ("fr", "en"), ("de", "en"), ("fr", "pt-BR"), ("de", "fr"))
    assert pairs(models, "en", "fr") == [("en", "fr")]
    assert pairs(models, "fr", "fr") == []
    assert pairs(models, "en", "pt-BR") == [("en", "fr"), ("fr", "pt-BR")]
    assert pairs(models, "de", "pt-BR") == [("de", "fr"), ("fr", "pt-BR")]
    with pytest.raises(UnsupportedLanguageError, match="pt-BR→en is not supported; served are de→en, de→fr, "):
        models.route("pt-BR", "en")


def test_english_is_the_preferred_language_in_between():
    models = loaded(("de", "cs"), ("cs", "fr"), ("de", "en"), ("en", "fr"))
    assert pairs(models, "de", "fr") == [("de", "en"), ("en", "fr")]


def test_what_a_language_leads_to_and_comes_from():
    models = loaded(("en", "fr"), ("fr", "de"))
    assert models.languages == ["de", "en", "fr"]
    assert models.targets("en") == ["de", "en", "fr"]
    assert models.targets("de") == ["de"]
    assert models.sources("de") == ["en", "fr"]


def test_languages_are_known_in_any_case():
    models = loaded(("en", "fr"), ("en", "pt-BR"))
    assert models.language("PT-br") == "pt-BR"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("xx", "'xx' is not supported; served are en, fr"),
        ("", "'' is not supported"),
        ("x" * 1000, f"'{'x' * 20}' is"),
        ("a\nb", r"'a\\nb' is"),
    ],
)
def test_a_language_that_is_not_served(code: str, message: str):
    with pytest.raises(UnsupportedLanguageError, match=message) as caught:
        loaded(("en", "fr")).language(code)
    assert "\n" not in str(caught.value)


def test_two_models_for_one_pair_are_refused():
    with pytest.raises(CarouselError, match="two of the models translate en→fr"):
        loaded(("en", "fr"), ("en", "fr"))


def test_a_bundle_that_is_missing_is_one_line():
    with pytest.raises(CarouselError, match="no/such/model"):
        ModelDirectoryLoader(Path("no/such/model"), threads=1).pair()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_a_lazy_model_is_loaded_once_when_it_is_needed():
    models, (needed, other) = models_of(("en", "fr"), ("fr", "en"), lazy=True)

    async def use() -> None:
        await models.load()
        models.check_ready()
        assert (needed.loads, other.loads, models.loaded) == (0, 0, [])
        [served] = models.route("en", "fr")
        first, second = await asyncio.gather(served.get(), served.get())
        assert first is second is served.model
        assert (needed.loads, other.loads) == (1, 0)

    run(use())


def test_a_lazy_model_that_failed_to_load_is_tried_again():
    class Flaky(FakeLoader):
        def load(self) -> FakeTranslator:
            fake = super().load()
            if self.loads == 1:
                raise CarouselError("the disk is on holiday")
            return fake

    async def use() -> None:
        models = ModelRegistry([Flaky(FakeTranslator())], MACHINE, lazy=True)
        await models.load()
        [served] = models.route("en", "fr")
        with pytest.raises(CarouselError, match="holiday"):
            await served.get()
        assert (await served.get()).pair == ("en", "fr")

    run(use())


def test_who_gives_up_waiting_for_a_model_does_not_stop_the_others():
    models, _ = models_of(("en", "fr"), lazy=True)

    async def use() -> None:
        await models.load()
        [served] = models.route("en", "fr")
        impatient = asyncio.create_task(served.get())
        patient = asyncio.create_task(served.get())
        await asyncio.sleep(0)
        impatient.cancel()
        assert (await patient).pair == ("en", "fr")

    run(use())


def test_reload_goes_over_to_new_models_at_once():
    old, new = FakeTranslator(checksum="1"), FakeTranslator(checksum="2")

    async def use() -> None:
        models = ModelRegistry([FakeLoader(old, new)], MACHINE, lazy=False)
        await models.load()
        [before] = models.loaded
        await models.reload()
        [after] = models.loaded
        assert (before.checksum, after.checksum) == ("1", "2")
        assert before.retired
        assert not after.retired

    run(use())


def test_a_reload_that_fails_changes_nothing():
    class Breaking(FakeLoader):
        def load(self) -> FakeTranslator:
            fake = super().load()
            if self.loads == 2:
                raise CarouselError("config.json is damaged")
            return fake

    async def use() -> None:
        models = ModelRegistry(
            [FakeLoader(FakeTranslator()), Breaking(FakeTranslator("fr", "en"))], MACHINE, lazy=False
        )
        await models.load()
        before = models.loaded
        with pytest.raises(CarouselError, match="damaged"):
            await models.reload()
        assert models.loaded == before
        assert not any(model.retired for model in before)

    run(use())


def test_a_reload_of_lazy_models_loads_only_what_was_in_use():
    models, (used, unused) = models_of(("en", "fr"), ("fr", "en"), lazy=True)

    async def use() -> None:
        await models.load()
        await models.route("en", "fr")[0].get()
        await models.reload()
        assert (used.loads, unused.loads) == (2, 0)

    run(use())
