"""Layers that change the shape and nothing else."""

import math

import numpy as np

import tensorgrad as tg
from nn.config import register
from nn.module import Module


@register
class Flatten(Module):
    """Every sample as one row.

    Shapes: x (N, ...) -> (N, D).
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return np.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
