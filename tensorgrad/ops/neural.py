"""Functions of neural networks that NumPy lacks: one node each, and stable for large arguments."""

from typing import Any

import numpy as np

from tensorgrad.operands import plain_array, reduction
from tensorgrad.ops.common import as_inexact, create, sum_kept, sum_rows
from tensorgrad.rules import Array, primitive, rule


def abs_real(x):
    """Return |x| of real numbers, and refuse complex ones, whose formula would be another.

    Raises: TypeError if x is complex.
    """
    if np.iscomplexobj(x):
        raise TypeError(
            "sigmoid, softplus and sigmoid_cross_entropy take real numbers, but these are complex; write the formula "
            "with np.exp"
        )
    return np.abs(as_inexact(x))


@primitive
def relu(x: Array) -> Array:
    """Return max(x, 0); the derivative at 0 is 0.

    Shapes: any -> the same.
    """
    x = plain_array(x)
    # A row of zeros, because NumPy compares with a single number three times slower.
    return np.maximum(x, create(np.zeros, x, x.shape[-1:], x.dtype))


@primitive
def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    """Return x where positive, slope * x elsewhere.

    Shapes: any -> the same.
    """
    x = plain_array(x)
    return (np.maximum if slope <= 1 else np.minimum)(x, slope * x)


