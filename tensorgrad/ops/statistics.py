"""Statistics: averages, order statistics, covariances, and reductions that skip NaN."""

import math

import numpy as np

from tensorgrad.ops.common import (
    as_array,
    as_inexact,
    axis_indices,
    check,
    is_plain,
    numpys,
    substituted,
    valued_by_numpy,
    values,
)
from tensorgrad.rules import composite, nondifferentiable, primitive, refuse_out

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
    x = np.sort(x, axis=-1)  # NaN comes last; equal elements share the gradient
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    lower = np.take_along_axis(x, low, axis=-1)
    # No difference between an element and itself, which is NaN at infinity.
    rise = np.where(low < high, np.take_along_axis(x, high, axis=-1), 0) - np.where(
        low < high, lower, 0
    )
    out = lower + rise * (place - low).astype(x.real.dtype)
    if not isinstance(q, np.ndarray):
        out = out + _moves(q, method, n) * _slopes(x, place, n)
    if not skip_nan and (not is_plain(holes) or np.any(holes)):
        out = np.where(np.any(holes, axis=-1, keepdims=True), np.nan, out)
    return np.reshape(np.moveaxis(out, -1, 0), shape)


@primitive
def _places(n, q, method):
    """Return the positions of the quantiles among n sorted elements, between two or at one of them."""
    place = np.zeros((*n.shape[:-1], q.size))
    for each in np.unique(n):
        if each:
            # A quantile is an element or lies between two, so that of 0, 1, 2, … is its position.
            place[n[..., 0] == each] = np.quantile(np.arange(each, dtype=float), q, method=method)
    return place


@primitive
def _weighted_places(x, weights, q, skip_nan):
    """Return the positions of weighted quantiles: the quantiles of the ranks."""
    ranks = np.argsort(np.argsort(x, axis=-1), axis=-1).astype(float)
    if skip_nan:
        ranks[np.isnan(x)] = np.nan
    quantile = np.nanquantile if skip_nan else np.quantile
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
    rise = np.take_along_axis(x, after, axis=-1) - np.take_along_axis(x, before, axis=-1)
    return rise / np.maximum(after - before, 1)


def _weights_like(a, weights, axis):
    """Broadcast weights of the reduced axes, or of all, to the shape of the array."""
    if weights.shape != a.shape:
        axes = axis_indices(axis, a.ndim)
        weights = np.transpose(weights, np.argsort(axes))
        weights = np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(a.shape)])
    return np.broadcast_to(weights, a.shape)


def _declare_quantiles(name, whole, skip_nan):
    function = getattr(np, name)

    @composite(function)
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
        with np.errstate(all="ignore"):  # because NumPy has already warned
            found = _quantile(a, q, axis, method, keepdims, skip_nan, weights)
        return substituted(found, value)


def _declare_median(name, skip_nan):
    function = getattr(np, name)

    @composite(function)
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


def _declare_filled(name, whole, filler):
    """Declare a reduction that replaces NaN by its neutral element."""

    @composite(getattr(np, name))
    def reduction(a, axis=None, *args, **kwargs):
        return whole(np.where(np.isnan(a), filler, a), axis, *args, **kwargs)


@composite(np.nanmean)
def _nanmean(a, axis=None, dtype=None, out=None, keepdims=False, *, where=True):
    a = as_array(a)
    refuse_out("nanmean", out)
    if dtype is not None and a.dtype.kind in "fc" and np.dtype(dtype).kind not in "fc":
        raise TypeError(f"nanmean of {a.dtype} needs an inexact dtype, but got {np.dtype(dtype)}")
    where = np.logical_not(np.isnan(a)) & where
    return np.mean(a, axis=axis, dtype=dtype, keepdims=keepdims, where=where)


@valued_by_numpy(np.nanvar)
def _nanvar(
    a,
    axis=None,
    dtype=None,
    out=None,
    ddof=0,
    keepdims=False,
    *,
    where=True,
    mean=None,
    correction=None,
):
    """The mean square deviation of the elements that are not NaN; NaN without degrees of freedom."""
    a = as_array(a)
    where = np.logical_not(np.isnan(a)) & where
    n = np.sum(np.broadcast_to(where, a.shape), axis=axis, keepdims=True)
    if mean is None:
        mean = np.sum(np.where(where, a, 0), axis=axis, keepdims=True) / np.maximum(n, 1)
    offset = np.where(where, a - mean, 0)
    square = np.real(offset * np.conj(offset)) if offset.dtype.kind == "c" else offset**2
    freedom = n - (ddof if correction is None else correction)
    total = np.sum(square, axis=axis, keepdims=True)
    out = np.where(freedom > 0, total / np.where(freedom > 0, freedom, 1), np.nan)
    return out if keepdims is True else np.sum(out, axis=axis)


