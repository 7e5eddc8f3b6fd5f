"""Dropout: noise while training, against overfitting."""

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Seed, register
from nn.module import Module


@register
class Dropout(Module):
    """While training, x with a random fraction `rate` set to 0 and the rest divided by 1 - rate.

    In evaluation it is x itself.

    Shapes: x (...) -> (...).
    """

    def __init__(self, rate: float, *, rng: Seed = None) -> None:
        if not (isinstance(rate, NUMBER) and 0 <= rate < 1):
            raise ValueError(
                f"rate is the fraction of units dropped, at least 0 and below 1, not {rate!r}"
            )
        self.rate = rate
        self.rng = np.random.default_rng(rng)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = self.rng.random(x.shape, np.float32) >= self.rate
        dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(np.float32)
        return tg.dropout(x, kept * dtype.type(1 / (1 - self.rate)))
