"""Dense: the fully connected layer of weights and biases."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Seed, register
from nn.layers.init import Initializer, initialize
from nn.layers.parts import WithBiases, activated, activation_of, check_input, floating
from nn.module import Module
from nn.seeding import generator


@register
class Dense(WithBiases):
    """The fully connected layer activation(x W + b).

    The penalties on weights and biases are l1 Σ|w| + l2 Σw².
    `initializer` is "book" (0.01 times normal numbers), "he", "glorot" or "lecun", each also with
    "_normal" or "_uniform" after it, "orthogonal", or a function (shape, rng) -> array.
    `activation` is a name such as "relu", or a module; without `bias`, biases is None. Layers
    given the same int as `rng` draw the same numbers; give them one Generator to make them
    reproducible and different.

    Shapes: x (..., D) -> (..., H), with D = n_inputs and H = n_neurons.
    Raises: ValueError if a size is not a positive integer or a regularizer is negative.
    """

    torch_layout = {"weights": ("weight", (1, 0)), "biases": ("bias", None)}

    def __init__(
        self,
        n_inputs: int,
        n_neurons: int,
        weight_regularizer_l1: float = 0,
        weight_regularizer_l2: float = 0,
        bias_regularizer_l1: float = 0,
        bias_regularizer_l2: float = 0,
        *,
        bias: bool = True,
        activation: str | Module | None = None,
        initializer: str | Initializer = "book",
        rng: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        for name, size in [("n_inputs", n_inputs), ("n_neurons", n_neurons)]:
            if not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"{name} of Dense must be a positive integer, not {size!r}")
        for factor in (
            weight_regularizer_l1, weight_regularizer_l2, bias_regularizer_l1, bias_regularizer_l2
        ):  # fmt: skip
            if not (isinstance(factor, NUMBER) and factor >= 0):
                raise ValueError(f"a regularizer of Dense must be at least 0, not {factor!r}")
        self.n_inputs = int(n_inputs)
        self.n_neurons = int(n_neurons)
        self.weight_regularizer_l1 = weight_regularizer_l1
        self.weight_regularizer_l2 = weight_regularizer_l2
        self.bias_regularizer_l1 = bias_regularizer_l1
        self.bias_regularizer_l2 = bias_regularizer_l2
        shape = (self.n_inputs, self.n_neurons)
        W = initialize(initializer, shape, generator(rng), np.dtype(dtype))
        self.weights = tg.Tensor(W, requires_grad=True)  # (D, H)
        self._make_biases(bias, self.n_neurons, dtype)  # (H,)
        self.activation = activation_of(activation)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Compute activation(x W + b); integers are converted to the dtype of the weights.

        Shapes: x (..., D) -> (..., H).
        Raises: TypeError if x is not an array; ValueError if it does not have D features.
        """
        check_input(x, self, None, self.n_inputs)
        x = floating(x, self.dtype)
        if self.biases is None:
            return activated(np.matmul(x, self.weights), self.activation)
        return activated(tg.linear(x, self.weights, self.biases), self.activation)

    def penalty(self) -> tg.Tensor | None:
        """Return l1 Σ|w| + l2 Σw² of weights and biases, or None if all factors are 0.

        Shapes: -> ().
        """
        terms = [
            factor * np.sum(magnitude(p))
            for factor, magnitude, p in (
                (self.weight_regularizer_l1, np.abs, self.weights),
                (self.weight_regularizer_l2, np.square, self.weights),
                (self.bias_regularizer_l1, np.abs, self.biases),
                (self.bias_regularizer_l2, np.square, self.biases),
            )
            if factor and p is not None
        ]
        return sum(terms[1:], terms[0]) if terms else None
