"""Recurrent layers, over whole sequences and one step at a time.

B sentences, T steps, D width. A state is (h, c): the output and the memory cell, each [B, D].
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from nmt.model.layers import Dropout

State = tuple[Tensor, Tensor]


class LSTMLayer(nn.Module):
    """One unidirectional LSTM layer (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

    def __init__(self, inputs: int, width: int, weight_drop: float = 0.0) -> None:
        """``weight_drop`` is the share of recurrent weights that each training pass leaves out."""
        super().__init__()
        self.lstm = WeightDroppedLSTM(inputs, width, weight_drop, bidirectional=False)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Run over x [B, T, inputs] from a state; gives the outputs [B, T, D] and the last state."""
        with full_precision_on_gpu(x):
            h, c = (part.to(x.dtype).unsqueeze(0).contiguous() for part in state)
            y, (h, c) = self.lstm(x, (h, c))
        return y, (h.squeeze(0), c.squeeze(0))


class SourceLSTMLayer(nn.Module):
    """An LSTM that reads whole sentences, or two of half the width, one from each end; padding is never read."""

    def __init__(self, inputs: int, width: int, weight_drop: float = 0.0, both_ways: bool = True) -> None:
        """``weight_drop`` is the share of recurrent weights that each training pass leaves out."""
        super().__init__()
        self.lstm = WeightDroppedLSTM(inputs, width // 2 if both_ways else width, weight_drop, both_ways)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Run over x [B, S, inputs] with lengths [B] (on the CPU).

        Gives the outputs [B, S, D], zero in the padding, and the state in which each direction ended, side by side.
        """
        with full_precision_on_gpu(x):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            y, (h, c) = self.lstm(packed)
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
        return y, (torch.cat(h.unbind(), dim=-1), torch.cat(c.unbind(), dim=-1))


class WeightDroppedLSTM(nn.LSTM):
    """torch's LSTM, whose recurrent weights may be thinned in training: DropConnect (Merity et al. 2018, "AWD-LSTM").

    One mask serves all steps of a pass, so that the fast kernels, which know no dropout between steps, still run.
    """

    def __init__(self, inputs: int, width: int, weight_drop: float, bidirectional: bool) -> None:
        super().__init__(inputs, width, batch_first=True, bidirectional=bidirectional)
        self.weight_drop = Dropout(weight_drop)
        for name, parameter in self.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                # Open forget gates let gradients reach far from the first update on (Gers et al. 2000); torch orders
                # the gates: input, forget, cell, output.
                nn.init.ones_(parameter.detach().chunk(4)[1])

    def forward(self, x: Tensor | PackedSequence, state: State | None = None) -> Any:
        """See `torch.nn.LSTM.forward`."""
        if not self.training or not self.weight_drop.probability:
            return super().forward(x, state)
        whole = self._flat_weights
        try:
            # Weights come as input, recurrent, and two biases, direction by direction.
            self._flat_weights = [self.weight_drop(w) if i % 4 == 1 else w for i, w in enumerate(whole)]
            return super().forward(x, state)
        finally:
            self._flat_weights = whole


def full_precision_on_gpu(x: Tensor) -> AbstractContextManager[object]:
    """No autocast for cuDNN's recurrent layers.

    Whatever type autocast is set to, torch hands them fp16 (ATen's AutocastRNN), whose range would need loss scaling.
    """
    return torch.autocast("cuda", enabled=False) if x.is_cuda else nullcontext()
