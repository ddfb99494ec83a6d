"""Guided alignment: training one attention head on word alignments (Chen et al. 2016, Garg et al. 2019).

Shapes: B sentences, T target length, S source length, L alignment links.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class AlignmentLinks(NamedTuple):
    """Word alignment of a batch, as links between target and source positions."""

    sentence_indices: Tensor
    """Index of the sentence of each link, [L]."""
    target_indices: Tensor
    """Index of the target token of each link, [L]; the loss applies to the decoder step that predicts this token."""
    source_indices: Tensor
    """Index of the source token of each link, [L]."""
    reference_weights: Tensor
    """Reference attention weight of each link, [L]: one over the number of links of its target token."""


def alignment_loss(weights: Tensor, links: AlignmentLinks) -> Tensor:
    """Return the cross-entropy of attention weights [B, T, S] against the links, in nats.

    The loss is summed over all target tokens that have links.
    """
    attention = weights[links.sentence_indices, links.target_indices, links.source_indices].float()
    return -(links.reference_weights * attention.clamp_min(torch.finfo(torch.float32).tiny).log()).sum()
