"""Quantiles, percentiles and medians, with and without NaN."""

import functools
import math

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.ops.common import (
    as_array,
    as_inexact,
    axis_indices,
    create,
    is_plain,
    numpys,
    substituted,
    values,
)
from tensorgrad.rules import composite, nondifferentiable, primitive, refuse_out, rule

# Of the continuous methods, the position of the quantile q among n sorted elements is
# first + q (n + 1 - first - last) - 1, within the bounds. All other methods jump from element to element.
# fmt: off
POSITIONS = {  # method: (first, last)
    "linear":                    (1, 1),
    "interpolated_inverted_cdf": (0, 1),
    "hazen":                     (1 / 2, 1 / 2),
    "weibull":                   (0, 0),
    "median_unbiased":           (1 / 3, 1 / 3),
    "normal_unbiased":           (3 / 8, 3 / 8),
}
# fmt: on
FEW_RANKS = 64  # ranks, which are looked up one by one; more of them are cheaper to sort


def rows(a, axis):
    """Merge the reduced axes into a last one; also return the shape of the result with keepdims."""
    axes = axis_indices(axis, a.ndim)
    left = [i for i in range(a.ndim) if i not in axes]
    kept = [1 if i in axes else n for i, n in enumerate(a.shape)]
    n = math.prod(a.shape[i] for i in axes)
    moved = np.transpose(a, [*left, *axes])
    return np.reshape(moved, (*moved.shape[: len(left)], n)), kept


def _quantile(a, q, axis, method, keepdims, skip_nan, weights=None):
    """The quantiles q along `axis`, in front of the remaining axes."""
    a, q = as_inexact(a), as_array(q)
    q = q.astype(float) if isinstance(q, np.ndarray) else q  # of Fractions, say
    x, kept = rows(a, axis)
    shape = (*q.shape, *(kept if keepdims else x.shape[:-1]))
    if x.size == 0:
        return np.broadcast_to(np.sum(x, axis=-1) if x.ndim == 1 else np.zeros(()), shape)
    holes = np.isnan(x)
    n = x.shape[-1] - np.count_nonzero(holes, axis=-1, keepdims=True) * skip_nan
    if weights is None:
        place = _places(n, values(q).ravel(), method)
    else:
        given = rows(_weights_like(a, values(weights), axis), axis)[0]
        place = _weighted_places(values(x), given, values(q).ravel(), skip_nan)
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    lower, upper = _ranked(x, low, high)
    # No difference between an element and itself, which is NaN at infinity.
    rise = np.where(low < high, upper, 0) - np.where(low < high, lower, 0)
    out = lower + rise * (place - low).astype(x.real.dtype)
    if not isinstance(q, (np.ndarray, np.generic)):
        out = out + _moves(q, method, n) * _slopes(x, place, n)
    if not skip_nan and (not is_plain(holes) or np.any(holes)):
        out = np.where(np.any(holes, axis=-1, keepdims=True), np.nan, out)
    return np.reshape(np.moveaxis(out, -1, 0), shape)


def _ranked(x, low, high):
    """Return the elements of two ranks along the last axis; NaN comes last, equal elements share the gradient."""
    ranks = np.concatenate([low, high], axis=-1)
    if ranks.shape[-1] > FEW_RANKS:
        found = np.take_along_axis(np.sort(x, axis=-1), ranks, axis=-1)
    else:
        found = ranked(x, ranks)
    return found[..., : low.shape[-1]], found[..., low.shape[-1] :]


@primitive
def ranked(x, ranks):
    """Return the elements of some ranks along the last axis, without sorting all others."""
    return np.take_along_axis(np.partition(x, np.unique(ranks), axis=-1), ranks, axis=-1)


def _ranked_rule(g, out, x, _ranks):
    """All elements that are equal to the one of a rank share its gradient."""
    total = np.zeros_like(x)
    for k in range(out.shape[-1]):
        same = np.equal(x, out[..., k : k + 1])
        n = np.maximum(np.count_nonzero(same, axis=-1, keepdims=True), 1)
        total = total + np.where(same, g[..., k : k + 1] / n.astype(x.dtype), 0)
    return total


rule(ranked, _ranked_rule)


@primitive
def _places(n, q, method):
    """Return the positions of the quantiles among n sorted elements, between two or at one of them."""
    place, q = create(np.zeros, n, (*n.shape[:-1], q.size)), create(np.asarray, n, q)
    for each in np.unique(n):
        if each:
            # A quantile is an element or lies between two, so that of 0, 1, 2, … is its position.
            place[n[..., 0] == each] = np.quantile(
                create(np.arange, n, int(each), dtype=float), q, method=method
            )
    return place


