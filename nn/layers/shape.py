"""Layers that only change the shape."""

import math

import numpy as np

import tensorgrad as tg
from nn.config import register
from nn.module import Module


@register
class Flatten(Module):
    """The layer that makes one row of each sample.

    Shapes: x (N, ...) -> (N, D).
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Reshape each sample to one row.

        Shapes: x (N, ...) -> (N, D).
        """
        return np.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
