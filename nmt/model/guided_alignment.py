"""Guided alignment: one attention head learns where each target piece comes from (Chen et al. 2016, Garg et al. 2019).

B sentences, T target length, S source length, L links.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class AlignmentLinks(NamedTuple):
    """Where a head should look: at some places of the source for some of the target, in equal shares."""

    sentences: Tensor
    """[L]"""
    targets: Tensor
    """[L]: places in the target as it is written: what the step before has read."""
    sources: Tensor
    """[L]"""
    shares: Tensor
    """[L]: one over the links of the target place."""


def alignment_loss(weights: Tensor, links: AlignmentLinks) -> Tensor:
    """Cross-entropy of a head's attention [B, T, S] against the links, in nats, summed over linked target places."""
    attention = weights[links.sentences, links.targets, links.sources].float()
    return -(links.shares * attention.clamp_min(torch.finfo(torch.float32).tiny).log()).sum()
