"""Activations: modules without parameters that act on each number, or on each row."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, register
from nn.module import Module


@register
class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return tg.relu(x)


@register
class LeakyReLU(Module):
    """x where it is positive, alpha x elsewhere."""

    def __init__(self, alpha: float = 0.01) -> None:
        if not isinstance(alpha, NUMBER):
            raise TypeError(f"alpha is the slope below 0, a number, not {alpha!r}")
        self.alpha = alpha

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return tg.leaky_relu(x, slope=self.alpha)


@register
class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return tg.sigmoid(x)


@register
class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return np.tanh(x)


@register
class Softmax(Module):
    """exp(x) over its sum along the last axis: probabilities.

    Shapes: x (..., C) -> (..., C).
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return tg.softmax(x)


@register
class Linear(Module):
    """x itself: the last activation of a regression."""

    def __init__(self, *sizes: Any, **settings: Any) -> None:
        if sizes or settings:
            given = ", ".join([*map(repr, sizes), *(f"{k}={v!r}" for k, v in settings.items())])
            raise TypeError(
                f"nn.Linear({given}): nn.Linear is the identity activation and takes no arguments; "
                "the layer with weights is nn.Dense(n_inputs, n_neurons)"
            )

    def config(self) -> dict[str, Any]:
        return {}

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        return x
