"""Normalization: numbers shifted and scaled to mean 0 and variance 1, by channel or along axes."""

import math
from typing import Any

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.joint import rule_all
from tensorgrad.operands import reduction
from tensorgrad.ops.channels import channels_last, in_blocks, long_rows, per_channel, sum_channels
from tensorgrad.ops.common import as_inexact, create, sum_rows, values
from tensorgrad.rules import Array, nondifferentiable, primitive, rule

LARGE = 8  # deviations


def like(g, x):
    """Return g in one piece of memory.

    Raises: ValueError if it does not have the shape of x.
    """
    if g.shape != x.shape:
        raise ValueError(f"arrays of shapes {g.shape} and {x.shape} have different channels")
    return create(np.ascontiguousarray, g, g)


@primitive
@in_own_context
def channel_moments(x: Array) -> np.ndarray:
    """Return mean and variance of each channel, over all axes but the last.

    Where a mean is larger than the deviation, the squares are those of deviations, so that no digits are lost.
    Shapes: x (..., C) -> (2, C).
    Raises: ValueError if there are no numbers.
    """
    if not x.size:
        raise ValueError(f"an array of shape {x.shape} has no mean and variance: it is empty")
    x = channels_last(as_inexact(x))
    precise = np.promote_types(x.dtype, np.float32)
    rows, k = long_rows(x)
    means, squares, counts = [], [], []
    for (part,) in in_blocks(rows):
        part = part.astype(precise, copy=False)
        n = len(part) * k
        ones = create(np.ones, x, len(part), precise)
        mean = per_channel(np.dot(ones, part), k) / n
        with np.errstate(over="ignore", invalid="ignore"):
            found = per_channel(np.dot(ones, part * part), k) - n * np.square(mean)
        # Otherwise the difference has lost digits, or a square is too large.
        if not np.all((n * np.square(mean) <= found) & (found < np.inf)):
            near = mean.astype(precise)
            deviations = part - np.tile(near, k)
            deviations *= deviations
            found = per_channel(np.dot(ones, deviations), k) - n * np.square(mean - near)
        squares.append(found)
        means.append(mean)
        counts.append(n)
    # Chan, Golub and LeVeque (1983): the squares in blocks, and those of the blocks' means.
    n, means, squares = sum(counts), np.stack(means), np.stack(squares)
    weights = create(np.asarray, x, counts)[:, None]
    mean = reduction(np.add, weights)(weights * means, axis=0) / n
    between = reduction(np.add, weights)(weights * np.square(means - mean), axis=0)
    return np.stack([mean, (reduction(np.add, squares)(squares, axis=0) + between) / n]).astype(
        x.dtype
    )


@primitive
def shift_scale(x: Array, mean: Any, scale: Any, bias: Any) -> Array:
    """Return (x - mean) scale + bias, channel by channel.

    Shapes: x (..., C), the others (C,) -> (..., C).
    """
    rows, k = long_rows(channels_last(x, mean, scale, bias))
    center, bias = merged(mean, bias, scale, k)
    scale = np.tile(scale, k)
    out = create(np.empty, x, rows.shape, np.result_type(x, center, scale, bias))
    shifts = bias.any()
    for part, found in in_blocks(rows, out):
        np.subtract(part, center, out=found)
        found *= scale
        if shifts:
            found += bias
    return out.reshape(x.shape)


@in_own_context
def merged(mean, bias, scale, k):
    """Return c and a rest so that (x - c) scale + rest is (x - mean) scale + bias, as long rows.

    The rest is 0, which saves one pass over the data, unless c scale is large and would cost digits.
    """
    with np.errstate(all="ignore"):
        center = mean - bias / scale
        exact = np.all(np.abs(center * scale) <= LARGE)  # False for NaN
    if not exact:
        return np.tile(mean, k), np.tile(bias, k)
    return np.tile(center, k), create(np.zeros, bias, 1, bias.dtype)


@primitive
def blend(x, mean, ratio, g, shift, scale):
    """Return ((x - mean) ratio + g - shift) scale, channel by channel.

    Shapes: x and g (..., C), the others (C,) -> (..., C).
    """
    rows, k = long_rows(channels_last(x, mean, ratio, shift, scale))
    others, _ = long_rows(like(g, x))
    center, rest = merged(mean, -shift, ratio, k)
    ratio, scale = np.tile(ratio, k), np.tile(scale, k)
    out = create(np.empty, x, rows.shape, np.result_type(x, center, ratio, g, rest, scale))
    shifts = rest.any()
    for part, other, found in in_blocks(rows, others, out):
        np.subtract(part, center, out=found)
        found *= ratio
        found += other
        if shifts:
            found += rest
        found *= scale
    return out.reshape(x.shape)


