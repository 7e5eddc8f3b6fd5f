"""Convolutions and filters of signals: scipy.signal for tensors."""

from typing import Any

import numpy as np
import scipy.signal

from tensorgrad.ops.common import (
    as_array,
    as_inexact,
    axis_index,
    axis_indices,
    numpys,
    substituted,
)
from tensorgrad.scipy.values import given_tensors, valued_by, with_rules

__all__ = ["convolve", "correlate", "fftconvolve", "lfilter"]


def __getattr__(name: str) -> Any:
    """Return SciPy's own function of a name that is not here; it takes arrays."""
    return getattr(scipy.signal, name)


def _full(g, _out, _a, b, axes=None):
    """Correlate with the other factor: where it lies inside, and summed where it was repeated."""
    return valid(g, np.flip(b, axes), axes=axes)


def _valid_long(g, _out, _a, b, axes=None):
    return full(g, np.flip(b, axes), axes=axes)


def _valid_short(g, _out, a, _b, axes=None):
    return np.flip(valid(a, np.flip(g, axes), axes=axes), axes)


@with_rules(_full, lambda g, _out, a, _b, axes=None: _full(g, _out, _b, a, axes))
def full(a: Any, b: Any, axes: tuple[int, ...] = ()) -> Any:
    """Convolve along axes."""
    return scipy.signal.fftconvolve(a, b, "full", axes)


@with_rules(_valid_long, _valid_short)
def valid(a: Any, b: Any, axes: tuple[int, ...] = ()) -> Any:
    """Convolve a with the shorter b along axes, where b lies inside."""
    return scipy.signal.fftconvolve(a, b, "valid", axes)


def convolution_part(a: Any, b: Any, mode: str, axes: tuple[int, ...]) -> Any:
    """Return the part of a convolution along axes that a mode stands for."""
    whole = full(a, b, axes=axes)
    index: list[Any] = [slice(None)] * whole.ndim
    for axis in axes:
        n, m = a.shape[axis], b.shape[axis]
        length = {"full": n + m - 1, "same": n, "valid": max(n, m) - min(n, m) + 1}[mode]
        start = (whole.shape[axis] - length) // 2
        index[axis] = slice(start, start + length)
    return whole[tuple(index)]


@valued_by(scipy.signal.convolve)
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Convolve arrays of any dimension, as scipy.signal.convolve does."""
    in1, in2 = as_inexact(in1), as_inexact(in2)
    if in1.ndim == 0:
        return in1 * in2
    return convolution_part(in1, in2, mode, tuple(range(in1.ndim)))


@valued_by(scipy.signal.fftconvolve)
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """Convolve arrays along axes by Fourier transforms, as scipy.signal.fftconvolve does."""
    in1, in2 = as_inexact(in1), as_inexact(in2)
    return convolution_part(in1, in2, mode, axis_indices(axes, in1.ndim)) if in1.ndim else in1 * in2


@valued_by(scipy.signal.correlate)
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Correlate arrays of any dimension, as scipy.signal.correlate does."""
    in1, in2 = as_inexact(in1), as_inexact(in2)
    reverse = np.flip(np.conj(in2) if in2.dtype.kind == "c" else in2)
    return (
        convolution_part(in1, reverse, mode, tuple(range(in1.ndim))) if in1.ndim else in1 * reverse
    )


# Filters: y = u - a1 y1 - a2 y2 …, where y1 is y one step ago, and u = b0 x + b1 x1 + …


def _feedback_input(g, _out, a, _u):
    """Filter the gradient backwards in time."""
    return np.flip(feedback(a, np.flip(g, -1)), -1)


def _feedback_coefficients(g, out, a, _u):
    """Correlate the gradient in u with y of earlier steps."""
    back, n = np.flip(feedback(a, np.flip(g, -1)), -1), out.shape[-1]
    lags = [np.sum(back[..., k:] * out[..., : max(n - k, 0)]) for k in range(a.shape[0])]
    return -np.stack([0 * lags[0], *lags[1:]])


@with_rules(_feedback_coefficients, _feedback_input)
def feedback(a: Any, u: Any) -> Any:
    """Filter u along the last axis by feedback alone; a[0] is 1."""
    return scipy.signal.lfilter(np.ones(1, a.dtype), a, u)


def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """Filter along an axis, as scipy.signal.lfilter does.

    With `zi`, the initial state of the delays, it returns the final state, too.
    """
    value = numpys(scipy.signal.lfilter, b, a, x, axis, zi)
    if not given_tensors(b, a, x, zi):
        return value
    b, a = (np.atleast_1d(as_inexact(c)) for c in (b, a))
    b, a = b / a[0], a / a[0]
    x = as_inexact(x)
    axis = axis_index(axis, x.ndim)
    x = np.moveaxis(x, axis, -1)
    n, order = x.shape[-1], max(a.shape[0], b.shape[0]) - 1
    u = filtered_by(b, x)
    if zi is not None:
        u = with_zeros(u, n + order) + with_zeros(np.moveaxis(as_array(zi), axis, -1), n + order)
    y = feedback(a, u[..., :n])
    if zi is None:
        return substituted(np.moveaxis(y, -1, axis), value)
    rest = (
        u[..., n:] - with_zeros(filtered_by(a, y), n + order)[..., n:]
    )  # what the delays still hold
    return substituted(tuple(np.moveaxis(part, -1, axis) for part in (y, rest)), value)


def filtered_by(c: Any, x: Any) -> Any:
    """Convolve x with a vector along its last axis."""
    return full(x, np.reshape(c, (1,) * (x.ndim - 1) + (-1,)), axes=(x.ndim - 1,))


def with_zeros(x: Any, n: int) -> Any:
    """Return x with zeros up to the length n along its last axis."""
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])
