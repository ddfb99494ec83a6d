"""Shares of translation directions in an epoch."""

import pytest

from nmt.config.data import DataConfig, MultilingualDataConfig
from nmt.corpus.mixing import mixture_weights

SIZES = [1000, 1000, 10, 10]  # en-fr, fr-en, en-de, de-en


def multilingual(**settings: object) -> MultilingualDataConfig:
    directions = [
        {"source": "en", "target": "fr", "train": ["a"], "both_ways": True},
        {"source": "en", "target": "de", "train": ["b"], "both_ways": True},
    ]
    return MultilingualDataConfig.model_validate({"directions": directions, **settings})


def test_one_pair_keeps_the_weights_of_its_corpora() -> None:
    train = [{"corpus": "a", "weight": 0.5}, "b"]
    data = DataConfig.model_validate({"source": "en", "target": "fr", "train": train})
    assert mixture_weights(data, [10, 1000]) == [0.5, 1.0]


def test_temperature_1_uses_each_pair_once() -> None:
    assert mixture_weights(multilingual(), SIZES) == [1.0] * 4


def test_temperature_2_takes_the_square_root_of_the_sizes() -> None:
    weights = mixture_weights(multilingual(temperature=2), SIZES)
    used = [weight * size for weight, size in zip(weights, SIZES, strict=True)]
    assert used[0] / used[2] == pytest.approx(10)
    assert used[0] == pytest.approx(used[1])
    assert sum(used) == pytest.approx(sum(SIZES))


def test_high_temperature_makes_directions_equal() -> None:
    weights = mixture_weights(multilingual(temperature=100), SIZES)
    used = [weight * size for weight, size in zip(weights, SIZES, strict=True)]
    assert max(used) / min(used) < 1.05


@pytest.mark.parametrize("temperature", [1, 3])
def test_weights_of_directions_and_corpora_multiply(temperature: float) -> None:
    settings = {"temperature": temperature}
    data = MultilingualDataConfig.model_validate(
        {
            "directions": [
                {"source": "en", "target": "fr", "train": [{"corpus": "a", "weight": 3}, "b"], "weight": 2},
                {"source": "fr", "target": "en", "train": ["c"]},
            ],
            **settings,
        }
    )
    first, second, other = mixture_weights(data, [100, 300, 600])
    assert first / second == pytest.approx(3)
    assert (first * 100 + second * 300) / (other * 600) == pytest.approx(2)  # both directions have 600 weighted pairs