@primitive
def _weighted_places(x, weights, q, skip_nan):
    """Return the positions of weighted quantiles: the quantiles of the ranks."""
    ranks = np.argsort(np.argsort(x, axis=-1), axis=-1).astype(float)
    if skip_nan:
        ranks[np.isnan(x)] = np.nan
    quantile = np.nanquantile if skip_nan else np.quantile
    q = create(np.asarray, ranks, q)
    place = quantile(ranks, q, axis=-1, method="inverted_cdf", weights=weights)
    return np.nan_to_num(np.moveaxis(place, 0, -1))


nondifferentiable(_places, _weighted_places)


def _moves(q, method, n):
    """Return 0 with the gradient of the position by q, which is 0 for methods that jump, and beyond the bounds."""
    first, last = POSITIONS.get(method, (0, 0))
    exact = first + values(q).ravel() * (n + 1 - first - last) - 1
    inside = (exact >= -1e-9) & (exact <= n - 1 + 1e-9) & (method in POSITIONS)
    change = np.ravel(q - values(q))
    return change * np.where(inside, n + 1 - first - last, 0)


def _slopes(x, place, n):
    """Return the slope between the sorted neighbours; at an element, the mean of the slopes on both sides."""
    before = np.maximum(np.ceil(place).astype(int) - 1, 0)
    after = np.minimum(np.floor(place).astype(int) + 1, np.maximum(n - 1, 0))
    start, end = _ranked(x, before, after)
    return (end - start) / np.maximum(after - before, 1)


def _weights_like(a, weights, axis):
    """Broadcast weights of the reduced axes, or of all, to the shape of the array."""
    if weights.shape != a.shape:
        axes = axis_indices(axis, a.ndim)
        weights = np.transpose(weights, np.argsort(axes).tolist())
        weights = np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(a.shape)])
    return np.broadcast_to(weights, a.shape)


def _declare_quantiles(name, whole, skip_nan):
    function = getattr(np, name)

    @composite(function)
    @in_own_context
    def quantile(
        a,
        q,
        axis=None,
        out=None,
        overwrite_input=False,  # allowed to, but does not
        method="linear",
        keepdims=False,
        *,
        weights=None,
    ):
        refuse_out(name, out)
        value = numpys(function, a, q, axis, method=method, keepdims=keepdims, weights=weights)
        q = as_array(q) / whole
        if as_array(value).dtype.kind == "O":  # Fractions, which a tensor does not hold
            value = np.astype(as_array(value), float)
        with np.errstate(all="ignore"):  # because NumPy has already warned
            if skip_nan and weights is None and q.ndim == 2 and _misplaces_axes():
                found = _misplaced(as_array(a), q, axis, method, keepdims)
            else:
                found = _quantile(a, q, axis, method, keepdims, skip_nan, weights)
        return substituted(found, value)


@functools.cache
def _misplaces_axes():
    """Return True if this NumPy's nanquantile, over several axes, puts the first axis of a 2-D q last."""
    return np.nanquantile(np.zeros((3, 1, 1)), [[0.5] * 2], axis=(1, 2)).shape == (2, 3, 1)


def _misplaced(a, q, axis, method, keepdims):
    """The quantiles, their axes in the order in which NumPy returns them."""
    axes = axis_indices(axis, a.ndim)
    if not 1 < len(axes) < a.ndim:
        return _quantile(a, q, axis, method, keepdims, True)
    found = np.moveaxis(_quantile(a, q, axis, method, False, True), 0, -1)
    return np.expand_dims(found, [i - a.ndim for i in axes]) if keepdims else found


def _declare_median(name, skip_nan):
    function = getattr(np, name)

    @composite(function)
    @in_own_context
    def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
        refuse_out(name, out)
        value = numpys(function, a, axis, keepdims=keepdims)
        with np.errstate(all="ignore"):
            found = _quantile(a, 0.5, axis, "linear", keepdims, skip_nan)
        return substituted(found, value)


for _prefix in ("", "nan"):
    _declare_quantiles(_prefix + "quantile", 1, bool(_prefix))
    _declare_quantiles(_prefix + "percentile", 100, bool(_prefix))
    _declare_median(_prefix + "median", bool(_prefix))
