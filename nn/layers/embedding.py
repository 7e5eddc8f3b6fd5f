"""Embedding: rows of a table in place of integers."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import Seed, check_unmasked, count, register
from nn.layers.init import Initializer, initialize
from nn.module import Module
from nn.seeding import generator


@register
class Embedding(Module):
    """A table with a row of features for each of n integers, such as words or characters.

    With a `padding_index`, the features of that integer are 0 and learn nothing. `initializer` is
    as of `Dense`.

    Shapes: x (...) of integers -> (..., F), with F = n_features.
    Raises: ValueError if a size is not a positive integer, or padding_index is not below n.
    """

    transient = ("rng", "initializer")
    torch_layout = {"weights": ("weight", None)}

    def __init__(
        self,
        n: int,
        n_features: int,
        *,
        padding_index: int | None = None,
        initializer: str | Initializer = "normal",
        rng: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        self.n = count(n, "n of Embedding")
        self.n_features = count(n_features, "n_features of Embedding")
        whole = isinstance(padding_index, int | np.integer) and not isinstance(padding_index, bool)
        if padding_index is not None and not (whole and 0 <= padding_index < self.n):
            raise ValueError(
                f"padding_index of Embedding is one of its integers, from 0 to {self.n - 1}, not "
                f"{padding_index!r}"
            )
        self.padding_index = None if padding_index is None else int(padding_index)
        W = initialize(initializer, (self.n, self.n_features), generator(rng), np.dtype(dtype))
        if padding_index is not None:
            W[padding_index] = 0
        self.weights = tg.Tensor(W, requires_grad=True)  # (n, F)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the weights."""
        return self.weights.dtype

    def forward(self, x: Any) -> tg.Tensor:
        """Return the row of each integer.

        Shapes: x (...) of integers -> (..., F).
        Raises: TypeError if x is not of integers; ValueError if one is not from 0 to n - 1.
        """
        if type(x) is not np.ndarray and not isinstance(x, tg.Tensor):  # no text at each call
            check_unmasked(x, f"the input of {self!r}")
        x = x if hasattr(getattr(x, "dtype", None), "kind") else np.asarray(x)
        if x.dtype.kind not in "iu":
            raise TypeError(
                f"{self!r} takes integers, but got an input of dtype {x.dtype}; if they are whole "
                "numbers, write x.astype(int)"
            )
        if x.size:
            low, high = np.min(x), np.max(x)
            message = (
                f"Embedding({self.n}, {self.n_features}) has rows for the integers 0 to "
                f"{self.n - 1}, but the input goes from {{}} to {{}}"
            )
            tg.check((low >= 0) & (high < self.n), ValueError, message, low, high)
        rows = self.weights[x]
        if self.padding_index is None:
            return rows
        return np.where(np.not_equal(x, self.padding_index)[..., None], rows, 0)
