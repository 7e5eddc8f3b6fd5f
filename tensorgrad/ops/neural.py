"""What networks need and NumPy lacks, each one node of the graph and safe for large arguments."""

import functools

import numpy as np

from tensorgrad.rules import primitive, rule

SHORT = 4096  # ones that are kept: for more, making them does not count


def abs_real(x):
    """|x| of real numbers, where another formula than theirs would be needed for complex ones."""
    if np.iscomplexobj(x):
        raise TypeError(
            "sigmoid, softplus and sigmoid_cross_entropy take real numbers, but these are complex; write the formula "
            "with np.exp"
        )
    return np.abs(x)


@primitive
def relu(x):
    """max(x, 0), whose derivative at 0 is 0."""
    x = np.asarray(x)
    # A row of zeros, for NumPy compares with a single number three times slower.
    return np.maximum(x, np.zeros(x.shape[-1:], x.dtype))


@primitive
def leaky_relu(x, slope=0.01):
    """x where positive, slope * x elsewhere."""
    return (np.maximum if slope <= 1 else np.minimum)(x, slope * x)


@primitive
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow and with full relative precision at both ends."""
    e = np.exp(-abs_real(x))
    return np.maximum(e, np.greater_equal(x, 0)) / (1 + e)  # a `where` would take ten times as long


@primitive
def softplus(x):
    """log(1 + exp(x)), without overflow."""
    return relu(x) + np.log1p(np.exp(-abs_real(x)))


def shift_by_max(x, axis):
    """x below its largest element along an axis, in a new array, and that axis there.

    NumPy reduces many short rows three times slower than a few long columns, so those are turned.
    """
    if x.ndim == 2 and axis in (-1, 1) and x.shape[1] < 128 < 16 * len(x):
        x, axis = x.T.copy(), 0
    return x - np.maximum.reduce(x, axis=axis, keepdims=True), axis


@primitive
def softmax(x, axis=-1):
    """exp(x) over its sum along `axis`, without overflow: positive, and summing to 1."""
    x = np.asarray(x)
    shifted, along = shift_by_max(x, axis)
    e = np.exp(shifted)
    e /= np.add.reduce(e, axis=along, keepdims=True)
    return e if along == axis else e.T


@primitive
def log_softmax(x, axis=-1):
    """The logarithm of the softmax, which stays finite where the softmax itself underflows to 0."""
    out, along = shift_by_max(np.asarray(x), axis)
    out -= np.log(np.add.reduce(np.exp(out), axis=along, keepdims=True))
    return out if along == axis else out.T


def cross_entropy_and_softmax(z, y):
    """What softmax_cross_entropy returns, and the softmax of z, which its rule reads."""
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
    chosen = rows[np.arange(len(y)), y] if indices else np.add.reduce(rows * y, axis=1)
    p = np.exp(shifted, out=shifted if shifted.dtype.kind == "f" else None)
    total = np.add.reduce(p, axis=along, keepdims=True)
    p /= total
    cost = np.log(total.reshape(-1))
    cost = (cost if indices else cost * np.add.reduce(y, axis=1)) - chosen
    return np.add.reduce(cost) / len(z), p if along == 1 else p.T


@primitive
def softmax_cross_entropy(z, y):
    """The mean cross-entropy of logits with class indices, or with a distribution per row.

    Shapes: z (N, C), y (N,) of integers or (N, C) -> ().
    Units: nats.
    """
    return cross_entropy_and_softmax(z, y)[0]


def _softmax_cross_entropy(g, p, _z, y):
    """(p - y) / N, where y is one-hot if it is given as indices."""
    g = g / len(y)
    if np.ndim(y) == 1:
        step = p * g
        step[np.arange(len(y)), y] -= g
    else:
        step = p * np.add.reduce(y, axis=1, keepdims=True)
        step -= y
        step *= g
    return step


@primitive
def sigmoid_cross_entropy(z, y):
    """The binary cross-entropy of each logit with its target in [0, 1], elementwise.

    Shapes: z and y (...) -> (...).
    Units: nats.
    """
    return relu(z) - z * y + np.log1p(np.exp(-abs_real(z)))


@primitive
def linear(x, W, b):
    """x W + b.

    Shapes: x (..., D), W (D, H), b (H,) -> (..., H).
    """
    out = x.dot(W) if x.ndim == 2 else np.matmul(x, W)  # the same product; dot is called faster
    out += b
    return out


def _linear_input(g, _out, _x, W, _b):
    """g Wᵀ."""
    return g.dot(W.T) if g.ndim == 2 else np.matmul(g, W.T)


def _linear_weights(g, _out, x, _W, _b):
    """xᵀ g, summed over everything but the features."""
    if x.ndim != 2:
        x, g = np.reshape(x, (-1, x.shape[-1])), np.reshape(g, (-1, g.shape[-1]))
    return np.dot(x.T, g)  # not x.T.dot: x may be an array, and g a tensor


@functools.lru_cache(maxsize=64)
def ones_row(n, dtype):
    """n ones, kept, for making them takes longer than summing a small array with them."""
    row = np.ones(n, dtype)
    row.setflags(write=False)
    return row


def sum_rows(x):
    """The sum of the rows of a matrix, as a product: three times as fast as np.sum."""
    n = len(x)
    return np.dot((ones_row if n <= SHORT else np.ones)(n, x.dtype), x)


def _linear_biases(g, _out, _x, _W, _b):
    """g, summed over everything but the features."""
    if _b.ndim != 1:
        return g
    if g.ndim != 2:
        return np.add.reduce(g, axis=tuple(range(g.ndim - 1)))
    return sum_rows(g)


@primitive
def dropout(x, mask):
    """x times a mask that is 0 where a unit is dropped and 1 / (1 - rate) where it is kept.

    Shapes: x and mask (...) -> (...).
    """
    return x * mask


# fmt: off
rule(relu,            lambda g, out, _x: g * (out > 0))
rule(leaky_relu,      lambda g, _out, x, slope=0.01: g * np.greater(x, 0) + g * np.less_equal(x, 0) * slope)
rule(sigmoid,         lambda g, out, _x: g * (out * (1 - out)))
rule(softplus,        lambda g, _out, x: g * sigmoid(x))
rule(softmax,         lambda g, out, _x, axis=-1: out * (g - np.sum(g * out, axis=axis, keepdims=True)))
rule(log_softmax,     lambda g, out, _x, axis=-1: g - np.exp(out) * np.sum(g, axis=axis, keepdims=True))
rule(linear,          _linear_input,   _linear_weights,   _linear_biases)
rule(dropout,         lambda g, _out, _x, mask: g * mask,   lambda g, _out, x, _mask: g * x)
rule(softmax_cross_entropy, _softmax_cross_entropy,         lambda g, _p, z, _y: log_softmax(z) * (g / -len(z)),
     residuals=(cross_entropy_and_softmax, lambda z, _y: softmax(z)))
rule(sigmoid_cross_entropy, lambda g, _out, z, y: g * (sigmoid(z) - y),   lambda g, _out, z, _y: -g * z)
# fmt: on
