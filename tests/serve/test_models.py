import asyncio
from pathlib import Path

import pytest
from fake_translator import FakeTranslator

from nmt.errors import CarouselError
from serve.models import Models, NoSuchModelError, NotReadyError, load_warm, loader


def loaded(*pairs: tuple[str, str]) -> Models:
    models = Models([lambda pair=pair: FakeTranslator(*pair) for pair in pairs], queue_limit=10)
    asyncio.run(models.load())
    return models


def test_warming_translates_with_and_without_alternatives():
    fake = FakeTranslator()
    assert load_warm(lambda: fake) is fake
    assert [alternatives for _, alternatives in fake.calls] == [0, 1]


def test_ready_only_between_load_and_close():
    models = Models([FakeTranslator], queue_limit=10)
    with pytest.raises(NotReadyError, match="loading"):
        models.check_ready()
    asyncio.run(models.load())
    models.check_ready()
    models.close()
    with pytest.raises(NotReadyError, match="shutting down"):
        models.find("en", "fr")


def test_closing_while_loading_is_not_undone_by_the_end_of_loading():
    models = Models([FakeTranslator], queue_limit=10)
    models.close()
    asyncio.run(models.load())
    with pytest.raises(NotReadyError, match="shutting down"):
        models.check_ready()
    models.close()


def test_find():
    models = loaded(("en", "fr"), ("en", "pt-BR"))
    assert models.find("en", "fr") is not models.find("en", "pt-BR")
    assert models.find("EN", "pt-br") is models.find("en", "pt-BR")
    assert models.find("fr", "FR") is None
    models.close()


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("xx", "fr", "'xx' is not supported; served are en, fr"),
        ("en", "", "'' is not supported"),
        ("fr", "en", "fr→en is not supported; served are en→fr"),
        ("x" * 1000, "fr", f"'{'x' * 20}' is"),
        ("a\nb", "fr", r"'a\\nb' is"),
    ],
)
def test_what_is_not_served(source: str, target: str, message: str):
    models = loaded(("en", "fr"))
    with pytest.raises(NoSuchModelError, match=message) as caught:
        models.find(source, target)
    assert "\n" not in str(caught.value)
    models.close()


def test_auto_only_where_there_is_no_choice():
    models = loaded(("en", "fr"), ("en", "de"))
    assert models.only_source() == "en"
    models.close()
    models = loaded(("en", "fr"), ("fr", "en"))
    with pytest.raises(NoSuchModelError, match="name the source language, one of en, fr"):
        models.only_source()
    models.close()


def test_two_models_for_one_pair_are_refused():
    with pytest.raises(CarouselError, match="two of the models translate en→fr"):
        loaded(("en", "fr"), ("en", "fr"))


def test_a_loader_does_nothing_before_it_is_called():
    load = loader(Path("no/such/model"), threads=1)
    with pytest.raises((CarouselError, ImportError)):
        load()
