"""Reductions along axes: sums, products, means, extremes and deviations."""

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tensorgrad.contexts import in_own_context
from tensorgrad.operands import has_foreign
from tensorgrad.ops.common import (
    along_first_axis,
    as_array,
    as_inexact,
    beside_mask,
    create,
    is_plain,
    values,
)
from tensorgrad.rules import Array, composite, nondifferentiable, primitive, refuse_out, rule


def restore(v, x, axis, keepdims):
    """Restore the reduced axes with length 1, so that v broadcasts against x."""
    if keepdims or axis is None or x.ndim == 0:  # a 0-d array accepts axis=0 too
        return v
    return np.expand_dims(v, axis)


def reduced_count(x, axis, where=True):
    """Count the elements of x that a reduction over `axis` combines."""
    if where is not True:
        return np.count_nonzero(np.broadcast_to(where, x.shape), axis=axis, keepdims=True)
    if axis is None:
        return x.size
    axes = axis if isinstance(axis, tuple) else (axis,)
    return math.prod([x.shape[i] for i in axes]) if x.ndim else 1


def per(g, n):
    """Divide g by n, in the dtype of g even if n is an array of integers."""
    if g.dtype == np.float16:  # n may exceed 65504, its maximum
        return per(g.astype(np.float32), n).astype(np.float16)
    return g / (n if isinstance(n, int) else as_array(n).astype(g.dtype))


def masked(v, where):
    """Replace v by 0 where it took no part in a reduction."""
    return v if where is True else np.where(where, v, 0)


def _sum(g, _out, _x, axis=None, dtype=None, keepdims=False, initial=0, where=True):
    """Every summed element counts once, so each receives the gradient of its sum."""
    return masked(np.broadcast_to(restore(g, _x, axis, keepdims), _x.shape), where)


def _mean(g, _out, _x, axis=None, dtype=None, keepdims=False, where=True):
    """Divide the rule of the sum by the number of elements."""
    g = per(restore(g, _x, axis, keepdims), reduced_count(_x, axis, where))
    return masked(np.broadcast_to(g, _x.shape), where)


def counted_along(chosen, axis):
    """Count the elements that are True, along axes that are kept."""
    if has_foreign(chosen):  # whose library may not know keepdims here
        return np.sum(chosen, axis=axis, keepdims=True)
    return np.count_nonzero(chosen, axis=axis, keepdims=True)


def _extreme(g, out, x, axis=None, keepdims=False, initial=None, where=True):
    """Give all to the extreme element; elements that tie for it, and `initial`, share equally."""
    out = restore(out, x, axis, keepdims)
    chosen = np.equal(x, out)
    if where is not True:
        chosen = chosen & where
    ways = counted_along(chosen, axis)
    if initial is not None:
        ways = np.maximum(ways + np.equal(out, initial), 1)
    elif not is_plain(g) or not np.all(ways):  # NaN wins, and is not equal to itself
        chosen = chosen | (np.equal(ways, 0) & np.isnan(x))
        ways = np.maximum(counted_along(chosen, axis), 1)
    return per(restore(g, x, axis, keepdims), ways) * chosen


def among(where):
    """Return the keyword of a reduction over a part of an array; none for all, because Dask does not know it."""
    return {} if where is True else {"where": where}


def _deviation(x, axis, where):
    """Return the conjugate of x - mean, and 0 where `where` is False."""
    deviation = masked(x - np.mean(x, axis=axis, keepdims=True, **among(where)), where)
    return np.conjugate(deviation) if x.dtype.kind == "c" else deviation


def _var(g, _out, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True):
    """Return 2 (x - mean) / (n - ddof): the mean's own contribution cancels, because deviations sum to 0."""
    g = per(2 * restore(g, x, axis, keepdims), np.subtract(reduced_count(x, axis, where), ddof))
    return g * _deviation(x, axis, where)


