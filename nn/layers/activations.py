"""Activations: modules without parameters that act on each element, or on each row."""

import math
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
class ELU(Module):
    """The exponential linear unit: x where it is positive, alpha (exp(x) - 1) elsewhere.

    Shapes: x (...) -> (...).
    Raises: TypeError if alpha is not a number.
    Source: Clevert, Unterthiner and Hochreiter (2016), arXiv:1511.07289, equation 1.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        if not isinstance(alpha, NUMBER):
            raise TypeError(
                f"alpha is minus the limit for large negative x and must be a number, not {alpha!r}"
            )
        self.alpha = alpha

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute x or alpha (exp(x) - 1) of each element.

        Shapes: x (...) -> (...).
        """
        positive = np.greater(x, 0)
        # The inner `where` prevents an overflow, whose gradient would be 0 times infinity.
        return np.where(positive, x, self.alpha * np.expm1(np.where(positive, 0, x)))


@register
class GELU(Module):
    """The Gaussian error linear unit: x Φ(x), where Φ is the normal distribution function.

    With `approximate=True`, Φ(x) is (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.

    Shapes: x (...) -> (...).
    Raises: TypeError if approximate is not a bool.
    Source: Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2.
    """

    def __init__(self, *, approximate: bool = False) -> None:
        if not isinstance(approximate, bool):
            raise TypeError(
                "approximate must be True, for the formula with tanh, or False, not "
                f"{approximate!r}"
            )
        self.approximate = approximate

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute x Φ(x) of each element.

        Shapes: x (...) -> (...).
        """
        if not self.approximate:
            return tg.gelu(x)
        # (1 + tanh(u)) / 2 is sigmoid(2 u), which loses no digits where tanh(u) is close to -1.
        u = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return x * tg.sigmoid(2 * u)


@register
class SiLU(Module):
    """The sigmoid linear unit, also called swish: x / (1 + exp(-x)).

    Shapes: x (...) -> (...).
    Source: Elfwing, Uchibe and Doya (2018), arXiv:1702.03118, equation 5.
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute x / (1 + exp(-x)) of each element.

        Shapes: x (...) -> (...).
        """
        return x * tg.sigmoid(x)


@register
class Softplus(Module):
    """A smooth form of ReLU: log(1 + exp(x)).

    Shapes: x (...) -> (...).
    Source: Dugas, Bengio, Bélisle, Nadeau and Garcia (2001), Incorporating second-order functional
    knowledge for better option pricing.
    """

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute log(1 + exp(x)) of each element.

        Shapes: x (...) -> (...).
        """
        return tg.softplus(x)


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
