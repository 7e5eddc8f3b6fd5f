"""Statistics: averages, covariances, and reductions that skip NaN."""

import math

import numpy as np

from tensorgrad.ops.common import (
    as_array,
    axis_indices,
    check,
    valued_by_numpy,
)
from tensorgrad.rules import composite, refuse_out


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
        weights = np.transpose(weights, np.argsort(axes).tolist())
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
    # In double precision, as NumPy: n is a difference, which in float32 would lose most of its digits.
    given = [np.astype(as_array(v), float) for v in (fweights, aweights) if v is not None]
    w = math.prod(given) if given else None
    mean, total = np.average(x, axis=1, weights=w, returned=True)
    n = total[0]
    weighted = ddof and aweights is not None
    n = n - (ddof * np.sum(w * given[-1]) / n if weighted else ddof)
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
