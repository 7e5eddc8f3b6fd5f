"""Attention: layers in which each step of a sequence looks at others."""

import functools
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Seed, count, register
from nn.layers.dense import Dense
from nn.layers.dropout import Dropout, dropout_mask
from nn.layers.init import Initializer, initialize
from nn.layers.normalization import LayerNorm
from nn.layers.parts import WithBiases, check_input, floating
from nn.module import Module
from nn.seeding import generator


@register
class MultiHeadAttention(WithBiases):
    """Attention of several heads: each step of x looks at those of `key` and adds up their values.

    Queries, keys and values are products with the thirds of `weights`, and each head has its own
    share of their features. With `dropout`, a random fraction of the weights between steps is 0 in
    training mode. `initializer` is as of `Dense`.

    Shapes: x (N, T, F), key and value (N, S, F) -> (N, T, F), with F = n_features.
    Raises: ValueError if a size or setting is out of its range, or n_heads does not divide
    n_features.
    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.2.
    """

    torch_layout = {
        "weights": ("in_proj_weight", (1, 0)), "biases": ("in_proj_bias", None),
        "output_weights": ("out_proj.weight", (1, 0)), "output_biases": ("out_proj.bias", None),
    }  # fmt: skip
    output_biases: tg.Tensor

    def __init__(
        self,
        n_features: int,
        n_heads: int,
        *,
        dropout: float = 0.0,
        bias: bool = True,
        initializer: str | Initializer = "glorot",
        rng: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        self.n_features = F = count(n_features, "n_features of MultiHeadAttention")
        self.n_heads = count(n_heads, "n_heads of MultiHeadAttention")
        if F % self.n_heads:
            raise ValueError(
                f"n_heads of MultiHeadAttention must divide n_features, but {n_heads} heads cannot "
                f"share {n_features} features evenly"
            )
        self.dropout = check_dropout(dropout, "MultiHeadAttention")
        self.rng = generator(rng)
        W = initialize(initializer, (F, 3 * F), self.rng, np.dtype(dtype))
        self.weights = tg.Tensor(W, requires_grad=True)  # (F, 3 F)
        self._make_biases(bias, 3 * F, dtype)  # (3 F,)
        W = initialize(initializer, (F, F), self.rng, np.dtype(dtype))
        self.output_weights = tg.Tensor(W, requires_grad=True)  # (F, F)
        zeros = np.zeros(F, dtype)
        self.output_biases = tg.Tensor(zeros, requires_grad=True) if bias else None  # type: ignore[assignment]

    def forward(
        self,
        x: tg.Tensor,
        key: tg.Tensor | None = None,
        value: tg.Tensor | None = None,
        *,
        mask: Any = None,
        causal: bool = False,
        return_weights: bool = False,
    ) -> Any:
        """Return what the steps of x find at those of `key`, by default x, in `value`, `key`.

        `mask` is True where a step may be looked at: for the steps of each sample, (N, S), for each
        pair of steps, (N, T, S), or for each head too. If causal, no step looks at a later one.
        Where none may be looked at, nothing is found. With `return_weights` the result is a pair
        (output, weights of each head).

        Shapes: x (N, T, F), key and value (N, S, F), mask (N, S), (N, T, S) or (N, heads, T, S) ->
        (N, T, F) and, on request, (N, heads, T, S).
        Raises: TypeError if x is not an array; ValueError if a shape does not fit.
        """
        key = x if key is None else key
        value = key if value is None else value
        for array in (x, key, value):
            check_input(array, self, 3, self.n_features)
        mask = self._mask(mask, (x.shape[0], x.shape[1], key.shape[1]))
        shape = (x.shape[0], self.n_heads, x.shape[1], key.shape[1])
        dropped = self._dropped(shape)
        settings: dict[str, Any] = {"heads": self.n_heads, "causal": causal}
        F = self.n_features
        if key is x and value is x:  # one product makes all three
            qkv = affine(floating(x, self.dtype), self.weights, self.biases)
            found = tg.self_attention(qkv, mask, dropped, **settings)
            q, k = (qkv[..., :F], qkv[..., F : 2 * F]) if return_weights else (None, None)
        else:
            given = zip((x, key, value), range(3), strict=True)
            q, k, v = (self._projected(floating(array, self.dtype), i) for array, i in given)
            found = tg.attention(q, k, v, mask, dropped, **settings)
        out = affine(found, self.output_weights, self.output_biases)
        return (out, tg.attention_weights(q, k, mask, **settings)) if return_weights else out

    def _projected(self, x: tg.Tensor, i: int) -> tg.Tensor:
        """Return the queries, keys or values. Shapes: x (N, T, F) -> (N, T, F)."""
        part = slice(i * self.n_features, (i + 1) * self.n_features)
        return affine(x, self.weights[:, part], None if self.biases is None else self.biases[part])

    def _mask(self, mask: Any, lengths: tuple[int, int, int]) -> Any:
        """Return a mask as booleans that fit the scores (N, heads, T, S), or None.

        Raises: ValueError if it has another shape, or negative numbers.
        """
        if mask is None:
            return None
        N, T, S = lengths
        shapes = [(N, S), (N, T, S), (N, self.n_heads, T, S)]
        if np.shape(mask) not in shapes:
            raise ValueError(
                f"{self!r} takes a mask of shape {shapes[0]}, {shapes[1]} or {shapes[2]}, True "
                f"where a step may be looked at, but got shape {np.shape(mask)}"
            )
        if isinstance(mask, np.ndarray) and mask.dtype.kind == "f" and np.any(mask < 0):
            raise ValueError(
                f"{self!r} takes a mask of True or 1 where a step may be looked at, and False or 0 "
                f"elsewhere, but got {np.min(mask)}; of a mask that is added to the scores, give "
                "mask == 0"
            )
        mask = np.not_equal(mask, 0)
        return mask[:, None, None] if mask.ndim == 2 else mask[:, None] if mask.ndim == 3 else mask

    def _dropped(self, shape: tuple[int, ...]) -> Any:
        """Draw the factors of the weights, or return None without dropout."""
        if not self.training or not self.dropout:
            return None
        factor = self.dtype.type(1 / (1 - self.dropout))
        return dropout_mask(self.rng, shape, self.dropout, factor)


@register
class PositionalEncoding(Module):
    """Sines and cosines of the position added to the features of each step, and dropout.

    Feature 2 i gets sin(t / 10000^(2 i / F)) and feature 2 i + 1 the cosine.

    Shapes: x (N, T, F) -> (N, T, F), with F = n_features.
    Raises: ValueError if n_features is not a positive integer, or dropout is not below 1.
    Source: Vaswani et al. (2017), Attention is all you need, arXiv:1706.03762, section 3.5.
    """

    def __init__(self, n_features: int, *, dropout: float = 0.0, rng: Seed = None) -> None:
        self.n_features = count(n_features, "n_features of PositionalEncoding")
        self.dropout = check_dropout(dropout, "PositionalEncoding")
        self.drop = Dropout(self.dropout, rng=rng)

    def forward(self, x: tg.Tensor) -> tg.Tensor:
        """Add the position of each step.

        Shapes: x (N, T, F) -> (N, T, F).
        Raises: TypeError if x is not an array; ValueError if it does not have F features.
        """
        check_input(x, self, 3, self.n_features)
        dtype = x.dtype if x.dtype.kind == "f" else np.dtype(np.float32)
        return self.drop(x + positions_table(x.shape[1], self.n_features, dtype))


@functools.lru_cache(maxsize=16)
def positions_table(T: int, F: int, dtype: np.dtype) -> np.ndarray:
    """Return the sines and cosines of T positions.

    Shapes: -> (T, F).
    """
    angles = np.arange(T)[:, None] / 10000 ** (np.arange(0, F, 2) / F)
    table = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    table = table.reshape(T, 2 * angles.shape[1])[:, :F]
    table = table.astype(dtype)
    table.setflags(write=False)
    return table


@register
class TransformerBlock(Module):
    """A block of a transformer: attention, then two dense layers for each step, each beside x.

    x + attention(norm(x)), and of its result y + project(expand(norm(y))); with
    `norm_first=False`, the sums are normalized instead, as in the first paper. `n_hidden` is the
    number of features between the dense layers, 4 F by default. `dropout` is that of the weights
    between steps, of the hidden features, and of what is added. If `causal`, no step looks at a
    later one.

    Shapes: x (N, T, F) -> (N, T, F), with F = n_features.
    Raises: ValueError if a size or setting is out of its range, or n_heads does not divide
    n_features.
    Source: Vaswani et al. (2017), arXiv:1706.03762, section 3.1; Xiong et al. (2020),
    arXiv:2002.04745 (norm_first).
    """

    torch_layout = {
        f"{ours}.{attribute}": (f"{theirs}.{name}", axes)
        for ours, theirs, layout in (
            ("attention", "self_attn", MultiHeadAttention.torch_layout),
            ("expand", "linear1", Dense.torch_layout), ("project", "linear2", Dense.torch_layout),
            ("norm_1", "norm1", LayerNorm.torch_layout),
            ("norm_2", "norm2", LayerNorm.torch_layout),
        )
        for attribute, (name, axes) in layout.items()
    }  # fmt: skip

    def __init__(
        self,
        n_features: int,
        n_heads: int,
        *,
        n_hidden: int | None = None,
        dropout: float = 0.0,
        activation: str | Module = "gelu",
        norm_first: bool = True,
        causal: bool = False,
        initializer: str | Initializer = "glorot",
        rng: Seed = None,
        dtype: Any = np.float32,
    ) -> None:
        self.n_features = F = count(n_features, "n_features of TransformerBlock")
        self.n_heads = count(n_heads, "n_heads of TransformerBlock")
        self.n_hidden = (
            4 * F if n_hidden is None else count(n_hidden, "n_hidden of TransformerBlock")
        )
        self.dropout = check_dropout(dropout, "TransformerBlock")
        self.norm_first = bool(norm_first)
        self.causal = bool(causal)
        rng = generator(rng)
        drawn: dict[str, Any] = {"initializer": initializer, "rng": rng, "dtype": dtype}
        self.attention = MultiHeadAttention(F, self.n_heads, dropout=self.dropout, **drawn)
        self.expand = Dense(F, self.n_hidden, activation=activation, **drawn)
        self.project = Dense(self.n_hidden, F, **drawn)
        self.norm_1 = LayerNorm(F, dtype=dtype)
        self.norm_2 = LayerNorm(F, dtype=dtype)
        self.drop = Dropout(self.dropout, rng=rng)

    transient = ("rng", "initializer")

    @property
    def activation(self) -> Module | None:
        """The activation between the dense layers."""
        return self.expand.activation

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the weights."""
        return self.attention.dtype

    def forward(self, x: tg.Tensor, *, mask: Any = None) -> tg.Tensor:
        """Return the features of each step, after it has looked at the others.

        `mask` is as of `MultiHeadAttention`.
        Shapes: x (N, T, F), mask (N, T), (N, T, T) or (N, heads, T, T) -> (N, T, F).
        Raises: TypeError if x is not an array; ValueError if a shape does not fit.
        """
        check_input(x, self, 3, self.n_features)
        x = floating(x, self.dtype)
        if self.norm_first:
            x = x + self._looked(self.norm_1(x), mask)
            return x + self._thought(self.norm_2(x))
        x = self.norm_1(x + self._looked(x, mask))
        return self.norm_2(x + self._thought(x))

    def _looked(self, x: tg.Tensor, mask: Any) -> tg.Tensor:
        return self.drop(self.attention(x, mask=mask, causal=self.causal))

    def _thought(self, x: tg.Tensor) -> tg.Tensor:
        return self.drop(self.project(self.drop(self.expand(x))))


def affine(x: tg.Tensor, W: tg.Tensor, b: tg.Tensor | None) -> tg.Tensor:
    """Return x W + b, or x W without biases. Shapes: x (..., D), W (D, H), b (H,) -> (..., H)."""
    return np.matmul(x, W) if b is None else tg.linear(x, W, b)


def check_dropout(rate: Any, kind: str) -> float:
    """Return the rate of a dropout inside a layer.

    Raises: ValueError if it is not at least 0 and below 1.
    """
    if not (isinstance(rate, NUMBER) and 0 <= rate < 1):
        raise ValueError(f"dropout of {kind} must be at least 0 and below 1, not {rate!r}")
    return float(rate)
