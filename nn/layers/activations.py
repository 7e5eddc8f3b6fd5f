"""Activations: modules without parameters that act on each element, or on each row."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, register
from nn.module import Module


@register
class ReLU(Module):
    """The rectified linear unit: max(x, 0).

    Shapes: x (...) -> (...).
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute max(x, 0) of each element.

        Shapes: x (...) -> (...).
        """
        return tg.relu(x)


@register
class LeakyReLU(Module):
    """The leaky rectified linear unit: x where it is positive, alpha x elsewhere.

    Shapes: x (...) -> (...).
    Raises: TypeError if alpha is not a number.
    """

    def __init__(self, alpha: float = 0.01) -> None:
        if not isinstance(alpha, NUMBER):
            raise TypeError(f"alpha is the slope for x below 0 and must be a number, not {alpha!r}")
        self.alpha = alpha

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute x or alpha x of each element.

        Shapes: x (...) -> (...).
        """
        return tg.leaky_relu(x, slope=self.alpha)


@register
class Sigmoid(Module):
    """The logistic sigmoid: 1 / (1 + exp(-x)).

    Shapes: x (...) -> (...).
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute 1 / (1 + exp(-x)) of each element.

        Shapes: x (...) -> (...).
        """
        return tg.sigmoid(x)


@register
class Tanh(Module):
    """The hyperbolic tangent.

    Shapes: x (...) -> (...).
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute tanh(x) of each element.

        Shapes: x (...) -> (...).
        """
        return np.tanh(x)


@register
class Softmax(Module):
    """Probabilities along the last axis: exp(x) / sum(exp(x)).

    Shapes: x (..., C) -> (..., C).
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute exp(x) / sum(exp(x)) along the last axis.

        Shapes: x (..., C) -> (..., C).
        """
        return tg.softmax(x)


@register
class Linear(Module):
    """The identity, used as the last activation of a regression.

    Shapes: x (...) -> (...).
    Raises: TypeError if it is given arguments, because it is not the layer with weights.
    """

    def __init__(self, *sizes: Any, **settings: Any) -> None:
        if sizes or settings:
            given = ", ".join([*map(repr, sizes), *(f"{k}={v!r}" for k, v in settings.items())])
            raise TypeError(
                f"nn.Linear({given}): nn.Linear is the identity activation and takes no arguments; "
                "the layer with weights is nn.Dense(n_inputs, n_neurons)"
            )

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, of which there are none."""
        return {}

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Return x unchanged.

        Shapes: x (...) -> (...).
        """
        return x
