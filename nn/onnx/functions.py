"""The operators of ONNX as functions of a node's inputs, None where left out, and attributes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tensorgrad as tg

MOST_ELEMENTS = 1 << 26  # of an array whose size a file decides
LAST = 1 << 62  # beyond every axis

# fmt: off
CASTS = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64,
    9: np.bool_, 10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}
# fmt: on


def integers(x: Any) -> list[int]:
    """Return a vector of integers as a list.

    Raises: TypeError if it depends on a gradient, which sizes and axes cannot.
    """
    return [int(v) for v in np.asarray(x).reshape(-1)]


def within_limit(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape that a file asks for.

    Raises: ValueError, before memory is used, if it is larger than any network needs.
    """
    if any(n < 0 for n in shape) or math.prod(shape) > MOST_ELEMENTS:
        raise ValueError(
            f"an array of shape {tuple(shape)} is asked for, beyond the limit of "
            f"{MOST_ELEMENTS:,} elements"
        )
    return tuple(shape)


def divide(a: Any, b: Any) -> Any:
    """Return a / b, of integers towards 0."""
    if a.dtype.kind in "iu" and b.dtype.kind in "iu":
        return np.trunc(np.divide(a, b)).astype(np.result_type(a, b))
    return a / b


def modulo(a: Any, b: Any, fmod: int = 0) -> Any:
    """Return the remainder, with the sign of b, or of a if `fmod`."""
    return np.fmod(a, b) if fmod else np.remainder(a, b)


