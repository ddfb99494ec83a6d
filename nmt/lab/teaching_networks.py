"""Small recurrent networks for the page that explains the LSTM, trained with fixed seeds and written as JSON.

    python -m nmt.lab.teaching_networks serve/static/learn/networks data/demo-en-fr/train.en

Each network is an LSTM that reads single characters and predicts the next one. Its weights are rounded to three
decimals, so that a file has at most some tens of kilobytes; the page computes the network in JavaScript.

Shapes: B texts, T characters, V symbols, D width.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

START = "^"
"""Symbol that begins every text."""
_DECIMALS = 3

Sampler = Callable[[random.Random], tuple[str, int]]
"""Function that draws a text, and the position of the first symbol that the network has to predict."""


class TeachingNetwork(nn.Module):
    """An LSTM over one-hot characters with a linear output layer."""

    def __init__(self, symbols: str, width: int) -> None:
        super().__init__()
        self.symbols = symbols
        self.lstm = nn.LSTM(len(symbols), width, batch_first=True)
        self.output = nn.Linear(width, len(symbols))
        for name, parameter in self.lstm.named_parameters():
            if name.startswith("bias_ih"):
                nn.init.constant_(parameter.detach().chunk(4)[1], 1.0)  # of the forget gates

    def encode(self, text: str) -> Tensor:
        """Return the symbol ids of a text, which must have no other characters."""
        return torch.tensor([self.symbols.index(character) for character in text])

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits [B, T, V] of the next symbols for ids [B, T]."""
        outputs, _ = self.lstm(nn.functional.one_hot(ids, len(self.symbols)).float())
        logits: Tensor = self.output(outputs)
        return logits


@dataclass(frozen=True)
class Task:
    """What a network is trained on."""

    symbols: str
    width: int
    sample: Sampler
    updates: int
    learning_rate: float = 1e-2
    batch: int = 32
    seed: int = 1


def train_network(task: Task) -> TeachingNetwork:
    """Train a network; equal tasks give equal networks on one machine."""
    torch.manual_seed(task.seed)
    draws = random.Random(task.seed)
    network = TeachingNetwork(task.symbols, task.width)
    optimizer = torch.optim.Adam(network.parameters(), lr=task.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, task.updates)
    for _ in range(task.updates):
        inputs, targets = _make_batch(network, [task.sample(draws) for _ in range(task.batch)])
        loss = nn.functional.cross_entropy(network(inputs).flatten(0, 1), targets.flatten(), ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return _round_weights(network.eval())


def network_to_json(network: TeachingNetwork, **facts: Any) -> dict[str, Any]:
    """Return the weights for JSON: matrices as lists of rows, in torch's order of the gates, with one bias per gate."""
    arrays = {name: parameter.detach().numpy() for name, parameter in network.named_parameters()}
    weights = {
        "input": arrays["lstm.weight_ih_l0"],
        "recurrent": arrays["lstm.weight_hh_l0"],
        "bias": arrays["lstm.bias_ih_l0"] + arrays["lstm.bias_hh_l0"],
        "output": arrays["output.weight"],
        "outputBias": arrays["output.bias"],
    }
    rounded = {name: np.round(array.astype(np.float64), _DECIMALS).tolist() for name, array in weights.items()}
    return {"symbols": network.symbols, **facts, **rounded}


@torch.inference_mode()
def find_unit(network: TeachingNetwork, texts: Sequence[str], signals: Sequence[Sequence[float]]) -> int:
    """Return the unit whose memory cell correlates most with a signal over texts, which has a value per character."""
    width, cells = network.lstm.hidden_size, []
    for text in texts:
        state = torch.zeros(1, width), torch.zeros(1, width)
        for symbol in nn.functional.one_hot(network.encode(text), len(network.symbols)).float():
            _, state = network.lstm(symbol.unsqueeze(0), state)
            cells.append(state[1][0].numpy())
    values = np.concatenate([np.asarray(signal) for signal in signals])
    columns = np.array(cells).T
    return int(np.argmax([abs(np.corrcoef(column, values)[0, 1]) if column.std() > 0 else 0.0 for column in columns]))


def counting_task() -> Task:
    """Return the task of writing as many b as a were read, up to ten in training, and then the end."""

    def sample(draws: random.Random) -> tuple[str, int]:
        count = draws.randint(1, 10)
        return f"{START}{'a' * count}{'b' * count}$", count + 2

    return Task(symbols=f"{START}ab$", width=4, sample=sample, updates=3000)


def remembering_task() -> Task:
    """Return the task of naming the first symbol after up to 40 symbols of noise."""

    def sample(draws: random.Random) -> tuple[str, int]:
        symbol, noise = draws.choice("PQRS"), "".join(draws.choices("uvw", k=draws.randint(0, 40)))
        text = f"{START}{symbol}{noise}?{symbol}"
        return text, len(text) - 1

    return Task(symbols=f"{START}PQRSuvw?", width=6, sample=sample, updates=3000)


def sentence_task(lines: Sequence[str]) -> Task:
    """Return the task of predicting the next character of English sentences in lower case."""
    texts = [line.strip().lower() for line in lines]
    letters = "".join(sorted({character for text in texts for character in text}))

    def sample(draws: random.Random) -> tuple[str, int]:
        return f"{START}{draws.choice(texts)}$", 1

    return Task(symbols=f"{START}$ " + letters.replace(" ", ""), width=32, sample=sample, updates=1500)


def write_networks(folder: Path, sentences: Path) -> None:
    """Train all networks and write them to a folder; ``sentences`` is a text file with a sentence per line."""
    torch.set_num_threads(1)
    counting, remembering = train_network(counting_task()), train_network(remembering_task())
    lines = sentences.read_text(encoding="utf-8").splitlines()
    reading = train_network(sentence_task(lines))
    counted = [f"{START}{'a' * count}" for count in range(1, 11)]
    counter = find_unit(counting, counted, [range(len(text)) for text in counted])
    remembered = [f"{START}{symbol}{'uvwvu' * 4}" for symbol in "PQRS"]
    is_first_pair = [[0.0] + [float(text[1] in "PQ")] * (len(text) - 1) for text in remembered]
    keeper = find_unit(remembering, remembered, is_first_pair)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("counting", network_to_json(counting, unit=counter)),
        ("remembering", network_to_json(remembering, unit=keeper)),
        ("sentences", network_to_json(reading, unit=0)),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def _make_batch(network: TeachingNetwork, samples: Sequence[tuple[str, int]]) -> tuple[Tensor, Tensor]:
    """Return input ids and target ids [B, T] of texts; targets are -1 where nothing has to be predicted."""
    longest = max(len(text) for text, _ in samples) - 1
    inputs, targets = torch.zeros(len(samples), longest, dtype=torch.long), torch.full((len(samples), longest), -1)
    for row, (text, first) in enumerate(samples):
        ids = network.encode(text)
        inputs[row, : len(ids) - 1] = ids[:-1]
        targets[row, first - 1 : len(ids) - 1] = ids[first:]
    return inputs, targets


def _round_weights(network: TeachingNetwork) -> TeachingNetwork:
    """Round the weights in place as they are written."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.round(parameter, decimals=_DECIMALS))
    return network


if __name__ == "__main__":
    write_networks(Path(sys.argv[1]), Path(sys.argv[2]))
