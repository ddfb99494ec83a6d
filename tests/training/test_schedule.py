"""Learning-rate schedules, compared with their formulas."""

import math

import pytest

from nmt.config.training import TrainingConfig
from nmt.training.schedule import compute_learning_rate

BASE = {"max_updates": 1000, "batch_tokens": 1, "validate_every": 1, "checkpoint_every": 1, "learning_rate": 0.01}


def test_warm_up_is_linear_and_reaches_the_peak() -> None:
    config = TrainingConfig(**BASE, warmup=100)
    assert compute_learning_rate(config, 0) == pytest.approx(0.01 / 100)
    assert compute_learning_rate(config, 49) == pytest.approx(0.005)
    assert compute_learning_rate(config, 99) == pytest.approx(0.01)


def test_cosine_decay() -> None:
    config = TrainingConfig(**BASE, warmup=100)
    halfway = 0.01 * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi / 2)))
    assert compute_learning_rate(config, 550) == pytest.approx(halfway)
    assert compute_learning_rate(config, 1000) == pytest.approx(0.0001)
    assert compute_learning_rate(config, 5000) == pytest.approx(0.0001)


def test_inverse_square_root_decay() -> None:
    config = TrainingConfig(**BASE, warmup=100, schedule="inverse_sqrt")
    assert compute_learning_rate(config, 399) == pytest.approx(0.005)


def test_constant_rate_without_warm_up() -> None:
    config = TrainingConfig(**BASE, warmup=0, schedule="constant")
    assert {compute_learning_rate(config, update) for update in (0, 500, 5000)} == {0.01}
