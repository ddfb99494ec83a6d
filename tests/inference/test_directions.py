"""Choice of directions and pivot languages from a model card."""

from __future__ import annotations

import pytest

from nmt.config.model import ModelConfig
from nmt.config.schema import SearchConfig
from nmt.inference.directions import choose_direction, find_route
from nmt.model_directory.card import DirectionCard, ModelCard
from nmt.utils.errors import UsageError


def make_card(*pairs: str, languages: tuple[str, ...] = ()) -> ModelCard:
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
    )


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


def test_ambiguous_and_impossible_directions_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^source, target: several directions are possible; choose one of de→en, "):
        choose_direction(HUB, None, None)
    with pytest.raises(UsageError, match=r"^source: several directions are possible; choose one of de→en, fr→en$"):
        choose_direction(HUB, None, "en")
    with pytest.raises(UsageError, match=r"^target: no direction is possible"):
        choose_direction(HUB, "ja", None)


def test_a_trained_direction_is_preferred_to_a_pivot_and_a_pivot_to_zero_shot() -> None:
    assert route(HUB, "en", "de") == ["en-de"]
    assert route(HUB, "de", "fr") == ["de-en", "en-fr"]
    assert route(HUB, "ja", "de") == ["ja-de"]  # there is no direction from Japanese
    assert route(make_card("en-de", "de-en", "en-fr", "de-fr"), "de", "fr") == ["de-fr"]


def test_english_is_the_preferred_pivot() -> None:
    assert route(make_card("aa-bb", "bb-cc", "aa-en", "en-cc"), "aa", "cc") == ["aa-en", "en-cc"]


def test_zero_shot_directions_have_the_widest_limits() -> None:
    [direction] = find_route(HUB, "ja", "de")
    assert (direction.longest_source, direction.longest_ratio, direction.confidence) == (50, 3, None)


@pytest.mark.parametrize(("source", "target"), [("en", "xx"), ("xx", "en"), ("en", "en")])
def test_unknown_languages_are_refused(source: str, target: str) -> None:
    for card in (BILINGUAL, HUB):
        with pytest.raises(UsageError, match=f"^{source}→{target}: the model does not translate this; choose one of "):
            find_route(card, source, target)
