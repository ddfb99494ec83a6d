"""Training speed of the default network, side by side with recurrent-attention decoders.

    python benchmarks/training.py                  # on the GPU if there is one, else on the CPU
    python benchmarks/training.py --device cpu --threads 2

Networks of the same width train on the same batches in turn, so that a machine whose speed drifts affects all of them
alike:

    blocks          Carousel's default network
    input feeding   the classic decoder of Carousel (`model.input_feeding: true`)
    plain           the classic decoder in a textbook implementation: LSTM cells in a loop over steps, logits of all
                    steps, torch's own dropout and cross-entropy (Luong et al. 2015)
    JoeyNMT         the recurrent model of this toolkit, if it is installed (pip install joeynmt); on a CPU in fp32
                    only, like its training

The time of a batch covers the forward pass, the backward pass, clipping and AdamW. Tokens are target tokens without
padding.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch, collate_batch, plan_epoch_batches
from nmt.corpus.tokenizer import BOS, EOS, FIRST_TEXT_ID, PAD, UNK
from nmt.model.attention import DotAttention
from nmt.model.encoder import Encoder
from nmt.model.layers import ScaledEmbedding
from nmt.model.seq2seq import build_network
from nmt.training.translation_dev_set import make_translation_batch

SMOOTHING, DROPOUT = 0.1, 0.3


class PlainInputFeeding(nn.Module):
    """Carousel's encoder with a textbook implementation of the input-feeding decoder."""

    def __init__(self, config: ModelConfig, vocabulary: int) -> None:
        super().__init__()
        width = config.width
        self.embedding = ScaledEmbedding(vocabulary, width)
        self.encoder = Encoder(config, self.embedding)
        self.cells = nn.ModuleList(
            nn.LSTMCell(2 * width if layer == 0 else width, width) for layer in range(config.decoder_layers)
        )
        self.attention = DotAttention(width)
        self.combine = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(DROPOUT)

    def loss(self, source: Tensor, lengths: Tensor, target_in: Tensor, target_out: Tensor) -> Tensor:
        """Return the summed label-smoothed cross-entropy of ids [B, S] and [B, T]."""
        encoded = self.encoder(source, lengths)
        keys = self.attention.project_memory(encoded.memory)
        states = [encoded.states[min(layer, len(encoded.states) - 1)] for layer in range(len(self.cells))]
        feed = torch.zeros_like(states[0][0])
        logits = []
        for x in self.dropout(self.embedding(target_in)).unbind(1):
            y = torch.cat((x, feed), dim=-1)
            for layer, cell in enumerate(self.cells):
                states[layer] = cell(y, states[layer])
                y = self.dropout(states[layer][0])
            context, _ = self.attention(y.unsqueeze(1), keys, encoded.mask)
            feed = torch.tanh(self.combine(torch.cat((context.squeeze(1), y), dim=-1)))
            logits.append(self.dropout(feed) @ self.embedding.weight.T)
        flat = torch.stack(logits, dim=1).flatten(0, 1).float()
        return nn.functional.cross_entropy(
            flat, target_out.flatten(), ignore_index=PAD, reduction="sum", label_smoothing=SMOOTHING
        )


