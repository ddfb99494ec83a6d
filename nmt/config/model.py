"""The ``model`` section of a recipe: the architecture of the network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from nmt.config.base import ConfigSection, Probability
from nmt.config.cells import CELL_TRAITS, CellName

MAX_WIDTH, MAX_LAYERS = 16_384, 64
"""Limits far beyond useful networks, which keep errors in a recipe or model card from taking all memory."""


class ModelConfig(ConfigSection):
    """Architecture of the network."""

    cell: CellName = "lstm"
    """Recurrent cell of encoder and decoder; see `nmt.model.cells`."""
    forget_bias: Annotated[float, Field(ge=-10, le=10)] = 1.0
    """Initial bias of the forget gates. A positive bias keeps the gates open, so that gradients reach distant steps
    from the first update on (Jozefowicz et al. 2015)."""
    design: Literal["blocks", "classic"] = "blocks"
    """Layer design. ``blocks``: each layer has an LSTM, attention (in the decoder) and a feed-forward network, all with
    layer normalisation and a residual connection. ``classic``: each layer is an LSTM; attention follows the decoder's
    last layer."""
    width: Annotated[int, Field(ge=1, le=MAX_WIDTH)] = 512
    """Size of embeddings, recurrent layers and attention."""
    feed_forward: Annotated[int, Field(ge=1, le=4 * MAX_WIDTH)] | None = None
    """Inner size of the feed-forward layers; twice the width by default."""
    encoder_layers: Annotated[int, Field(ge=1, le=MAX_LAYERS)] = 2
    """Number of encoder layers."""
    decoder_layers: Annotated[int, Field(ge=1, le=MAX_LAYERS)] = 2
    """Number of decoder layers."""
    bidirectional_layers: NonNegativeInt | None = None
    """Number of encoder layers, counted from the bottom, that are bidirectional; all by default."""
    residual: bool = False
    """Add residual connections around the LSTMs of the classic design, except the first (Wu et al. 2016)."""
    attention: Literal["none", "dot", "additive", "multihead"] = "multihead"
    """Type of attention."""
    heads: PositiveInt = 8
    """Number of heads of multi-head attention."""
    input_feeding: bool = False
    """Feed the attentional vector of each decoder step into the next step (Luong et al. 2015)."""
    reverse_source: bool = False
    """Read the source sentence backwards (Sutskever et al. 2014)."""
    tie_embeddings: bool = True
    """Share one table between source, target and output embeddings, as far as the vocabularies are shared."""
    dropout: Probability = 0.3
    """Dropout probability."""
    locked_dropout: bool = False
    """Use the same dropout mask at all positions of a sentence (Gal & Ghahramani 2016)."""
    word_dropout: Probability = 0.0
    """Probability of dropping the whole embedding of a source or target token (Sennrich et al. 2016)."""
    weight_drop: Probability = 0.0
    """Dropout probability of the recurrent weights (Merity et al. 2018)."""
    alignment_head: bool = False
    """Take the word alignment from head 0 of the last attention layer alone; set by `training.guided_alignment`."""

    @model_validator(mode="after")
    def _check_consistency(self) -> ModelConfig:
        if self.width % 2:
            raise ValueError("width must be even: each direction of the encoder has half of it")
        if self.attention == "multihead" and self.width % self.heads:
            raise ValueError(f"width {self.width} must be a multiple of heads, {self.heads}")
        if (self.bidirectional_layers or 0) > self.encoder_layers:
            raise ValueError(f"bidirectional_layers must be at most encoder_layers, {self.encoder_layers}")
        if self.feed_forward and self.design == "classic":
            raise ValueError("the classic design has no feed-forward layers; remove feed_forward or design")
        if self.residual and self.design == "blocks":
            raise ValueError("blocks always have residual connections; remove residual or set design to classic")
        if self.weight_drop and self.input_feeding:
            raise ValueError("weight_drop does not work with input_feeding; remove one of the two")
        if self.attention == "none":
            for name in ("input_feeding", "alignment_head"):
                if getattr(self, name):
                    raise ValueError(f"{name} needs attention; set attention to dot, additive or multihead")
        return self

    @model_validator(mode="after")
    def _check_cell(self) -> ModelConfig:
        name, cell, bidirectional = self.cell, CELL_TRAITS[self.cell], self.is_bidirectional(0)
        if self.forget_bias != 1.0 and not cell.forget_gate:
            raise ValueError(f"cell {name} has no forget gate; remove forget_bias")
        if self.weight_drop and not cell.recurrent_matrix:
            raise ValueError(f"cell {name} has no recurrent matrix; remove weight_drop")
        if self.width % (divisor := cell.width_divisor * (1 + bidirectional)):
            raise ValueError(f"width {self.width} must be a multiple of {divisor} for cell {name}")
        if cell.stacked and self.design == "blocks":
            raise ValueError(f"cell {name} connects the layers of a stack within each step; set design to classic")
        if cell.stacked and bidirectional and not self.is_bidirectional(self.encoder_layers - 1):
            raise ValueError(
                f"cell {name} connects the layers of a stack within each step; "
                f"set bidirectional_layers to 0 or {self.encoder_layers}"
            )
        return self

    @property
    def has_decoder_blocks(self) -> bool:
        """True if the decoder has the blocks design, which does not support input feeding."""
        return self.design == "blocks" and not self.input_feeding

    def is_bidirectional(self, layer: int) -> bool:
        """Return whether an encoder layer is bidirectional."""
        return self.bidirectional_layers is None or layer < self.bidirectional_layers

    @property
    def initial_state_layers(self) -> list[int]:
        """Indices of the encoder layers whose final states become the initial states of the decoder layers.

        A decoder with more layers than the encoder repeats the encoder's top layer. An encoder with more layers than
        the decoder uses its top layers if there is no attention, because the decoder reads nothing else of the encoder.
        """
        above = max(self.encoder_layers - self.decoder_layers, 0) if self.attention == "none" else 0
        return [min(above + layer, self.encoder_layers - 1) for layer in range(self.decoder_layers)]

    @property
    def summary(self) -> str:
        """Description of the architecture in one line of text."""
        bidirectional = sum(map(self.is_bidirectional, range(self.encoder_layers)))
        counts = (bidirectional, "bidirectional "), (self.encoder_layers - bidirectional, "")
        encoder = " and ".join(f"{count} × {direction}{self.cell}" for count, direction in counts if count)
        decoder = f"{self.decoder_layers} × {self.cell}, width {self.width}, attention {self.attention}"
        return f"{self.design} design, encoder {encoder}, decoder {decoder}"

    @property
    def feed_forward_width(self) -> int:
        """Inner size of the feed-forward layers."""
        return self.feed_forward or 2 * self.width
