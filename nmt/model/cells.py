"""Recurrent layers, over whole sequences and one step at a time.

B sentences, T steps, D width. A state is (h, c): the output and the memory cell, each [B, D].
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

State = tuple[Tensor, Tensor]


class LSTMLayer(nn.Module):
    """One unidirectional LSTM layer (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width, batch_first=True)
        remember(self.lstm)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Run over x [B, T, inputs] from a state; gives the outputs [B, T, D] and the last state."""
        with full_precision_on_gpu(x):
            h, c = (part.to(x.dtype).unsqueeze(0).contiguous() for part in state)
            y, (h, c) = self.lstm(x, (h, c))
        return y, (h.squeeze(0), c.squeeze(0))


class BidirectionalLSTMLayer(nn.Module):
    """Two LSTMs, one from each end, each of half the width; padding is never read from either end."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, width // 2, batch_first=True, bidirectional=True)
        remember(self.lstm)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, State]:
        """Run over x [B, S, inputs] with lengths [B] (on the CPU).

        Gives the outputs [B, S, D], zero in the padding, and the state in which each direction ended.
        """
        with full_precision_on_gpu(x):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            y, (h, c) = self.lstm(packed)
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
        return y, (torch.cat((h[0], h[1]), dim=-1), torch.cat((c[0], c[1]), dim=-1))


def full_precision_on_gpu(x: Tensor) -> AbstractContextManager[object]:
    """No autocast for cuDNN's recurrent layers.

    Whatever type autocast is set to, torch hands them fp16 (ATen's AutocastRNN), whose range would need loss scaling.
    """
    return torch.autocast("cuda", enabled=False) if x.is_cuda else nullcontext()


def remember(lstm: nn.LSTM) -> None:
    """Start with open forget gates, so that gradients reach far from the first update on (Gers et al. 2000)."""
    for name, parameter in lstm.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
        if name.startswith("bias_ih"):
            nn.init.ones_(parameter.detach().chunk(4)[1])  # torch orders the gates: input, forget, cell, output