@valued_by_numpy(np.nanstd)
def _nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, **kwargs):
    """The root of the variance, and 0 where nothing varies."""
    variance = np.nanvar(a, axis, dtype, out, ddof, keepdims, **kwargs)
    constant = np.equal(variance, 0)
    return np.where(constant, 0, np.sqrt(np.where(constant, 1, variance)))


def _declare_extreme(name, ufunc):
    @composite(getattr(np, name))
    def reduction(a, axis=None, out=None, keepdims=False, **kwargs):
        refuse_out(name, out)
        out = ufunc.reduce(a, axis=axis, keepdims=keepdims is True, **kwargs)
        check(~np.any(np.isnan(out)), RuntimeWarning, "All-NaN slice encountered")
        return out


# fmt: off
_declare_filled("nansum",      np.sum,     0)
_declare_filled("nanprod",     np.prod,    1)
_declare_filled("nancumsum",   np.cumsum,  0)
_declare_filled("nancumprod",  np.cumprod, 1)
_declare_extreme("nanmax",     np.fmax)
_declare_extreme("nanmin",     np.fmin)
# fmt: on


@composite(np.average)
def _average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = as_array(a)
    if weights is None:
        out = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.full_like(out, a.size / out.size)  # or ZeroDivisionError, as in NumPy
        return (out, total) if returned else out
    weights = as_array(weights)
    if weights.shape != a.shape:
        if axis is None:
            raise TypeError(
                f"an average needs an axis if array and weights differ in shape, but got shapes {a.shape} and "
                f"{weights.shape} with axis=None"
            )
        axes = axis_indices(axis, a.ndim)
        if weights.shape != tuple(a.shape[i] for i in axes):
            raise ValueError(
                f"the weights of an average of shape {a.shape} along axis={axis} need the shape of the array or of "
                f"those axes, but have shape {weights.shape}"
            )
        weights = np.transpose(weights, np.argsort(axes))
        weights = np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(a.shape)])
    exact = a.dtype.kind in "biu"
    dtype = np.result_type(a.dtype, weights.dtype, *[np.float64] * exact)
    a, weights = (x if x.dtype == dtype else np.astype(x, dtype) for x in (a, weights))
    total = np.sum(np.broadcast_to(weights, a.shape), axis=axis, keepdims=keepdims)
    zero = np.any(np.equal(total, 0))
    check(~zero, ZeroDivisionError, "weights that sum to 0 have no average")
    out = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (out, total) if returned else out


def _variables(x, rowvar, dtype):
    """Arrange the data as one variable per row."""
    x = np.astype(as_array(x), dtype)
    return np.reshape(x, (1, -1)) if x.ndim < 2 else x if rowvar else np.transpose(x)


@valued_by_numpy(np.cov)
def _cov(
    m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None
):
    """(x - mean) (x - mean)ᴴ / (number of observations - ddof)."""
    m = as_array(m)
    if dtype is None:
        dtypes = [m.dtype] if y is None else [m.dtype, as_array(y).dtype]
        dtype = np.result_type(*dtypes, np.float64)
    x = _variables(m, rowvar, dtype)
    if not len(x):
        return np.zeros((0, 0))
    if y is not None:
        x = np.concatenate([x, _variables(y, rowvar, dtype)])
    ddof = ddof if ddof is not None else 0 if bias else 1
    given = [as_array(v) for v in (fweights, aweights) if v is not None]
    w = math.prod(given) if given else None
    mean, total = np.average(x, axis=1, weights=w, returned=True)
    n = total[0]
    weighted = ddof and aweights is not None
    n = n - (ddof * np.sum(w * aweights) / n if weighted else ddof)
    n = np.where(n > 0, n, 0.0)
    x = x - np.expand_dims(mean, 1)
    other = x if w is None else x * w
    return np.squeeze(np.matmul(x, np.conjugate(np.transpose(other))) / n)


@valued_by_numpy(np.corrcoef)
def _corrcoef(x, y=None, rowvar=True, *, dtype=None):
    """The covariance of the variables, each scaled to variance 1."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    each = np.arange(len(c))
    deviation = np.sqrt(np.real(c[each, each]))
    c = c / np.expand_dims(deviation, 1) / deviation
    if c.dtype.kind == "c":
        return np.clip(np.real(c), -1, 1) + 1j * np.clip(np.imag(c), -1, 1)
    return np.clip(c, -1, 1)
