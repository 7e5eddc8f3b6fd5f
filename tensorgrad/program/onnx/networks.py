"""Rows of the functions of neural networks in the table of ONNX operators.

Pictures have their channels last here and first in ONNX: a row transposes them there and back, and
transpositions that meet cancel later.
"""

import math
from typing import Any

import numpy as np

from tensorgrad.ops.spatial import per_axis, windows_of
from tensorgrad.program.onnx.elementwise import reduced_over
from tensorgrad.program.onnx.graph import OnnxGraph


def channels_first(n: int) -> tuple[int, ...]:
    """Return the order of n axes with the last one behind the first."""
    return (0, n - 1, *range(1, n - 1))


def back_to_last(n: int) -> tuple[int, ...]:
    """Return the order of n axes with the second one last."""
    return (0, *range(2, n), 1)


def weights_first(n: int) -> tuple[int, ...]:
    """Return the order of the n axes of a kernel with outputs and channels first."""
    return (n - 1, n - 2, *range(n - 2))


def in_channels_first(g: OnnxGraph, op: str, x: Any, *others: Any, **attributes: Any) -> str:
    """Write an operator on pictures."""
    n = g.rank(x)
    first = g.transposed(x, channels_first(n), g.dtype)
    return g.transposed(g.node(op, first, *others, **attributes), back_to_last(n))


def write_conv(
    g: OnnxGraph, x: Any, W: Any, b: Any, stride: Any = 1, padding: Any = "valid",
    dilation: Any = 1, groups: int = 1,
) -> str:  # fmt: skip
    """Write a convolution."""
    lengths, kernel = g.lengths(x, slice(1, -1)), g.shape(W)[:-2]
    w = windows_of(lengths, kernel, stride, padding, dilation)
    inputs = [g.transposed(W, weights_first(g.rank(W)), g.dtype)]
    inputs += [] if b is None else [g.value(b, g.dtype)]
    return in_channels_first(
        g, "Conv", x, *inputs, kernel_shape=list(kernel), strides=list(w.stride),
        dilations=list(w.dilation), pads=pads_of(w, lengths), group=groups,
    )  # fmt: skip


def pads_of(w: Any, lengths: tuple[int, ...]) -> list[int]:
    """Return the padding before and after each axis that the windows reach into."""
    ends = [
        max((count - 1) * s + d * (k - 1) + 1 - low - length, 0)
        for length, k, s, d, low, count in zip(lengths, *w, strict=True)
    ]
    return [*w.before, *ends]


def write_conv_input(
    g: OnnxGraph, x: Any, W: Any, lengths: Any = (), stride: Any = 1, padding: Any = "valid",
    dilation: Any = 1, groups: int = 1,
) -> str:  # fmt: skip
    """Write a transposed convolution."""
    kernel = g.shape(W)[:-2]
    w = windows_of(lengths, kernel, stride, padding, dilation)
    # The padding after an axis is what of the windows lies beyond its length; what of the length
    # lies beyond the windows is the output's own padding.
    beyond = [
        (count - 1) * s + d * (k - 1) + 1 - low - length
        for length, k, s, d, low, count in zip(lengths, *w, strict=True)
    ]
    return in_channels_first(
        g, "ConvTranspose", x, g.transposed(W, weights_first(g.rank(W)), g.dtype),
        kernel_shape=list(kernel), strides=list(w.stride), dilations=list(w.dilation),
        pads=[*w.before, *(max(n, 0) for n in beyond)],
        output_padding=[max(-n, 0) for n in beyond], group=groups,
    )  # fmt: skip


def pool_row(op: str, **attributes: Any) -> Any:
    """Return the row of a pooling."""

    def row(g: OnnxGraph, x: Any, size: Any, stride: Any = None, padding: Any = "valid") -> str:
        lengths = g.lengths(x, slice(1, -1))
        kernel = per_axis(size, len(lengths), "size")
        w = windows_of(lengths, kernel, kernel if stride is None else stride, padding, 1)
        return in_channels_first(
            g, op, x, kernel_shape=list(kernel), strides=list(w.stride),
            pads=pads_of(w, lengths), **attributes,
        )  # fmt: skip

    return row


