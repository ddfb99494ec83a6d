"""Guided alignment: supervise one attention head with word alignments (Chen et al. 2016, Garg et al. 2019).

Shapes: B sentences, T target length, S source length, L alignment links.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class AlignmentLinks(NamedTuple):
    """Word alignment of a batch, as links between target and source positions."""

    sentences: Tensor
    """[L]: sentence of each link."""
    targets: Tensor
    """[L]: position in the target sequence; the decoder step that predicts this token is supervised."""
    sources: Tensor
    """[L]: position in the source sequence."""
    shares: Tensor
    """[L]: reference attention weight, one over the number of links of the target position."""


def alignment_loss(weights: Tensor, links: AlignmentLinks) -> Tensor:
    """Return the cross-entropy of attention weights [B, T, S] against the links, in nats.

    The loss is summed over all target positions that have links.
    """
    attention = weights[links.sentences, links.targets, links.sources].float()
    return -(links.shares * attention.clamp_min(torch.finfo(torch.float32).tiny).log()).sum()
