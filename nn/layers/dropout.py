"""Dropout: noise during training, against overfitting."""

from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Seed, register
from nn.layers.parts import check_array
from nn.module import Module
from nn.seeding import generator


@tg.impure
def dropout_mask(
    rng: np.random.Generator, shape: tuple[int, ...], rate: float, factor: Any
) -> np.ndarray:
    """Draw a mask that is 0 for a random fraction `rate` of its elements, and the factor elsewhere.

    Shapes: `shape`.
    """
    return (rng.random(shape, np.float32) >= rate) * factor


@register
class Dropout(Module):
    """Dropout of a random fraction `rate` of x in training mode, and the identity in evaluation.

    The remaining elements are divided by 1 - rate, so that the mean of x does not change.

    Shapes: x (...) -> (...).
    Raises: ValueError if rate is not at least 0 and below 1.
    """

    least_axes: ClassVar[int] = 0  # of an input

    def __init__(self, rate: float, *, rng: Seed = None) -> None:
        if not (isinstance(rate, NUMBER) and 0 <= rate < 1):
            raise ValueError(
                f"rate is the fraction of dropped units and must be at least 0 and below 1, not "
                f"{rate!r}"
            )
        self.rate = rate
        self.rng = generator(rng)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Set a random fraction of the elements to 0, in training mode only.

        Shapes: x (...) -> (...).
        Raises: TypeError if x is not an array of numbers; ValueError if it has too few axes.
        """
        check_array(x, self, self.least_axes)
        if not self.training or self.rate == 0:
            return x
        dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(np.float32)
        factor = dtype.type(1 / (1 - self.rate))
        return tg.dropout(x, dropout_mask(self.rng, self._mask_shape(x), self.rate, factor))

    def _mask_shape(self, x: tg.Tensor) -> tuple[int, ...]:
        return x.shape


@register
class SpatialDropout(Dropout):
    """Dropout of whole channels: a random fraction `rate` of them, different for each sample.

    Neighbouring pixels of a channel are so alike that dropping single ones has little effect.

    Shapes: x (N, ..., C) -> (N, ..., C).
    Raises: ValueError if rate is not at least 0 and below 1.
    Source: Tompson, Goroshin, Jain, LeCun and Bregler (2015), arXiv:1411.4280, section 3.2.
    """

    least_axes = 2

    def _mask_shape(self, x: tg.Tensor) -> tuple[int, ...]:
        return (x.shape[0], *(1 for _ in x.shape[1:-1]), x.shape[-1])