@primitive
def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)), without overflow and with full relative precision at both ends.

    Shapes: any -> the same.
    """
    e = np.exp(-abs_real(x))
    return np.maximum(e, np.greater_equal(x, 0)) / (1 + e)  # a `where` would take ten times as long


@primitive
def softplus(x: Array) -> Array:
    """Return log(1 + exp(x)), without overflow.

    Shapes: any -> the same.
    """
    return relu(x) + np.log1p(np.exp(-abs_real(x)))


def shift_by_max(x, axis):
    """Subtract the maximum along an axis; return the new array and the axis in it.

    Many short rows are transposed, because NumPy reduces a few long columns three times faster.
    """
    if x.dtype.kind in "biu":
        x = as_inexact(x)
    if x.size == 0:  # which has no maximum
        return x.copy(), axis
    if x.ndim == 2 and axis in (-1, 1) and x.shape[1] < 128 < 16 * len(x):
        x, axis = x.T.copy(), 0
    return x - reduction(np.maximum, x)(x, axis=axis, keepdims=True), axis


@primitive
def softmax(x: Array, axis: int = -1) -> Array:
    """Return exp(x) over its sum along `axis`, without overflow: nonnegative numbers that sum to 1.

    Shapes: any -> the same.
    """
    x = plain_array(x)
    shifted, along = shift_by_max(x, axis)
    e = np.exp(shifted)
    e /= reduction(np.add, e)(e, axis=along, keepdims=True)
    return e if along == axis else e.T


@primitive
def log_softmax(x: Array, axis: int = -1) -> Array:
    """Return the logarithm of the softmax, which stays finite where the softmax underflows to 0.

    Shapes: any -> the same.
    """
    out, along = shift_by_max(plain_array(x), axis)
    if out.size:
        out -= np.log(reduction(np.add, out)(np.exp(out), axis=along, keepdims=True))
    return out if along == axis else out.T


def cross_entropy_and_softmax(z, y):
    """Return the cross-entropy, and the softmax of z, which the rule reads."""
    shape = np.shape(y)
    if shape not in (z.shape, z.shape[:1]):
        raise ValueError(
            f"softmax_cross_entropy of logits of shape {z.shape} takes class indices of shape {z.shape[:1]}, or "
            f"distributions of shape {z.shape}, but got targets of shape {shape}"
        )
    # From the logits, not from the softmax: a probability that underflows to 0 would cost infinity.
    shifted, along = shift_by_max(z, 1)
    rows = shifted if along == 1 else shifted.T
    indices = len(shape) == 1
    chosen = rows[np.arange(len(y)), y] if indices else reduction(np.add, rows)(rows * y, axis=1)
    p = np.exp(shifted, out=shifted if shifted.dtype.kind == "f" else None)
    total = reduction(np.add, p)(p, axis=along, keepdims=True)
    p /= total
    cost = np.log(total.reshape(-1))
    cost = (cost if indices else cost * reduction(np.add, y)(y, axis=1)) - chosen
    return reduction(np.add, cost)(cost) / len(z), p if along == 1 else p.T


@primitive
def softmax_cross_entropy(z: Array, y: Any) -> Array:
    """Return the mean cross-entropy of logits with class indices, or with a distribution per row.

    Shapes: z (N, C), y (N,) of integers or (N, C) -> ().
    Units: nats.
    """
    return cross_entropy_and_softmax(z, y)[0]


def _softmax_cross_entropy(g, p, _z, y):
    """Return (p - y) / N, where y is one-hot if given as indices."""
    g = g / len(y)
    if np.ndim(y) == 1:
        step = p * g
        step[np.arange(len(y)), y] -= g
    else:
        step = p * reduction(np.add, y)(y, axis=1, keepdims=True)
        step -= y
        step *= g
    return step


@primitive
def sigmoid_cross_entropy(z: Array, y: Any) -> Array:
    """Return the binary cross-entropy of each logit with its target in [0, 1], elementwise.

    Shapes: z and y (...) -> (...).
    Units: nats.
    """
    return relu(z) - z * y + np.log1p(np.exp(-abs_real(z)))


@primitive
def linear(x: Any, W: Array, b: Any) -> Array:
    """Return x W + b.

    Shapes: x (..., D), W (D, H), b (H,) -> (..., H).
    """
    if x.ndim == 2:
        out = x.dot(W)
    else:  # one product of all rows, because NumPy would take one for each matrix in a stack
        out = x.reshape(-1, x.shape[-1]).dot(W).reshape(*x.shape[:-1], W.shape[1])
    out += b
    return out


def _linear_input(g, _out, _x, W, _b):
    """Return g Wᵀ."""
    if g.ndim == 2:
        return np.dot(g, W.T)
    return np.reshape(np.dot(np.reshape(g, (-1, g.shape[-1])), W.T), _x.shape)


def _linear_weights(g, _out, x, _W, _b):
    """Return xᵀ g, summed over all axes but the features."""
    if x.ndim != 2:
        x, g = np.reshape(x, (-1, x.shape[-1])), np.reshape(g, (-1, g.shape[-1]))
    return np.dot(x.T, g)  # not x.T.dot: x may be an array, and g a tensor


def _linear_biases(g, _out, _x, _W, _b):
    """Sum g over all axes but the features."""
    if _b.ndim != 1:
        return g
    if g.ndim != 2:
        g = np.reshape(g, (-1, g.shape[-1]))
    return sum_rows(g)


@primitive
def dropout(x: Array, mask: Any) -> Array:
    """Multiply x by a mask that is 0 where a unit is dropped and 1 / (1 - rate) elsewhere.

    Shapes: x and mask (...) -> (...).
    """
    return x * mask


# fmt: off
rule(relu,            lambda g, out, _x: g * (out > 0))
rule(leaky_relu,      lambda g, _out, x, slope=0.01: g * np.greater(x, 0) + g * np.less_equal(x, 0) * slope)
rule(sigmoid,         lambda g, out, _x: g * (out * (1 - out)))
rule(softplus,        lambda g, _out, x: g * sigmoid(x))
rule(softmax,         lambda g, out, _x, axis=-1: out * (g - sum_kept(g * out, axis)))
rule(log_softmax,     lambda g, out, _x, axis=-1: g - np.exp(out) * sum_kept(g, axis))
rule(linear,          _linear_input,   _linear_weights,   _linear_biases)
rule(dropout,         lambda g, _out, _x, mask: g * mask,   lambda g, _out, x, _mask: g * x)
rule(softmax_cross_entropy, _softmax_cross_entropy,         lambda g, _p, z, _y: log_softmax(z) * (g / -len(z)),
     residuals=(cross_entropy_and_softmax, lambda z, _y: softmax(z)))
rule(sigmoid_cross_entropy, lambda g, _out, z, y: g * (sigmoid(z) - y),   lambda g, _out, z, _y: -g * z)
# fmt: on