@primitive
def mean_products(g, x, mean, inverse):
    """Return the means of g and of g (x - mean), over all axes but the last.

    If 1 / deviations, `inverse`, tell that no mean is larger than its deviation, the second is that of g x, less that
    of g times the mean: this saves a pass, and costs no digits.
    Shapes: g and x (..., C), mean and inverse (C,) -> (2, C).
    """
    precise = np.promote_types(np.result_type(g, x), np.float32)
    rows, k = long_rows(channels_last(x, mean))
    others, _ = long_rows(like(g, x))
    center, total = np.tile(mean, k), create(np.zeros, x, (2, rows.shape[1]), precise)
    around_zero = np.all(np.abs(mean * inverse) <= 1)  # False for NaN
    for part, other in in_blocks(rows, others):
        other, ones = other.astype(precise, copy=False), create(np.ones, x, len(other), precise)
        if not around_zero:
            part = np.subtract(part, center, dtype=precise)
        total[0] += np.dot(ones, other)
        total[1] += np.dot(ones, part * other)
    means = np.stack([per_channel(row, k) for row in total]) / max(len(rows) * k, 1)
    if around_zero:
        means[1] -= mean * means[0]
    return means.astype(np.result_type(g, x))


def normalized(x, gain, bias, moments, epsilon=1e-5):
    """Return the batch norm, and the mean and 1 / deviation of each channel, which the rule reads."""
    x = channels_last(x, gain, bias)
    mean, variance = channel_moments(x) if moments is None else moments
    inverse = 1 / np.sqrt(variance + x.dtype.type(epsilon))
    return shift_scale(x, mean, gain * inverse, bias), np.stack([mean, inverse])


def center_and_inverse(x, _gain, _bias, _moments, epsilon=1e-5):
    """Return the mean and 1 / deviation of each channel, as functions of x. Shapes: x (..., C) -> (2, C)."""
    axes = tuple(range(x.ndim - 1))
    return np.stack([np.mean(x, axis=axes), 1 / np.sqrt(np.var(x, axis=axes) + epsilon)])


@primitive
def batch_norm(x: Array, gain: Any, bias: Any, moments: Any, epsilon: float = 1e-5) -> Array:
    """Return (x - mean) / √(variance + epsilon) gain + bias, with the mean and variance of each channel of x.

    `moments` are the mean and variance, from `channel_moments` of the same x, or None to compute them here; either way
    the gradient is that of a function of x.
    Shapes: x (..., C), gain and bias (C,), moments (2, C) -> (..., C).
    Raises: ValueError if x has no numbers.
    Source: Ioffe and Szegedy (2015), arXiv:1502.03167, algorithm 1.
    """
    return normalized(x, gain, bias, moments, epsilon)[0]


def batch_norm_gradients(g, center, x, gain, _bias, _moments, epsilon=1e-5):
    """Return gain / deviation (g - mean of g - x̂ mean of g x̂), with x̂ normalized, and the sums of g x̂ and of g."""
    mean, inverse = center[0], center[1]
    means = mean_products(g, x, mean, values(inverse))
    n = math.prod(x.shape[:-1])
    step = blend(x, mean, -(inverse * inverse) * means[1], g, means[0], gain * inverse)
    return step, n * inverse * means[1], n * means[0], None


def over_axes(x, axis, epsilon):
    """Return mean and 1 / deviation over axes that are kept. Shapes: x (...) -> (2, ...)."""
    mean = np.mean(x, axis=axis, keepdims=True)
    return np.stack([mean, 1 / np.sqrt(np.var(x, axis=axis, keepdims=True) + epsilon)])


def standardized(x, axis=-1, epsilon=1e-5):
    """Return x with mean 0 and variance 1, and the mean and 1 / deviation, which the rule reads."""
    x = as_inexact(x)
    center = over_axes(x, axis, x.dtype.type(epsilon))
    out = x - center[0]
    out *= center[1]
    return out, center


@primitive
def standardize(x: Array, axis: int | tuple[int, ...] = -1, epsilon: float = 1e-5) -> Array:
    """Return (x - mean) / √(variance + epsilon) along `axis`.

    Shapes: any -> the same.
    """
    return standardized(x, axis, epsilon)[0]


def _standardize(g, center, x, axis=-1, epsilon=1e-5):
    """Return (g - mean of g - out mean of g out) / deviation."""
    mean, inverse = center[0], center[1]
    out = (x - mean) * inverse
    along = np.mean(g * out, axis=axis, keepdims=True)
    return (g - np.mean(g, axis=axis, keepdims=True) - out * along) * inverse