def chained(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of any number of arrays, from one of two."""

    def call(*arrays: Any) -> Any:
        found = arrays[0]
        for x in arrays[1:]:
            found = function(found, x)
        return found

    return call


def cast_to(x: Any, to: int = 1, **_: Any) -> Any:
    """Return x in another dtype."""
    if to not in CASTS:
        raise ValueError(f"NumPy has no dtype for the type {to} of ONNX")
    return x.astype(CASTS[to])


def between(x: Any, low: Any = None, high: Any = None, min: Any = None, max: Any = None) -> Any:
    """Return x between two limits."""
    low, high = (min if low is None else low), (max if high is None else high)
    x = x if low is None else np.maximum(x, np.asarray(low, x.dtype))
    return x if high is None else np.minimum(x, np.asarray(high, x.dtype))


def elu(x: Any, alpha: float = 1.0, gamma: float = 1.0) -> Any:
    """Return gamma x where positive, gamma alpha (exp(x) - 1) elsewhere."""
    positive = np.greater(x, 0)
    return gamma * np.where(positive, x, alpha * np.expm1(np.where(positive, 0, x)))


def selu(x: Any, alpha: float = 1.6732632, gamma: float = 1.050701) -> Any:
    """Return the scaled ELU."""
    return elu(x, alpha, gamma)


def gelu_by(x: Any, approximate: str = "none") -> Any:
    """Return x Φ(x)."""
    if approximate == "tanh":
        return x * tg.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))
    return x * tg.ndtr(x)


def hard_sigmoid(x: Any, alpha: float = 0.2, beta: float = 0.5) -> Any:
    """Return alpha x + beta between 0 and 1."""
    return np.clip(alpha * x + beta, 0, 1)


def over_last(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the softmax or its logarithm; before opset 13, over all axes from `axis` on."""

    def call(x: Any, axis: Any = None, *, opset: int) -> Any:
        if opset >= 13:
            return function(x, axis=-1 if axis is None else axis)
        k = (1 if axis is None else axis) % max(x.ndim, 1)
        flat = np.reshape(x, (*x.shape[:k], math.prod(x.shape[k:])))
        return np.reshape(function(flat, axis=-1), x.shape)

    return call


def axes_list(axes: Any) -> tuple[int, ...]:
    """Return axes from an attribute or an input."""
    return tuple(axes) if isinstance(axes, (list, tuple)) else tuple(integers(axes))


def along_given_axes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reduction; its axes are an attribute before opset 18, an input after it."""

    def call(x: Any, axes: Any = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
        chosen = () if axes is None else axes_list(axes)
        if not chosen and noop_with_empty_axes:
            return x
        return function(x, axis=chosen or None, keepdims=bool(keepdims))

    return call


def position_of(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the position of the largest or smallest element along an axis."""

    def call(x: Any, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Any:
        if select_last_index:
            raise ValueError("select_last_index is not known")
        return function(x, axis=axis, keepdims=bool(keepdims))

    return call


def cumsum(x: Any, axis: Any, exclusive: int = 0, reverse: int = 0) -> Any:
    """Return sums of the first elements."""
    (k,) = integers(axis)
    turned = np.flip(x, k) if reverse else x
    found = np.cumsum(turned, axis=k)
    found = found - turned if exclusive else found
    return np.flip(found, k) if reverse else found


def gemm(
    A: Any, B: Any, C: Any = None, alpha: float = 1.0, beta: float = 1.0, transA: int = 0,
    transB: int = 0,
) -> Any:  # fmt: skip
    """Return alpha A B + beta C."""
    A, B = (A.T if transA else A), (B.T if transB else B)
    out = A @ B if alpha == 1 else alpha * (A @ B)
    return out if C is None else out + (C if beta == 1 else beta * C)


# Shapes


def reshape(x: Any, shape: Any, allowzero: int = 0) -> Any:
    """Return x in another shape, in which 0 stands for the same length as before."""
    lengths = integers(shape)
    if not allowzero:
        lengths = [x.shape[k] if n == 0 else n for k, n in enumerate(lengths)]
    return np.reshape(x, tuple(lengths))


def flatten(x: Any, axis: int = 1) -> Any:
    """Return x as a matrix, with the first axes as rows."""
    k = axis % (x.ndim + 1) if axis < 0 else axis
    return np.reshape(x, (math.prod(x.shape[:k]), math.prod(x.shape[k:])))


def squeeze(x: Any, axes: Any = None) -> Any:
    """Return x without axes of length 1."""
    return np.squeeze(x, None if axes is None else axes_list(axes))


def unsqueeze(x: Any, axes: Any) -> Any:
    """Return x with new axes."""
    return np.expand_dims(x, axes_list(axes))


def transpose(x: Any, perm: Any = None) -> Any:
    """Return x with its axes in another order."""
    return np.transpose(x, perm)


def concat(*arrays: Any, axis: int) -> Any:
    """Return arrays one after another."""
    return np.concatenate(arrays, axis=axis)


def parts_of(
    x: Any, sizes: Any = None, *, axis: int = 0, split: Any = None, num_outputs: int = 0,
    n_outputs: int,
) -> Any:  # fmt: skip
    """Return parts of x along an axis."""
    given = split if sizes is None else integers(sizes)
    if given is None:
        n = num_outputs or n_outputs
        size = -(-x.shape[axis] // n)
        given = [size] * (n - 1)
    return tuple(np.split(x, np.cumsum(given)[: n_outputs - 1].tolist(), axis=axis))


def slice_of(
    x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None
) -> Any:
    """Return slices along axes."""
    begins, stops = axes_list(starts), axes_list(ends)
    along = range(len(begins)) if axes is None else axes_list(axes)
    strides = (1,) * len(begins) if steps is None else axes_list(steps)
    index = [slice(None)] * x.ndim
    for axis, start, stop, step in zip(along, begins, stops, strides, strict=True):
        to_the_end = step < 0 and stop < -x.shape[axis]
        index[axis] = slice(start, None if to_the_end else stop, step)
    return x[tuple(index)]


def gather(x: Any, indices: Any, axis: int = 0) -> Any:
    """Return x at positions along an axis."""
    return np.take(x, np.asarray(indices), axis=axis)


def gather_elements(x: Any, indices: Any, axis: int = 0) -> Any:
    """Return elements at positions along an axis."""
    return np.take_along_axis(x, np.asarray(indices), axis)


def gather_nd(x: Any, indices: Any, batch_dims: int = 0) -> Any:
    """Return x at positions in several axes."""
    if batch_dims:
        raise ValueError("batch_dims is not known")
    return x[tuple(np.moveaxis(np.asarray(indices), -1, 0))]


def scatter_nd(x: Any, indices: Any, updates: Any, reduction: str = "none") -> Any:
    """Return a copy of x with other values at positions."""
    if reduction != "none":
        raise ValueError(f"the reduction {reduction!r} is not known")
    out = tg.Tensor(x) * 1 if not isinstance(x, tg.Tensor) else x * 1
    out[tuple(np.moveaxis(np.asarray(indices), -1, 0))] = updates
    return out


def expand(x: Any, shape: Any) -> Any:
    """Return x repeated along axes of length 1."""
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, within_limit(integers(shape))))


def tile(x: Any, repeats: Any) -> Any:
    """Return x several times along its axes."""
    counts = integers(repeats)
    within_limit([n * k for n, k in zip(x.shape, counts, strict=True)])
    return np.tile(x, tuple(counts))


def padded_by(
    x: Any, pads: Any, value: Any = None, axes: Any = None, *, mode: str = "constant"
) -> Any:
    """Return x between constants, or its own values."""
    amounts = axes_list(pads)
    along = range(x.ndim) if axes is None else axes_list(axes)
    pairs = [(0, 0)] * x.ndim
    for k, axis in enumerate(along):
        pairs[axis] = (amounts[k], amounts[k + len(amounts) // 2])
    within_limit([n + a + b for n, (a, b) in zip(x.shape, pairs, strict=True)])
    if mode != "constant":
        return np.pad(x, pairs, mode=mode)
    fill = 0 if value is None else np.asarray(value).reshape(-1)[0]
    return np.pad(x, pairs, constant_values=fill)


def filled(shape: Any, value: Any = None) -> Any:
    """Return an array of one value."""
    fill = np.zeros(1, np.float32) if value is None else np.asarray(value)
    return np.full(within_limit(integers(shape)), fill.reshape(-1)[0], fill.dtype)


def stretch_of_numbers(start: Any, stop: Any, step: Any) -> Any:
    """Return numbers at equal distances."""
    start, stop, step = (np.asarray(v)[()] for v in (start, stop, step))
    within_limit([max(int(np.ceil((stop - start) / step)), 0)])
    return np.arange(start, stop, step)


def shape_vector(x: Any, start: int = 0, end: int = LAST) -> Any:
    """Return the shape, or a part of it."""
    return np.array(x.shape[start:end], np.int64)


def triangle(x: Any, k: Any = None, upper: int = 1) -> Any:
    """Return a triangle of the last two axes, with zeros elsewhere."""
    diagonal = 0 if k is None else integers(k)[0]
    return np.triu(x, diagonal) if upper else np.tril(x, diagonal)


def one_hot(indices: Any, depth: Any, values: Any, axis: int = -1) -> Any:
    """Return arrays that are `values[1]` at an index and `values[0]` elsewhere."""
    (n,) = integers(depth)
    index = np.asarray(indices) % max(n, 1)
    within_limit([*index.shape, n])
    found = np.where(index[..., None] == np.arange(n), values[1], values[0])
    return np.moveaxis(found, -1, axis)


def undropped(x: Any, *_: Any, **__: Any) -> Any:
    """Return x, as dropout does in inference."""
    return x
