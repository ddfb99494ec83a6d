"""One sentence and its translation, with everything inside the network that leads from one to the other.

S source length, T target length, each with end of sentence; H heads; N nodes of the search.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from nmt.corpus.tokenizer import BOS, EOS, UNK
from nmt.engine.torch_engine import TorchEngine, load_network
from nmt.lab.inspect import beam_tree as trees
from nmt.lab.inspect.activations import trace
from nmt.lab.inspect.beam_tree import Tree
from nmt.lab.inspect.inspection import Inspection, layers_of, without_piece
from nmt.model.seq2seq import Seq2Seq
from nmt.model_directory import directory as bundles
from nmt.model_directory.directory import ModelDirectory
from nmt.text.normalisation import is_translatable, normalise
from nmt.utils.arrays import Float32Array
from nmt.utils.errors import UsageError


class Model(NamedTuple):
    """A bundle and its network."""

    bundle: ModelDirectory
    network: Seq2Seq
    """In evaluation mode, on the CPU."""


@dataclass(frozen=True)
class TranslationInspection(Inspection):
    """A sentence, its translation, and the way between; ``text`` is the sentence, ``written`` the translation."""

    bundle: ModelDirectory
    translation: str
    forced: bool
    """Whether the translation was given instead of searched."""
    source: list[str]
    """S pieces, as SentencePiece writes them, end of sentence last."""
    spans: tuple[list[tuple[int, int]], list[tuple[int, int]]]
    """Of the source's and the translation's pieces in their texts, end of sentence left out: code points, half-open."""
    attention: list[Float32Array]
    """[H, T, S]: the weights with which each piece was written, of each layer that attends; none without attention."""
    tree: Tree | None
    """The search; None where the translation was given."""
    unread: str
    """The characters of the sentence that the model has no piece for, named; empty if it has one for each."""
    tree_pieces: list[str]
    """[N]: the piece of each node of the tree."""

    @property
    def summary(self) -> str:
        """See `Inspection.summary`."""
        return f"{self.translation}   {super().summary}"

    @property
    def note(self) -> str:
        """See `Inspection.note`."""
        return self.unread and f"TEXT: the model has no piece for {self.unread}, which it reads as <unk>"

    def texts(self) -> dict[str, str]:
        """See `Inspection.texts`."""
        return {**super().texts(), "translation": self.translation}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """See `Inspection.arrays`; also ``attention.1`` [H, T, S] and ``tree.parents`` [N]…"""
        found = {"source": np.array(self.source), **super().arrays()}
        found |= {f"attention.{number}": weights for number, weights in enumerate(self.attention, start=1)}
        if self.tree is not None:
            found["tree.pieces"] = np.array(self.tree_pieces)
            names = ("tokens", "parents", "steps", "scores", "ranks")
            found |= {f"tree.{name}": getattr(self.tree, name) for name in names}
        return found


def load(path: Path) -> Model:
    """The model of a bundle or run directory. Raises CarouselError where it has no weights for torch."""
    bundle = bundles.read(path)
    return Model(bundle, load_network(bundle))


def inspect(model: Model, text: str, target: str | None = None, beam: int | None = None) -> TranslationInspection:
    """Translate a sentence, or take ``target`` for its translation, and look inside.

    The sentence is taken as a whole, however long, and searched over the whole vocabulary; ``beam`` is the model's own
    unless given. What the model has no piece for is read as unknown, as `nmt translate` does. Raises UsageError for a
    sentence that holds nothing to translate, and for a target that is empty or that the model can't write.
    """
    bundle, network = model
    clean = normalise(text)
    if not is_translatable(clean):
        raise UsageError("TEXT: holds neither letter nor digit; give some text")
    source = bundle.tokenizer.source.encode(clean)
    tree: Tree | None = None
    if target is None:
        engine = TorchEngine(network, slots=1, beam=beam or bundle.card.search.beam)
        hypotheses, tree = trees.search(engine, source.ids, bundle.decoding_options)
        written = bundle.tokenizer.target.decode(hypotheses[0].tokens)
    else:
        written = bundle.tokenizer.target.encode(normalise(target))
        if not written.ids:
            raise UsageError("--target: is empty; give a translation, or leave it out to see the model's own")
        if UNK in written.ids:
            raise UsageError(f"--target: {target!r}: the model can't write all of its characters; leave them out")
    ids = torch.tensor([[BOS, *written.ids]])
    traces = trace(network, torch.tensor([[*source.ids, EOS]]), torch.tensor([len(source.ids) + 1]), ids)
    logits = (traces.decoded[0] @ network.output.detach().T).float()
    scores = logits.log_softmax(dim=-1)[torch.arange(ids.shape[1]), torch.tensor([*written.ids, EOS])]
    return TranslationInspection(
        bundle=bundle,
        text=clean,
        translation=written.text,
        forced=target is not None,
        source=bundle.tokenizer.source.ids_to_pieces([*source.ids, EOS]),
        read=bundle.tokenizer.target.ids_to_pieces([BOS, *written.ids]),
        written=bundle.tokenizer.target.ids_to_pieces([*written.ids, EOS]),
        unread=without_piece(source),
        spans=(source.spans, written.spans),
        scores=scores.numpy(),
        layers=layers_of([traces.layers]),
        attention=[weights[0].float().numpy() for weights in traces.attention],
        tree=tree,
        tree_pieces=[] if tree is None else bundle.tokenizer.target.ids_to_pieces(tree.tokens.tolist()),
    )