def _std(g, out, x, axis=None, dtype=None, ddof=0, keepdims=False, where=True):
    """Return (x - mean) / ((n - ddof) std), and 0 where std is 0."""
    out = restore(out, x, axis, keepdims)
    g = per(restore(g, x, axis, keepdims), np.subtract(reduced_count(x, axis, where), ddof))
    return g / np.where(np.equal(out, 0), 1, out) * _deviation(x, axis, where)


def _prod(g, out, x, axis=None, dtype=None, keepdims=False, initial=1, where=True):
    """Multiply by the product of the other elements: out / x, or, where that loses digits, a new product."""
    x = x if where is True else np.where(where, x, 1)
    size, sizes = np.abs(out), np.abs(x)
    # A second derivative divides by x twice, and would cancel to 0 only in part for an x much smaller than another.
    alike = np.min(sizes, initial=np.inf) > 1e-4 * np.max(sizes, initial=0)
    exact = alike & np.all((size > np.finfo(out.dtype).tiny) & (size < np.inf))
    if is_plain(g):
        return _prod_by(exact, g, out, x, axis, keepdims, initial, where)
    # Each way with 1 for the numbers of the other, so that it is finite, and has no gradient.
    out, quotients, products = np.where(exact, out, 1), np.where(exact, x, 1), np.where(exact, 1, x)
    ways = (
        _prod_by(True, g, out, quotients, axis, keepdims, initial, where),
        _prod_by(False, g, out, products, axis, keepdims, initial, where),
    )
    return np.where(exact, *ways)


def _prod_by(division, g, out, x, axis, keepdims, initial, where):
    if division:
        return masked(restore(g * out, x, axis, keepdims) / x, where)
    return masked(restore(g * initial, x, axis, keepdims) * _others(x, axis), where)


def _others(x, axis):
    """Return the product of all other elements, by a tree of pairwise products, which needs no case for zeros."""
    if x.size < 2:
        return create(np.ones, x, x.shape, x.dtype)
    axes = range(x.ndim) if axis is None else [i % x.ndim for i in np.atleast_1d(axis)]
    order = [i for i in range(x.ndim) if i not in axes] + list(axes)
    moved = np.transpose(x, order)
    n = reduced_count(x, axis)
    rows = np.reshape(moved, (*moved.shape[: x.ndim - len(axes)], n))
    levels = []
    while rows.shape[-1] > 1:
        if rows.shape[-1] % 2:
            rows = np.concatenate(
                [rows, create(np.ones, x, (*rows.shape[:-1], 1), x.dtype)], axis=-1
            )
        levels.append(rows)
        rows = rows[..., ::2] * rows[..., 1::2]
    others = create(np.ones, x, (*rows.shape[:-1], 1), x.dtype)
    for level in reversed(levels):
        pairs = np.reshape(level, (*level.shape[:-1], -1, 2))
        others = np.reshape(
            np.expand_dims(others[..., : pairs.shape[-2]], -1) * pairs[..., ::-1], level.shape
        )
    others = np.reshape(others[..., :n], moved.shape)
    return np.transpose(others, np.argsort(order).tolist())


@primitive
def nan_max(x, axis=None, keepdims=False, initial=np._NoValue, where=True):
    """Return the maximum, ignoring NaN."""
    return np.fmax.reduce(x, axis=axis, keepdims=keepdims, initial=initial, where=where)


@primitive
def nan_min(x, axis=None, keepdims=False, initial=np._NoValue, where=True):
    """Return the minimum, ignoring NaN."""
    return np.fmin.reduce(x, axis=axis, keepdims=keepdims, initial=initial, where=where)


@primitive
def var(a, axis=None, dtype=None, ddof=0, keepdims=False, where=True):
    """Return the variance around the mean."""
    return np.var(a, axis, dtype, ddof=ddof, keepdims=keepdims, **among(where))


@primitive
def std(a, axis=None, dtype=None, ddof=0, keepdims=False, where=True):
    """Return the standard deviation around the mean."""
    return np.std(a, axis, dtype, ddof=ddof, keepdims=keepdims, **among(where))


