"""Reductions: many numbers become one, whose gradient goes back to all that shaped it."""

import math

import numpy as np

from tensorgrad.rules import composed, constant, primitive, rule


def restore(v, x, axis, keepdims):
    """Give a reduced array its axes back, with length 1, so that it broadcasts against x."""
    if keepdims or axis is None or x.ndim == 0:  # NumPy takes axis=0 for a number's, too
        return v
    return np.expand_dims(v, axis)


def count(x, axis):
    """How many elements of x a reduction over `axis` brings together."""
    if axis is None:
        return x.size
    axes = axis if isinstance(axis, tuple) else (axis,)
    return math.prod([x.shape[i] for i in axes]) if x.ndim else 1


def _sum(g, _out, _x, axis=None, keepdims=False):
    """Every summed element counts once, so each receives the gradient of its sum."""
    return np.broadcast_to(restore(g, _x, axis, keepdims), _x.shape)


def _mean(g, _out, _x, axis=None, keepdims=False):
    """As the sum, divided by how many there are."""
    return np.broadcast_to(restore(g, _x, axis, keepdims) / count(_x, axis), _x.shape)


def _extreme(g, out, x, axis=None, keepdims=False):
    """All to the extreme element; elements that tie for it share equally."""
    chosen = np.equal(x, restore(out, x, axis, keepdims))
    ways = np.sum(chosen, axis=axis, keepdims=True) if axis is not None else np.sum(chosen)
    return restore(g, x, axis, keepdims) * np.divide(chosen, ways, dtype=x.dtype)


def _var(g, _out, x, axis=None, ddof=0, keepdims=False):
    """2 (x - mean) / (n - ddof): the mean's own share cancels, since deviations sum to 0."""
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    return restore(g, x, axis, keepdims) * deviation * (2 / (count(x, axis) - ddof))


def _std(g, out, x, axis=None, ddof=0, keepdims=False):
    """(x - mean) / ((n - ddof) std), and 0 where nothing varies."""
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    scale = restore(out, x, axis, keepdims) * (count(x, axis) - ddof)
    return restore(g, x, axis, keepdims) * deviation / np.where(scale == 0, 1, scale)


def _prod(g, out, x, axis=None, keepdims=False):
    """The product of the others: the whole by the element, or if that has lost digits, from a tree of products."""
    size = np.abs(out)
    if np.all((size > np.finfo(x.dtype).tiny) & (size < np.inf)):
        return restore(g * out, x, axis, keepdims) / x
    if x.size < 2:
        return np.broadcast_to(restore(g, x, axis, keepdims), x.shape)
    axes = range(x.ndim) if axis is None else [i % x.ndim for i in np.atleast_1d(axis)]
    order = [i for i in range(x.ndim) if i not in axes] + list(axes)
    moved = np.transpose(x, order)
    n = count(x, axis)
    rows = np.reshape(moved, (*moved.shape[: x.ndim - len(axes)], n))
    levels = []
    while rows.shape[-1] > 1:
        if rows.shape[-1] % 2:
            rows = np.concatenate([rows, np.ones((*rows.shape[:-1], 1), x.dtype)], axis=-1)
        levels.append(rows)
        rows = rows[..., ::2] * rows[..., 1::2]
    others = np.ones((*rows.shape[:-1], 1), x.dtype)
    for level in reversed(levels):
        pairs = np.reshape(level, (*level.shape[:-1], -1, 2))
        others = np.reshape(
            np.expand_dims(others[..., : pairs.shape[-2]], -1) * pairs[..., ::-1], level.shape
        )
    others = np.reshape(others[..., :n], moved.shape)
    return restore(g, x, axis, keepdims) * np.transpose(others, np.argsort(order))


def _cumsum(g, _out, _x, axis=None):
    """Each element counts in every later sum."""
    if axis is None:
        return np.reshape(np.flip(np.cumsum(np.flip(g))), _x.shape)
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


@primitive
def logsumexp(x, axis=None, keepdims=False):
    """log(sum(exp(x))) over `axis`, without overflow.

    Shapes: x (...) -> (...) without `axis`, or with it as 1 if keepdims.
    """
    x = np.asarray(x)
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0).astype(top.dtype)
    with np.errstate(divide="ignore"):  # of -inf alone the sum is 0, and its logarithm -inf
        out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis=axis)


def _logsumexp(g, out, x, axis=None, keepdims=False):
    """Each element's share of the sum: the softmax, and 0 where all are -inf."""
    out = np.where(np.isfinite(out), out, 0)
    return restore(g, x, axis, keepdims) * np.exp(x - restore(out, x, axis, keepdims))


# fmt: off
rule(np.sum,     _sum)
rule(np.mean,    _mean)
rule(np.max,     _extreme)
rule(np.amax,    _extreme)
rule(np.min,     _extreme)
rule(np.amin,    _extreme)
rule(np.prod,    _prod)
rule(np.var,     _var)
rule(np.std,     _std)
rule(np.cumsum,  _cumsum)
rule(logsumexp,  _logsumexp)

constant(np.all, np.any, np.argmax, np.argmin, np.count_nonzero, np.nanargmax, np.nanargmin)
# fmt: on

# The `reduce` of a ufunc is the reduction of its name, along the first axis unless told otherwise.
for _ufunc, _whole in (
    (np.add, np.sum),
    (np.multiply, np.prod),
    (np.maximum, np.max),
    (np.minimum, np.min),
):
    composed(_ufunc.reduce, lambda a, axis=0, whole=_whole, **kwargs: whole(a, axis=axis, **kwargs))
composed(np.add.accumulate, lambda a, axis=0: np.cumsum(a, axis=axis))
