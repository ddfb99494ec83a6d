"""Training of the networks for the page that explains the LSTM."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from nmt.lab.teaching_networks import (
    Task,
    counting_task,
    find_unit,
    network_to_json,
    remembering_task,
    sentence_task,
    train_network,
)

TASKS = [counting_task(), remembering_task(), sentence_task(["The cat sleeps.", "A dog runs!"])]


@pytest.mark.parametrize("task", TASKS)
def test_texts_consist_of_known_symbols_and_training_is_reproducible(task: Task) -> None:
    draws = random.Random(3)
    for text, first in (task.sample(draws) for _ in range(50)):
        assert set(text) <= set(task.symbols)
        assert 1 <= first < len(text)
    short = replace(task, updates=3, batch=4)
    first_run, second_run = (network_to_json(train_network(short), unit=0) for _ in range(2))
    assert first_run == second_run
    assert len(first_run["recurrent"]) == 4 * task.width
    assert len(first_run["input"][0]) == len(first_run["output"]) == len(task.symbols)


def test_training_lowers_the_loss() -> None:
    task = counting_task()
    text, first = f"^{'a' * 5}{'b' * 5}$", 7

    def loss(updates: int) -> float:
        network = train_network(replace(task, updates=updates))
        ids = network.encode(text)
        with torch.inference_mode():
            logits = network(ids[None, :-1])[0, first - 1 :]
        return float(torch.nn.functional.cross_entropy(logits, ids[first:]))

    assert loss(150) < 0.7 * loss(1)


def test_the_unit_with_the_highest_correlation_is_found() -> None:
    network = train_network(replace(counting_task(), updates=1))
    with torch.no_grad():
        for parameter in network.lstm.parameters():
            parameter.view(4, 4, *parameter.shape[1:])[:, 2] = 0.0
        bias = network.lstm.bias_ih_l0.view(4, 4)
        bias[:, 2] = torch.tensor([9.0, 9.0, 9.0, 0.0])  # unit 2 adds 1 at every step
    text = "^aaaaaaaa"
    assert find_unit(network, [text], [range(len(text))]) == 2
