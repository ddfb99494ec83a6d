"""Choice of directions and pivot languages from a model card."""

from __future__ import annotations

import pytest

from nmt.config.model import ModelConfig
from nmt.config.schema import SearchConfig
from nmt.inference.directions import AvailableDirections, choose_direction, find_route, find_sources
from nmt.model_directory.card import DirectionCard, ModelCard, UntrainedDirectionCard
from nmt.utils.errors import UsageError


def make_card(
    *pairs: str, languages: tuple[str, ...] = (), measured: tuple[UntrainedDirectionCard, ...] = ()
) -> ModelCard:
    directions = [
        DirectionCard(source=pair[:2], target=pair[3:], longest_source=10 + n, longest_ratio=2)
        for n, pair in enumerate(pairs)
    ]
    named = [code for direction in directions for code in (direction.source, direction.target)]
    return ModelCard(
        source_language=directions[0].source,
        target_language=directions[0].target,
        source_vocabulary=100,
        target_vocabulary=100,
        longest_source=50,
        longest_ratio=3,
        model=ModelConfig(),
        search=SearchConfig(),
        languages=list(dict.fromkeys([*named, *languages])) if len(pairs) > 1 else [],
        directions=directions if len(pairs) > 1 else [],
        untrained_directions=list(measured),
    )


def measure(pair: str, zero_shot: float | None, pivot: float | None) -> UntrainedDirectionCard:
    scores = [{} if bleu is None else {"dev": {"bleu": {"score": bleu}}} for bleu in (zero_shot, pivot)]
    return UntrainedDirectionCard(source=pair[:2], target=pair[3:], zero_shot=scores[0], pivot=scores[1])


BILINGUAL = make_card("en-fr")
HUB = make_card("en-de", "de-en", "en-fr", "fr-en", "en-ja")


def route(card: ModelCard, source: str, target: str) -> list[str]:
    return [step.name for step in find_route(card, source, target)]


def test_a_model_of_one_pair_needs_no_languages() -> None:
    assert choose_direction(BILINGUAL, None, None) == ("en", "fr")
    assert choose_direction(BILINGUAL, None, "fr") == ("en", "fr")
    assert route(BILINGUAL, "en", "fr") == ["en-fr"]


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [(None, "de", ("en", "de")), ("fr", None, ("fr", "en")), (None, "ja", ("en", "ja")), ("de", "fr", ("de", "fr"))],
)
def test_one_language_may_determine_the_other(
    source: str | None, target: str | None, expected: tuple[str, str]
) -> None:
    assert choose_direction(HUB, source, target) == expected


def test_synthetic_tasks_translate_between_equal_languages() -> None:
    task = make_card("zz-zz")
    assert choose_direction(task, None, None) == ("zz", "zz")
    assert route(task, "zz", "zz") == ["zz-zz"]
    for language in ("en", "de"):  # neither zero-shot nor through another language and back
        with pytest.raises(UsageError, match=f"^{language}→{language}: the model does not translate this"):
            find_route(HUB, language, language)


def test_ambiguous_and_impossible_directions_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^source, target: several directions are possible; choose one of de→en, "):
        choose_direction(HUB, None, None)
    with pytest.raises(UsageError, match=r"^source: several directions are possible; choose one of de→en, fr→en$"):
        choose_direction(HUB, None, "en")
    with pytest.raises(UsageError, match=r"^source: the model does not translate from 'ja'; choose one of de, en, fr$"):
        choose_direction(HUB, "ja", None)
    with pytest.raises(UsageError, match=r"^target: the model does not translate into 'xx'; choose one of de, en, fr"):
        choose_direction(HUB, None, "xx")
    with pytest.raises(UsageError, match=r"^target: the model does not translate into 'en'; choose one of fr$"):
        choose_direction(BILINGUAL, None, "en")


def test_a_trained_direction_is_preferred_to_a_pivot_and_a_pivot_to_zero_shot() -> None:
    assert route(HUB, "en", "de") == ["en-de"]
    assert route(HUB, "de", "fr") == ["de-en", "en-fr"]
    assert route(make_card("en-de", "de-en", "en-fr", "de-fr"), "de", "fr") == ["de-fr"]
    assert route(make_card("en-de", "fr-ja"), "en", "ja") == ["en-ja"]  # there is no pivot language


