"""One sentence and its translation, with everything inside the network that leads from one to the other.

S source length, T target length, each with end of sentence; D width of a direction, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from nmt import bundle as bundles
from nmt.bundle import Bundle
from nmt.corpus.tokenizer import BOS, EOS, UNK, Vocabulary
from nmt.engine.torch_engine import TorchEngine, load_network
from nmt.errors import UsageError
from nmt.inspect import tree as trees
from nmt.inspect.gates import layer_name, trace
from nmt.inspect.tree import Tree
from nmt.model.seq2seq import Seq2Seq
from nmt.search.options import SearchOptions
from nmt.search.protocol import Floats
from nmt.text.normalise import is_translatable, normalise


class Model(NamedTuple):
    """A bundle and its network."""

    bundle: Bundle
    network: Seq2Seq
    """In evaluation mode, on the CPU."""


@dataclass(frozen=True)
class Layer:
    """One direction of one recurrent layer."""

    part: Literal["encoder", "decoder"]
    layer: int
    """From 1 up."""
    direction: Literal["forward", "backward"]
    """In which it reads."""
    values: dict[str, Floats]
    """[S, D] in the encoder, [T, D] in the decoder, after it has read each piece; see `LayerTrace.values`."""

    @property
    def name(self) -> str:
        """See `LayerTrace.name`."""
        return layer_name(self.part, self.layer, self.direction)


@dataclass(frozen=True)
class Inspection:
    """A sentence, its translation, and the way between."""

    bundle: Bundle
    text: str
    """The source, normalised."""
    translation: str
    forced: bool
    """Whether the translation was given instead of searched."""
    source: list[str]
    """S pieces, as SentencePiece writes them, end of sentence last."""
    read: list[str]
    """T pieces that the decoder reads, begin of sentence first."""
    written: list[str]
    """T pieces that it writes, end of sentence last."""
    spans: tuple[list[tuple[int, int]], list[tuple[int, int]]]
    """Of the source's and the translation's pieces in their texts, end of sentence left out: code points, half-open."""
    scores: Floats
    """[T]: the log-probability of each written piece."""
    layers: list[Layer]
    attention: list[Floats]
    """[H, T, S]: the weights with which each piece was written, of each layer that attends; none without attention."""
    tree: Tree | None
    """The search; None where the translation was given."""
    tree_pieces: list[str]
    """[N]: the piece of each node of the tree."""

    @property
    def score(self) -> float:
        """The mean log-probability of the written pieces."""
        return float(self.scores.mean())


def load(path: Path) -> Model:
    """The model of a bundle or run directory. Raises CarouselError where it has no weights for torch."""
    bundle = bundles.read(path)
    return Model(bundle, load_network(bundle))


def inspect(model: Model, text: str, target: str | None = None, beam: int | None = None) -> Inspection:
    """Translate a sentence, or take ``target`` for its translation, and look inside.

    The sentence is taken as a whole, however long, and searched over the whole vocabulary; ``beam`` is the model's own
    unless given. Raises UsageError for texts that the model can't read or write.
    """
    bundle, network = model
    clean = normalise(text)
    if not is_translatable(clean):
        raise UsageError("SENTENCE: holds neither letter nor digit; give some text")
    source = bundle.tokenizer.source.encode(clean)
    tree: Tree | None = None
    if target is None:
        engine = TorchEngine(network, slots=1, beam=beam or bundle.card.search.beam)
        hypotheses, tree = trees.search(engine, source.ids, search_options(bundle))
        written = bundle.tokenizer.target.decode(hypotheses[0].tokens)
    else:
        written = bundle.tokenizer.target.encode(normalise(target))
        if UNK in written.ids:
            raise UsageError(f"{target!r}: the model can't write all of its characters; leave them out")
    ids = torch.tensor([[BOS, *written.ids]])
    traces = trace(network, torch.tensor([[*source.ids, EOS]]), torch.tensor([len(source.ids) + 1]), ids)
    logits = (traces.decoded[0] @ network.output.detach().T).float()
    scores = logits.log_softmax(dim=-1)[torch.arange(ids.shape[1]), torch.tensor([*written.ids, EOS])]
    return Inspection(
        bundle=bundle,
        text=clean,
        translation=written.text,
        forced=target is not None,
        source=_pieces(bundle.tokenizer.source, [*source.ids, EOS]),
        read=_pieces(bundle.tokenizer.target, [BOS, *written.ids]),
        written=_pieces(bundle.tokenizer.target, [*written.ids, EOS]),
        spans=(source.spans, written.spans),
        scores=scores.numpy(),
        layers=[
            Layer(each.part, each.layer, each.direction, {name: v[0].numpy() for name, v in each.values.items()})
            for each in traces.layers
        ],
        attention=[weights[0].float().numpy() for weights in traces.attention],
        tree=tree,
        tree_pieces=[] if tree is None else _pieces(bundle.tokenizer.target, tree.tokens.tolist()),
    )


def search_options(bundle: Bundle) -> SearchOptions:
    """How `nmt translate` searches with that model, the best hypothesis alone."""
    card = bundle.card
    return SearchOptions(
        length_penalty=card.search.length_penalty,
        coverage_penalty=card.search.coverage_penalty,
        length_ratio=card.longest_ratio,
        break_loops=card.search.guards,
    )


def arrays(inspection: Inspection) -> dict[str, np.ndarray[Any, Any]]:
    """Everything as named arrays: ``encoder.1.forward.cell`` [S, D], ``attention.1`` [H, T, S], ``tree.parents``…"""
    found: dict[str, np.ndarray[Any, Any]] = {
        "source": np.array(inspection.source),
        "read": np.array(inspection.read),
        "written": np.array(inspection.written),
        "scores": inspection.scores,
    }
    for each in inspection.layers:
        found |= {f"{each.part}.{each.layer}.{each.direction}.{name}": value for name, value in each.values.items()}
    found |= {f"attention.{number}": weights for number, weights in enumerate(inspection.attention, start=1)}
    if inspection.tree is not None:
        tree = inspection.tree
        found["tree.pieces"] = np.array(inspection.tree_pieces)
        found |= {f"tree.{name}": getattr(tree, name) for name in ("tokens", "parents", "steps", "scores", "ranks")}
    return found


def _pieces(vocabulary: Vocabulary, ids: list[int]) -> list[str]:
    return [vocabulary.piece(number) for number in ids]
