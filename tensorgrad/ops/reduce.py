"""Reductions: many numbers become one, whose gradient goes back to all that shaped it."""

import math

import numpy as np

from tensorgrad.ops.common import along_first_axis
from tensorgrad.rules import Array, composite, nondifferentiable, primitive, rule


def restore(v, x, axis, keepdims):
    """Give a reduced array its axes back, with length 1, so that it broadcasts against x."""
    if keepdims or axis is None or x.ndim == 0:  # NumPy takes axis=0 for a number's, too
        return v
    return np.expand_dims(v, axis)


def reduced_count(x, axis, where=True):
    """How many elements of x a reduction over `axis` brings together."""
    if where is not True:
        return np.count_nonzero(np.broadcast_to(where, x.shape), axis=axis, keepdims=True)
    if axis is None:
        return x.size
    axes = axis if isinstance(axis, tuple) else (axis,)
    return math.prod([x.shape[i] for i in axes]) if x.ndim else 1


def per(g, n):
    """g / n, in g's dtype though n be an array of integers."""
    if g.dtype == np.float16:  # which ends at 65504, as n may not
        return per(g.astype(np.float32), n).astype(np.float16)
    return g / (n if isinstance(n, int) else np.asarray(n).astype(g.dtype))


def masked(v, where):
    """v where it took part in a reduction, 0 elsewhere."""
    return v if where is True else np.where(where, v, 0)


def _sum(g, _out, _x, axis=None, dtype=None, keepdims=False, initial=0, where=True):
    """Every summed element counts once, so each receives the gradient of its sum."""
    return masked(np.broadcast_to(restore(g, _x, axis, keepdims), _x.shape), where)


def _mean(g, _out, _x, axis=None, dtype=None, keepdims=False, where=True):
    """As the sum, divided by how many there are."""
    g = per(restore(g, _x, axis, keepdims), reduced_count(_x, axis, where))
    return masked(np.broadcast_to(g, _x.shape), where)


def _extreme(g, out, x, axis=None, keepdims=False, initial=None, where=True):
    """All to the extreme element; elements that tie for it, and `initial`, share equally."""
    out = restore(out, x, axis, keepdims)
    chosen = np.equal(x, out)
    if where is not True:
        chosen = chosen & where
    ways = np.count_nonzero(chosen, axis=axis, keepdims=True)
    if initial is not None:
        ways = np.maximum(ways + np.equal(out, initial), 1)
    elif not np.all(ways):  # NaN wins, and is not equal to itself
        chosen = chosen | np.isnan(x)
        ways = np.maximum(np.count_nonzero(chosen, axis=axis, keepdims=True), 1)
    return per(restore(g, x, axis, keepdims), ways) * chosen


def _deviation(x, axis, where):
    """x - mean, conjugated, for that is how a square's size changes; 0 for what takes no part."""
    deviation = masked(x - np.mean(x, axis=axis, keepdims=True, where=where), where)
    return np.conjugate(deviation) if x.dtype.kind == "c" else deviation


def _var(g, _out, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True):
    """2 (x - mean) / (n - ddof): the mean's own share cancels, since deviations sum to 0."""
    g = per(2 * restore(g, x, axis, keepdims), np.subtract(reduced_count(x, axis, where), ddof))
    return g * _deviation(x, axis, where)


def _std(g, out, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True):
    """(x - mean) / ((n - ddof) std), and 0 where nothing varies."""
    out = restore(out, x, axis, keepdims)
    g = per(restore(g, x, axis, keepdims), np.subtract(reduced_count(x, axis, where), ddof))
    return g / np.where(np.equal(out, 0), 1, out) * _deviation(x, axis, where)


def _prod(g, out, x, axis=None, dtype=None, keepdims=False, initial=1, where=True):
    """The product of the others: the whole by the element, or, if that has lost digits, anew."""
    x = x if where is True else np.where(where, x, 1)
    size = np.abs(out)
    if np.all((size > np.finfo(out.dtype).tiny) & (size < np.inf)):
        return masked(restore(g * out, x, axis, keepdims) / x, where)
    return masked(restore(g * initial, x, axis, keepdims) * _others(x, axis), where)


def _others(x, axis):
    """The product of all the others, from a tree of pairwise products: zeros are no special case."""
    if x.size < 2:
        return np.ones(x.shape, x.dtype)
    axes = range(x.ndim) if axis is None else [i % x.ndim for i in np.atleast_1d(axis)]
    order = [i for i in range(x.ndim) if i not in axes] + list(axes)
    moved = np.transpose(x, order)
    n = reduced_count(x, axis)
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
    return np.transpose(others, np.argsort(order))


@primitive
def nan_max(x, axis=None, keepdims=False, initial=np._NoValue, where=True):
    """The maximum of what is not NaN."""
    return np.fmax.reduce(x, axis=axis, keepdims=keepdims, initial=initial, where=where)


@primitive
def nan_min(x, axis=None, keepdims=False, initial=np._NoValue, where=True):
    """The minimum of what is not NaN."""
    return np.fmin.reduce(x, axis=axis, keepdims=keepdims, initial=initial, where=where)


@primitive
def logsumexp(x: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) over `axis`, without overflow.

    Shapes: x (...) -> (...) without `axis`, or with it as 1 if keepdims.
    """
    x = np.asarray(x)
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
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
rule(nan_max,    _extreme)
rule(nan_min,    _extreme)
rule(np.prod,    _prod)
rule(np.var,     _var)
rule(np.std,     _std)
rule(logsumexp,  _logsumexp)

nondifferentiable(np.all, np.any, np.argmax, np.argmin, np.count_nonzero, np.nanargmax, np.nanargmin)
# fmt: on


@composite(np.ptp)
def _ptp(a, axis=None, keepdims=False):
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


# A ufunc's `reduce` is the reduction of its name.
# fmt: off
composite(np.add.reduce,       along_first_axis(np.sum))
composite(np.multiply.reduce,  along_first_axis(np.prod))
composite(np.maximum.reduce,   along_first_axis(np.max))
composite(np.minimum.reduce,   along_first_axis(np.min))
composite(np.fmax.reduce,      along_first_axis(nan_max))
composite(np.fmin.reduce,      along_first_axis(nan_min))
composite(np.logaddexp.reduce, along_first_axis(logsumexp))
# fmt: on