@pytest.mark.parametrize(
    ("zero_shot", "pivot", "expected"),
    [
        (21.0, 20.5, ["de-fr"]),
        (20.5, 21.0, ["de-en", "en-fr"]),
        (20.5, 20.5, ["de-en", "en-fr"]),
        (20.5, None, ["de-fr"]),
        (None, 20.5, ["de-en", "en-fr"]),
        (None, None, ["de-en", "en-fr"]),
    ],
)
def test_zero_shot_translation_is_preferred_to_a_pivot_if_it_scored_better_on_dev(
    zero_shot: float | None, pivot: float | None, expected: list[str]
) -> None:
    card = make_card("en-de", "de-en", "en-fr", "fr-en", measured=(measure("de-fr", zero_shot, pivot),))
    assert route(card, "de", "fr") == expected
    assert route(card, "fr", "de") == ["fr-en", "en-de"]  # it was not measured


def test_scores_do_not_replace_a_trained_direction() -> None:
    card = make_card("en-de", "de-en", "en-fr", "de-fr", measured=(measure("de-fr", 90, 1),))
    assert route(card, "de", "fr") == ["de-fr"]
    assert AvailableDirections.of_model(card).better_zero_shot == frozenset()


def test_directions_of_several_models() -> None:
    hub, other = (AvailableDirections.of_model(make_card(*pairs)) for pairs in (("en-de", "fr-ja"), ("en-ja", "ja-cs")))
    both = AvailableDirections.merge([hub, other, AvailableDirections.of_model(BILINGUAL)])
    assert ("en", "ja") in hub.zero_shot
    assert both.find_route("en", "ja") == [("en", "ja")]  # another model was trained on it
    assert both.zero_shot == {("fr", "de"), ("en", "cs")}
    assert both.find_route("en", "cs") == [("en", "ja"), ("ja", "cs")]
    assert both.find_route("fr", "cs") == [("fr", "ja"), ("ja", "cs")]  # through a language of both models
    assert both.find_route("fr", "de") == [("fr", "de")]
    assert both.find_route("de", "en") is None  # no model reads German


@pytest.mark.parametrize(
    ("card", "target", "expected"),
    [
        (BILINGUAL, "fr", ["en"]),
        (BILINGUAL, "en", []),
        (HUB, "de", ["en", "fr"]),
        (HUB, "en", ["de", "fr"]),
        (HUB, "ja", ["en", "de", "fr"]),
        (make_card("fr-de", "en-fr", "en-de"), "de", ["en", "fr"]),
    ],
)
def test_sources_are_all_languages_with_trained_directions_to_the_target(
    card: ModelCard, target: str, expected: list[str]
) -> None:
    sources = find_sources(card, target)
    assert sources == expected
    trained = {each.name for each in card.trained_directions}
    assert all(step in trained for source in sources for step in route(card, source, target))


def test_english_is_the_preferred_pivot() -> None:
    assert route(make_card("aa-bb", "bb-cc", "aa-en", "en-cc"), "aa", "cc") == ["aa-en", "en-cc"]


def test_zero_shot_directions_have_the_widest_limits() -> None:
    [direction] = find_route(make_card("en-de", "fr-ja"), "en", "ja")
    assert (direction.longest_source, direction.longest_ratio, direction.confidence) == (50, 3, None)


def test_a_language_that_the_network_has_never_read_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^ja→de: the model does not translate this; choose one of "):
        find_route(HUB, "ja", "de")


@pytest.mark.parametrize(("source", "target"), [("en", "xx"), ("xx", "en"), ("en", "en")])
def test_unknown_languages_are_refused(source: str, target: str) -> None:
    for card in (BILINGUAL, HUB):
        with pytest.raises(UsageError, match=f"^{source}→{target}: the model does not translate this; choose one of "):
            find_route(card, source, target)


CHINESE = make_card("en-zh", "zh-en", "en-ja")


def test_codes_of_chinese_name_the_direction() -> None:
    assert choose_direction(CHINESE, None, "zt") == ("en", "zh-Hant")
    assert choose_direction(CHINESE, "zh-TW", None) == ("zh-Hant", "en")
    assert choose_direction(CHINESE, "EN", "zh-cn") == ("en", "zh-Hans")
    assert route(CHINESE, "en", "zh-Hant") == ["en-zh"]
    assert route(CHINESE, "zt", "ja") == ["zh-en", "en-ja"]
    assert find_sources(CHINESE, "zh-Hant") == ["en"]
    with pytest.raises(UsageError, match=r"^zh→zh-Hant: the model does not translate this"):
        find_route(CHINESE, "zh", "zh-Hant")