@primitive
@in_own_context
def logsumexp(x: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    """Return log(sum(exp(x))) over `axis`, without overflow.

    Shapes: x (...) -> (...) without `axis`, or with it as 1 if keepdims.
    """
    x = as_inexact(x)
    # Of complex numbers the real part, so that the logarithm has its principal value.
    lowest = {} if has_foreign(x) else {"initial": -np.inf}  # of an empty array
    top = np.max(x.real, axis=axis, keepdims=True, **lowest)
    top = np.where(np.isfinite(top), top, 0).astype(top.dtype)
    with np.errstate(divide="ignore"):  # of -inf alone the sum is 0, and its logarithm -inf
        out = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return out if keepdims else np.squeeze(out, axis=axis)


def _logsumexp(g, out, x, axis=None, keepdims=False):
    """Multiply by the softmax, which is 0 where all elements are -inf."""
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
rule(var,        _var)
rule(std,        _std)
rule(logsumexp,  _logsumexp)

nondifferentiable(np.all, np.any, np.argmax, np.argmin, np.count_nonzero, np.nanargmax, np.nanargmin)
# fmt: on


def _around(primitive, root):
    """Return np.var or np.std: the primitive, or around a given mean, which may have a gradient too, its formula."""
    missing = np._NoValue

    def call(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, mean=missing, correction=missing):  # fmt: skip
        refuse_out(primitive.__name__, out)
        if correction is not missing:
            if ddof != 0:
                raise ValueError("ddof and correction are one and the same; give one of them")
            ddof = correction
        where = True if where is missing else where
        asked = {"axis": axis, "dtype": dtype, "keepdims": keepdims is True or keepdims == 1}
        asked = {key: x for key, x in asked.items() if x is not None and x is not False}
        if mean is missing:
            asked |= ({} if ddof == 0 else {"ddof": ddof}) | among(where)
            return primitive(a, **asked)
        a = as_array(a)
        deviation = a - mean
        squares = np.real(deviation * np.conj(deviation))
        if dtype is None and a.dtype.kind in "biu":
            asked["dtype"] = np.float64
        total = np.sum(squares, where=where, **asked)
        counted = np.broadcast_to(create(np.asarray, a, values(where)), a.shape)
        n = np.count_nonzero(counted, axis=axis, keepdims="keepdims" in asked)
        return root((total / np.maximum(np.subtract(n, ddof), 0)).astype(total.dtype))

    return call


composite(np.var, _around(var, lambda x: x))
composite(np.std, _around(std, np.sqrt))


@composite(np.ptp)
def _ptp(a, axis=None, out=None, keepdims=False):
    refuse_out("ptp", out)
    keepdims = keepdims is not np._NoValue and keepdims
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def _cast_first(function):
    """Return a reduction as the method of a ufunc, which converts the array to the dtype before."""

    def method(array, axis=0, dtype=None, out=None, **kwargs):
        refuse_out("reduce", out)
        array = beside_mask(array, **kwargs)
        return function(array if dtype is None else array.astype(dtype), axis=axis, **kwargs)

    return method


def _logaddexp_reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True):  # fmt: skip
    refuse_out("reduce", out)
    array = as_array(array)
    zero = array.dtype.type(0)
    x = array.astype(np.logaddexp(zero, zero, dtype=dtype).dtype)
    x = x if where is True else np.where(where, x, -np.inf)
    if x.ndim == 0 and axis is not None:
        normalize_axis_tuple(axis, 1)
        axis = None
    out = logsumexp(x, axis=axis, keepdims=keepdims)
    return out if initial in (None, np._NoValue) else np.logaddexp(out, initial)


# The `reduce` method of each ufunc.
# fmt: off
composite(np.add.reduce,       along_first_axis(np.sum))
composite(np.multiply.reduce,  along_first_axis(np.prod))
composite(np.maximum.reduce,   _cast_first(np.max))
composite(np.minimum.reduce,   _cast_first(np.min))
composite(np.fmax.reduce,      _cast_first(nan_max))
composite(np.fmin.reduce,      _cast_first(nan_min))
composite(np.logaddexp.reduce, _logaddexp_reduce)
# fmt: on