def write_linear(g: OnnxGraph, x: Any, W: Any, b: Any) -> str:
    """Write x W + b."""
    x, W, b, flat = g.value(x, g.dtype), g.value(W, g.dtype), g.value(b, g.dtype), g.rank(x) == 2
    return g.node("Gemm", x, W, b) if flat else g.node("Add", g.node("MatMul", x, W), b)


def softmax_row(op: str) -> Any:
    """Return the row of the softmax or its logarithm."""
    return lambda g, x, axis=-1: g.node(op, g.value(x, g.dtype), axis=int(axis))


def write_ndtr(g: OnnxGraph, x: Any) -> str:
    """Write the normal distribution function, (1 + erf(x / √2)) / 2."""
    e = g.node("Erf", g.node("Mul", g.value(x, g.dtype), math.sqrt(0.5)))
    return g.node("Mul", g.node("Add", e, 1.0), 0.5)


def write_leaky_relu(g: OnnxGraph, x: Any, slope: float = 0.01) -> str:
    """Write x where positive, slope x elsewhere."""
    return g.node("LeakyRelu", g.value(x, g.dtype), alpha=float(slope))


def alone(row: Any) -> Any:
    """Return the row of a function that returns the first of the results of another."""
    return lambda g, *args, **kwargs: row(g, *args, **kwargs)[0]


def write_softplus(g: OnnxGraph, x: Any) -> str:
    """Write log(1 + exp(x))."""
    return g.node("Softplus", g.value(x, g.dtype))


def write_sigmoid_cross_entropy(g: OnnxGraph, z: Any, y: Any) -> str:
    """Write write_softplus(z) - z y."""
    z, y = g.value(z, g.dtype), g.value(y, g.dtype)
    return g.node("Sub", g.node("Softplus", z), g.node("Mul", z, y))


def write_cross_entropy_and_softmax(g: OnnxGraph, z: Any, y: Any) -> tuple[str, str]:
    """Write the mean cross-entropy, and the softmax."""
    value, dtype = g.value(z, g.dtype), g.dtype
    p = g.node("Softmax", value, axis=1)
    if g.rank(y) == 1:
        classes = g.value(y, np.int64)
        return g.node("SoftmaxCrossEntropyLoss", value, classes, reduction="mean"), p
    products = g.node("Mul", g.node("LogSoftmax", value, axis=1), g.value(y, dtype))
    sums = reduced_over(g, "ReduceSum", products, (1,), False, dtype)
    return g.node("Neg", reduced_over(g, "ReduceMean", sums, (0,), False, dtype)), p


def write_shift_scale(g: OnnxGraph, x: Any, mean: Any, scale: Any, bias: Any) -> str:
    """Write (x - mean) scale + bias."""
    x, mean, scale, bias = (g.value(v, g.dtype) for v in (x, mean, scale, bias))
    return g.node("Add", g.node("Mul", g.node("Sub", x, mean), scale), bias)


def write_standardized(
    g: OnnxGraph, x: Any, axis: Any = -1, epsilon: float = 1e-5
) -> tuple[str, str]:
    """Write x with mean 0 and variance 1, and the mean and 1 / deviation."""
    n, dtype = g.rank(x), g.dtype
    axes = tuple(k % n for k in (axis if isinstance(axis, tuple) else (axis,)))
    value = g.value(x, dtype)
    mean = reduced_over(g, "ReduceMean", value, axes, True, dtype)
    away = g.node("Sub", value, mean)
    variance = reduced_over(g, "ReduceMean", g.node("Mul", away, away), axes, True, dtype)
    inverse = g.node("Reciprocal", g.node("Sqrt", g.node("Add", variance, float(epsilon))))
    first = g.integers(0)
    both = [g.node("Unsqueeze", part, first) for part in (mean, inverse)]
    return g.node("Mul", away, inverse), g.node("Concat", *both, axis=0)
