"""Statistics: averages, order statistics, covariances, and reductions that skip NaN."""

import math
import warnings

import numpy as np

from tensorgrad.ops.common import as_array
from tensorgrad.rules import composite


def rows(a, axis):
    """Merge the reduced axes into a last one; also return the shape of the result with keepdims."""
    axes = range(a.ndim) if axis is None else [int(i) % a.ndim for i in np.atleast_1d(axis)]
    left = [i for i in range(a.ndim) if i not in axes]
    kept = [1 if i in axes else n for i, n in enumerate(a.shape)]
    n = math.prod(a.shape[i] for i in axes)
    moved = np.transpose(a, [*left, *axes])
    return np.reshape(moved, (*moved.shape[: len(left)], n)), kept


def _quantile(a, q, axis, method, keepdims, skip_nan):
    """The quantiles q along `axis`, in front of the remaining axes."""
    a, q = as_array(a), np.asarray(q)
    if a.dtype.kind == "c":
        raise TypeError("quantiles need real numbers, but got complex ones, which have no order")
    if skip_nan and a.size == 0:  # as NumPy, whatever q may be
        return np.mean(a, axis=axis, keepdims=keepdims)
    x, kept = rows(a, axis)
    x = np.sort(x, axis=-1)  # NaN comes last; equal elements share the gradient
    count = x.shape[-1]
    holes = np.isnan(x)
    n = count - np.count_nonzero(holes, axis=-1) if skip_nan else np.full(x.shape[:-1], count)
    place = np.zeros((*x.shape[:-1], q.size))
    for each in np.unique(n):
        if each:
            # Every method finds a value or lies between two, so of 0, 1, 2, … NumPy's is the place.
            place[n == each] = np.quantile(np.arange(each, dtype=float), q.ravel(), method=method)
    if not np.all(n):
        warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=4)
    low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
    lower = np.take_along_axis(x, low, axis=-1)
    # No step where there is none to be made, for from infinity to itself it would be NaN.
    rise = np.where(low < high, np.take_along_axis(x, high, axis=-1), 0) - np.where(
        low < high, lower, 0
    )
    out = lower + rise * (place - low).astype(a.dtype if a.dtype.kind == "f" else float)
    if not skip_nan and np.any(holes):
        out = np.where(holes[..., -1:], np.nan, out)
    return np.reshape(np.moveaxis(out, -1, 0), (*q.shape, *(kept if keepdims else x.shape[:-1])))


def _only(name, **given):
    """Refuse keywords that would write in place or lose a gradient."""
    for keyword, value in given.items():
        if value is not None and value is not False:
            raise TypeError(
                f"{name} of tensors has no {keyword}=; leave it out, or pass .data if no gradient is wanted"
            )


def _declare_quantiles(name, whole, skip_nan):
    @composite(getattr(np, name))
    def quantile(
        a,
        q,
        axis=None,
        out=None,
        overwrite_input=False,
        method="linear",
        keepdims=False,
        *,
        weights=None,
    ):
        _only(name, out=out, overwrite_input=overwrite_input, weights=weights)
        return _quantile(a, np.asarray(q) / whole, axis, method, keepdims, skip_nan)


def _declare_median(name, skip_nan):
    @composite(getattr(np, name))
    def median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
        _only(name, out=out, overwrite_input=overwrite_input)
        return _quantile(a, 0.5, axis, "linear", keepdims, skip_nan)


for _prefix in ("", "nan"):
    _declare_quantiles(_prefix + "quantile", 1, bool(_prefix))
    _declare_quantiles(_prefix + "percentile", 100, bool(_prefix))
    _declare_median(_prefix + "median", bool(_prefix))


def _declare_filled(name, whole, filler):
    """Declare a reduction that replaces NaN by its neutral element."""

    @composite(getattr(np, name))
    def reduction(a, axis=None, **kwargs):
        return whole(np.where(np.isnan(a), filler, a), axis=axis, **kwargs)


def _declare_skipping(name, whole):
    """Declare a reduction of the elements that are not NaN."""

    @composite(getattr(np, name))
    def reduction(a, axis=None, *, where=True, **kwargs):
        return whole(a, axis=axis, where=np.logical_not(np.isnan(a)) & where, **kwargs)


def _declare_extreme(name, ufunc):
    @composite(getattr(np, name))
    def reduction(a, axis=None, **kwargs):
        out = ufunc.reduce(a, axis=axis, **kwargs)
        if np.any(np.isnan(out)):
            warnings.warn("All-NaN slice encountered", RuntimeWarning, stacklevel=2)
        return out


# fmt: off
_declare_filled("nansum",      np.sum,     0)
_declare_filled("nanprod",     np.prod,    1)
_declare_filled("nancumsum",   np.cumsum,  0)
_declare_filled("nancumprod",  np.cumprod, 1)
_declare_skipping("nanmean",   np.mean)
_declare_skipping("nanvar",    np.var)
_declare_skipping("nanstd",    np.std)
_declare_extreme("nanmax",     np.fmax)
_declare_extreme("nanmin",     np.fmin)
# fmt: on


@composite(np.average)
def _average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    a = as_array(a)
    if weights is None:
        out = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.full(out.shape, a.size / max(out.size, 1), out.dtype)
        return (out, total) if returned else out
    weights = as_array(weights)
    if weights.shape != a.shape:
        axes = [int(i) % a.ndim for i in np.atleast_1d(axis)] if axis is not None else []
        if weights.shape != tuple(a.shape[i] for i in axes):
            raise ValueError(
                f"the weights of an average of shape {a.shape} along axis={axis} need the shape of the array or of "
                f"those axes, but have shape {weights.shape}"
            )
        weights = np.transpose(weights, np.argsort(axes))
        weights = np.reshape(weights, [n if i in axes else 1 for i, n in enumerate(a.shape)])
    total = np.sum(np.broadcast_to(weights, a.shape), axis=axis, keepdims=keepdims)
    if np.any(np.equal(total, 0)):
        raise ZeroDivisionError("weights that sum to 0 have no average")
    out = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (out, total) if returned else out


def _variables(x, rowvar, dtype):
    """Arrange the data as one variable per row."""
    x = np.astype(as_array(x), dtype)
    return np.reshape(x, (1, -1)) if x.ndim < 2 else x if rowvar else np.transpose(x)


@composite(np.cov)
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
    if n <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        n = 0.0
    x = x - np.expand_dims(mean, 1)
    other = x if w is None else x * w
    return np.squeeze(np.matmul(x, np.conjugate(np.transpose(other))) / n)


@composite(np.corrcoef)
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