class JoeyNMT(nn.Module):
    """JoeyNMT's recurrent model with the same size, input feeding, and one embedding table for both languages."""

    def __init__(self, config: ModelConfig, vocabulary: int) -> None:
        """Build the model; raise ModuleNotFoundError if JoeyNMT is not installed."""
        from joeynmt.model import build_model

        super().__init__()
        width = config.width
        embeddings = {"embedding_dim": width, "dropout": DROPOUT}
        joey_vocabulary = JoeyVocabulary(vocabulary)
        encoder = {"type": "recurrent", "rnn_type": "lstm", "hidden_size": width // 2, "bidirectional": True}
        decoder = {
            "type": "recurrent", "rnn_type": "lstm", "hidden_size": width, "input_feeding": True,
            "attention": "luong", "init_hidden": "bridge", "hidden_dropout": DROPOUT,
        }  # fmt: skip
        common = {"num_layers": config.encoder_layers, "dropout": DROPOUT, "embeddings": embeddings}
        settings = {"encoder": encoder | common, "decoder": decoder | common}
        self.model = build_model(
            settings | {"tied_embeddings": True, "tied_softmax": True}, joey_vocabulary, joey_vocabulary
        )
        self.model.loss_function = ("crossentropy", SMOOTHING)

    def loss(self, source: Tensor, lengths: Tensor, target_in: Tensor, target_out: Tensor) -> Tensor:
        """Return the summed label-smoothed cross-entropy of ids [B, S] and [B, T]."""
        order = lengths.argsort(descending=True)  # JoeyNMT expects sorted batches
        source, lengths, target_in, target_out = (x[order] for x in (source, lengths, target_in, target_out))
        masks = {"src_mask": (source != PAD).unsqueeze(1), "trg_mask": (target_in != PAD).unsqueeze(1)}
        batch = {"src": source, "src_length": lengths, "trg_input": target_in, "trg": target_out}
        loss: Tensor = self.model("loss", **batch, **masks)[0]
        return loss


class JoeyVocabulary:
    """The attributes of a vocabulary that JoeyNMT reads."""

    pad_index, bos_index, eos_index, sep_index, unk_index = PAD, BOS, EOS, None, UNK
    specials: tuple[str, ...] = ()
    lang_tags: tuple[str, ...] = ()

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


def random_batches(count: int, batch_tokens: int, vocabulary: int) -> list[Batch]:
    """Return batches of random tokens, with the sentence lengths of a caption corpus (12 ± 4 words, 14 tokens)."""
    random = np.random.default_rng(1)
    sources = np.clip(random.normal(14, 4.5, size=20_000), 3, 60).astype(np.int64)
    targets = np.clip(sources * random.normal(1.05, 0.15, size=len(sources)), 3, 80).astype(np.int64)
    plan = plan_epoch_batches(sources, targets, np.arange(len(sources)), batch_tokens, seed=1, epoch=0)

    def ids(lengths: np.ndarray) -> list[np.ndarray]:
        return [random.integers(FIRST_TEXT_ID, vocabulary, size=n, dtype=np.int32) for n in lengths]

    return [
        collate_batch(RaggedArray.from_lists(ids(sources[rows])), RaggedArray.from_lists(ids(targets[rows])))
        for rows in itertools.islice(plan, count)
    ]


def timed_update(network: nn.Module, device: torch.device, precision: str) -> Callable[[Batch], float]:
    """Return a function that trains the network on a batch and returns the seconds that it took."""
    network.to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def update(batch: Batch) -> float:
        synchronise(device)
        start = time.perf_counter()
        inputs = make_translation_batch(batch, device)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
            if isinstance(network, PlainInputFeeding | JoeyNMT):
                target_out = torch.from_numpy(batch.target_out).to(device)
                loss = network.loss(inputs.source, inputs.lengths, inputs.target_in, target_out)
            else:
                loss = network.loss(inputs, SMOOTHING).objective
        (loss / batch.num_target_tokens).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        synchronise(device)
        return time.perf_counter() - start

    return update


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def argument_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser for the options of device, network and batches."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--vocabulary", type=int, default=8000)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--batches", type=int, default=12)
    return parser


def network_config(options: argparse.Namespace) -> ModelConfig:
    """Return the configuration of the default network in the size that the options give."""
    return ModelConfig(
        width=options.width, encoder_layers=options.layers, decoder_layers=options.layers, dropout=DROPOUT
    )


def main() -> None:
    """Run the benchmark and print the table."""
    options = argument_parser(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    config = network_config(options)
    feeding = config.model_copy(update={"input_feeding": True, "attention": "dot"})
    warm_up, *measured = random_batches(options.batches + 1, options.batch_tokens, options.vocabulary)
    tokens = [batch.num_target_tokens for batch in measured]
    print(
        f"{device}, {options.threads} threads, torch {torch.__version__}; width {options.width}, "
        f"{options.layers}+{options.layers} layers, vocabulary {options.vocabulary}, "
        f"{len(measured)} batches of {statistics.mean(tokens):.0f} target tokens"
    )
    print(f"{'precision':10}{'network':15}{'parameters':>11}{'tokens/s':>10}{'over plain':>12}")
    for precision in ("fp32", "bf16"):
        networks = {
            "blocks": build_network(config, options.vocabulary, options.vocabulary, True, seed=1),
            "input feeding": build_network(feeding, options.vocabulary, options.vocabulary, True, seed=1),
            "plain": PlainInputFeeding(config, options.vocabulary),
        }
        if precision == "fp32" or device.type == "cuda":
            with suppress(ModuleNotFoundError):
                networks["JoeyNMT"] = JoeyNMT(config, options.vocabulary)
        updates = {name: timed_update(network, device, precision) for name, network in networks.items()}
        for update in updates.values():
            for _ in range(2):
                update(warm_up)
        seconds = {name: [] for name in networks}
        for batch in measured:
            for name, update in updates.items():
                seconds[name].append(update(batch))
        for name, network in networks.items():
            size = sum(p.numel() for p in network.parameters()) / 1e6
            speed = sum(tokens) / sum(seconds[name])
            ratio = statistics.median(p / s for p, s in zip(seconds["plain"], seconds[name], strict=True))
            print(f"{precision:10}{name:15}{size:10.1f}M{speed:10.0f}{ratio:11.2f}x", flush=True)


if __name__ == "__main__":
    main()
