"""Sliding windows and their adjoint, the parts of convolution and pooling.

Shapes: windows of (k₁, …, kₙ) over the last n axes of x (…, L₁, …, Lₙ) give (…, W₁, …, Wₙ, k₁, …, kₙ), where a step of
sᵢ makes Wᵢ = (Lᵢ - kᵢ) // sᵢ + 1. A convolution is a product with the windows, summed over k; a pooling reduces over k.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple
from numpy.lib.stride_tricks import sliding_window_view

from tensorgrad.ops.common import create
from tensorgrad.rules import Array, composite, primitive, rule


@primitive
def windows(x: Array, size: Sequence[int], step: int | Sequence[int] = 1) -> Array:
    """Return all windows of this size, `step` apart, as a view without a copy.

    Shapes: x (..., L₁, ..., Lₙ), size (k₁, ..., kₙ) -> (..., W₁, ..., Wₙ, k₁, ..., kₙ).
    """
    n = len(size)
    steps = np.broadcast_to(step, n)
    view = sliding_window_view(x, size, axis=tuple(range(-n, 0)))
    return view[(..., *(slice(None, None, int(s)) for s in steps), *(slice(None),) * n)]


@primitive
def fold(w: Array, shape: Sequence[int], step: int | Sequence[int] = 1) -> Array:
    """Put windows back in their places and add them where they overlap: the adjoint of `windows`.

    Shapes: w (..., W₁, ..., Wₙ, k₁, ..., kₙ), shape (L₁, ..., Lₙ) -> (..., L₁, ..., Lₙ).
    """
    n = len(shape)
    steps = np.broadcast_to(step, n)
    counts, size = w.shape[-2 * n : -n], w.shape[-n:]
    fitting = tuple(
        (length - k) // int(s) + 1 for length, k, s in zip(shape, size, steps, strict=True)
    )
    if counts != fitting:
        raise ValueError(
            f"an array of shape {tuple(shape)} has {fitting} windows of {size} at steps of {step}, but {counts} were given"
        )
    out = create(np.zeros, w, w.shape[: -2 * n] + tuple(shape), w.dtype)
    # One strided addition per place in a window: a few long ones instead of many short ones, one per window.
    for place in itertools.product(*map(range, size)):
        stretch = (
            slice(i, i + int(s) * (count - 1) + 1, int(s))
            for i, s, count in zip(place, steps, counts, strict=True)
        )
        out[(..., *stretch)] += w[(..., *place)]
    return out


# fmt: off
rule(windows, lambda g, _out, _x, size=None, step=1: fold(g, shape=_x.shape[_x.ndim - len(size) :], step=step))
rule(fold, lambda g, _out, _w, shape=None, step=1: windows(g, size=_w.shape[_w.ndim - len(shape) :], step=step))
# fmt: on


@composite(sliding_window_view)
def _sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """Take windows over any axes; the window dimensions come last."""
    if writeable:
        raise TypeError("windows of a tensor overlap and cannot be written to; omit writeable=")
    size = tuple(np.atleast_1d(window_shape).tolist())
    axes = list(range(x.ndim)) if axis is None else list(normalize_axis_tuple(axis, x.ndim))
    if len(size) != len(axes):
        raise ValueError(
            f"windows of shape {size} need {len(size)} axes, but axis={axis} names {len(axes)}"
        )
    rest = [i for i in range(x.ndim) if i not in axes]
    found = windows(np.transpose(x, rest + axes), size)
    order = np.argsort(rest + axes).tolist()
    return np.transpose(found, order + list(range(x.ndim, found.ndim)))