def check_features(x, *vectors):
    """Raise ValueError if there is a vector without one number for each feature."""
    for vector in vectors:
        if vector is not None and vector.shape != x.shape[-1:]:
            raise ValueError(
                f"features of shape {x.shape} take a gain and a bias of shape {x.shape[-1:]}, not {vector.shape}"
            )


def layer_normalized(x, gain, bias, epsilon=1e-5):
    """Return the layer norm, and the standardized x followed by 1 / deviations, which the rule reads."""
    x = as_inexact(x)
    check_features(x, gain, bias)
    C = x.shape[-1]
    rows = x.reshape(-1, C)
    kept = create(np.empty, x, rows.size + len(rows), x.dtype)
    deviations, inverse = kept[: rows.size].reshape(rows.shape), kept[rows.size :]
    mean = np.dot(rows, create(np.ones, x, C, x.dtype)) / x.dtype.type(C)
    np.subtract(rows, mean[:, None], out=deviations)
    variance = np.einsum("ij,ij->i", deviations, deviations) / x.dtype.type(C)
    np.divide(1, np.sqrt(variance + x.dtype.type(epsilon)), out=inverse)
    deviations *= inverse[:, None]
    out = deviations * gain
    if bias is not None:
        out += bias
    return out.reshape(x.shape), kept


def standardized_again(x, gain, bias, epsilon=1e-5):
    """Return the same, recorded."""
    mean, inverse = over_axes(x, -1, epsilon)
    return np.concatenate([np.ravel((x - mean) * inverse), np.ravel(inverse)])


@primitive
def layer_norm(x: Array, gain: Any, bias: Any, epsilon: float = 1e-5) -> Array:
    """Return (x - mean) / √(variance + epsilon) gain + bias (or None), with mean and variance along the last axis.

    Shapes: x (..., C), gain and bias (C,) -> (..., C).
    Raises: ValueError if the shapes do not fit each other.
    Source: Ba, Kiros and Hinton (2016), arXiv:1607.06450, equation 4.
    """
    return layer_normalized(x, gain, bias, epsilon)[0]


def layer_norm_gradients(g, kept, _x, gain, _bias, epsilon=1e-5):
    """Return gain / deviation (g - mean of g - x̂ mean of g x̂), with x̂ standardized, and the sums of g x̂ and of g.

    Sums are products, which NumPy computes five times faster than sums along an axis.
    """
    C, size = _x.shape[-1], math.prod(_x.shape)
    rows, inverse = np.reshape(kept[:size], (-1, C)), kept[size:]
    g = np.reshape(g, (-1, C))
    products = g * rows
    step = rows * (np.dot(products, gain) / -C)[:, None]
    step += (np.dot(g, gain) / -C)[:, None]
    step += g * gain
    step *= inverse[:, None]
    return np.reshape(step, _x.shape), sum_rows(products), sum_rows(g)


def _mean_products(g, _out, h, x, mean, _inverse):
    """Give the means of h and of h (x - mean) their gradients: g[0] and g[1]."""
    g = g / max(math.prod(x.shape[:-1]), 1)
    return g[0] + g[1] * (x - mean), g[1] * h, -g[1] * sum_channels(h), None


def _blend(g, _out, x, mean, ratio, h, shift, scale):
    """Return the gradients of the six parts of ((x - mean) ratio + h - shift) scale."""
    inner, total = g * scale, scale * sum_channels(g)
    deviations = x - mean
    return (
        inner * ratio, -ratio * total, sum_channels(inner * deviations), inner, -total,
        sum_channels(g * (deviations * ratio + h - shift)),
    )  # fmt: skip


def _shift_scale(g, _out, x, mean, scale, _bias):
    """Return the gradients of the four parts of (x - mean) scale + bias."""
    return g * scale, -scale * sum_channels(g), sum_channels(g * (x - mean)), sum_channels(g)


# fmt: off
rule_all(shift_scale,   _shift_scale)
rule_all(blend,         _blend)
rule_all(mean_products, _mean_products)
rule_all(layer_norm,    layer_norm_gradients, residuals=(layer_normalized, standardized_again))
rule_all(batch_norm,    batch_norm_gradients, residuals=(normalized, center_and_inverse))
rule(standardize,       _standardize,  residuals=(standardized, lambda x, axis=-1, epsilon=1e-5: over_axes(x, axis, epsilon)))
nondifferentiable(channel_moments)
# fmt: on
