"""The learning rate as a function of the update."""

from __future__ import annotations

import math

from nmt.config.training import TrainingConfig

_COSINE_FLOOR = 0.01  # of the peak: near zero, so that the last updates still learn


def learning_rate(config: TrainingConfig, update: int) -> float:
    """The rate of update number ``update``, counted from 0.

    Linear warm-up, then a cosine down to 1% of the peak at ``max_updates`` (Loshchilov & Hutter 2017), the inverse
    square root of Vaswani et al. (2017), or no decay.
    """
    if update < config.warmup:
        return config.learning_rate * (update + 1) / config.warmup
    match config.schedule:
        case "cosine":
            # Also where max_minutes will cut it off: a cosine that ends by then taught the demo less (half its updates,
            # one seed: test BLEU 80, not 87).
            progress = (update - config.warmup) / max(config.max_updates - config.warmup, 1)
            share = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
            return config.learning_rate * (_COSINE_FLOOR + (1 - _COSINE_FLOOR) * share)
        case "inverse_sqrt":
            return config.learning_rate * math.sqrt(max(config.warmup, 1) / (update + 1))
        case "constant":
            return config.learning_rate
