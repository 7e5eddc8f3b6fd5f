"""Dense: the layer of weights and biases."""

import reprlib
from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Seed, register
from nn.layers.init import Initializer, initialize
from nn.module import Module


@register
class Dense(Module):
    """x W + b, with the penalty l1 Σ|w| + l2 Σw² on the weights, and the same on the biases.

    `initializer` is "book" (0.01 times normal numbers), "he", "glorot" or a function
    (shape, rng) -> array. Layers given the same int as `rng` draw the same numbers; to be
    reproducible and different, give them one Generator.

    Shapes: x (..., D) -> (..., H).
    Raises: TypeError if x is no array, ValueError if it has another number of features.
    """

    transient: ClassVar[tuple[str, ...]] = ("rng", "initializer")

    def __init__(
        self,
        n_inputs: int,
        n_neurons: int,
        weight_regularizer_l1: float = 0,
        weight_regularizer_l2: float = 0,
        bias_regularizer_l1: float = 0,
        bias_regularizer_l2: float = 0,
        *,
        initializer: str | Initializer = "book",
        rng: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        for name, size in [("n_inputs", n_inputs), ("n_neurons", n_neurons)]:
            if not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"{name} of a Dense layer is a positive integer, not {size!r}")
        for factor in (
            weight_regularizer_l1, weight_regularizer_l2, bias_regularizer_l1, bias_regularizer_l2
        ):  # fmt: skip
            if not (isinstance(factor, NUMBER) and factor >= 0):
                raise ValueError(f"a regularizer of a Dense layer is 0 or positive, not {factor!r}")
        self.n_inputs = int(n_inputs)
        self.n_neurons = int(n_neurons)
        self.weight_regularizer_l1 = weight_regularizer_l1
        self.weight_regularizer_l2 = weight_regularizer_l2
        self.bias_regularizer_l1 = bias_regularizer_l1
        self.bias_regularizer_l2 = bias_regularizer_l2
        shape = (self.n_inputs, self.n_neurons)
        W = initialize(initializer, shape, np.random.default_rng(rng), np.dtype(dtype))
        self.weights = tg.Tensor(W, requires_grad=True)  # (D, H)
        self.biases = tg.Tensor(np.zeros(n_neurons, dtype), requires_grad=True)  # (H,)

    @property
    def dtype(self) -> np.dtype:
        return self.weights.dtype

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        shape = getattr(x, "shape", None)
        if shape is None:
            raise TypeError(
                f"Dense({self.n_inputs}, {self.n_neurons}) takes a Tensor or an array, but got "
                f"{type(x).__name__}: {reprlib.repr(x)}"
            )
        if shape[-1:] != (self.n_inputs,):
            raise ValueError(
                f"Dense({self.n_inputs}, {self.n_neurons}) takes {self.n_inputs} features along "
                f"the last axis, but got an input of shape {shape}"
            )
        return tg.linear(x, self.weights, self.biases)

    def penalty(self) -> tg.Tensor | None:
        terms = [
            factor * np.sum(size(p))
            for factor, size, p in (
                (self.weight_regularizer_l1, np.abs, self.weights),
                (self.weight_regularizer_l2, np.square, self.weights),
                (self.bias_regularizer_l1, np.abs, self.biases),
                (self.bias_regularizer_l2, np.square, self.biases),
            )
            if factor
        ]
        return sum(terms[1:], terms[0]) if terms else None
