"""Sampled functions: differences, integrals, interpolation, convolution, and grids of points."""

import numpy as np

from tensorgrad.ops.common import (
    as_array,
    as_inexact,
    axis_index,
    axis_indices,
    create,
    valued_by_numpy,
    values,
)
from tensorgrad.rules import composite, primitive, rule


@primitive
def convolve_full(a, v):
    """np.convolve of vectors in mode "full"."""
    return np.convolve(a, v)


# fmt: off
rule(convolve_full, lambda g, _out, _a, v: np.convolve(g, np.flip(v), "valid"), lambda g, _out, a, _v: np.convolve(g, np.flip(a), "valid"))
# fmt: on


def _stretch(axis, *bounds):
    """Return the index that slices one axis."""
    return (slice(None),) * axis + (slice(*bounds),)


@composite(np.diff)
def _diff(a, n=1, axis=-1, prepend=np._NoValue, append=np._NoValue):
    a = as_array(a)
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"diff takes differences of order n >= 0, but got n={n}")
    if a.ndim == 0:
        raise ValueError("diff needs an array of 1 dimension or more, but got a single number")
    axis = axis_index(axis, a.ndim)
    parts = [a]
    for end, place in ((prepend, 0), (append, 2)):
        if end is not np._NoValue:
            end = as_array(end, a)
            if end.ndim == 0:
                end = np.broadcast_to(end, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))
            parts.insert(place, end)
    if len(parts) > 1:
        a = np.concatenate(parts, axis)
    difference = np.not_equal if a.dtype == bool else np.subtract
    for _ in range(n):
        a = difference(a[_stretch(axis, 1, None)], a[_stretch(axis, None, -1)])
    return a


@valued_by_numpy(np.ediff1d)
def _ediff1d(ary, to_end=None, to_begin=None):
    ary = np.ravel(as_array(ary))
    ends = (to_begin, ary[1:] - ary[:-1], to_end)
    return np.concatenate([np.ravel(as_array(x, ary)) for x in ends if x is not None])


def _slope(f, h, edge_order, axis):
    """The slopes along the last axis, which is then moved to its place."""
    if np.ndim(h) == 0:
        inner = (f[..., 2:] - f[..., :-2]) / (2.0 * h)
        first = last = h
    else:
        steps = np.diff(h)
        before, after = steps[:-1], steps[1:]
        inner = (
            -after / (before * (before + after)) * f[..., :-2]
            + (after - before) / (before * after) * f[..., 1:-1]
            + before / (after * (before + after)) * f[..., 2:]
        )
        first, last = steps[:1], steps[-1:]
    if edge_order == 1:
        start = (f[..., 1:2] - f[..., :1]) / first
        end = (f[..., -1:] - f[..., -2:-1]) / last
    else:
        second, before_last = (first, last) if np.ndim(h) == 0 else (steps[1:2], steps[-2:-1])
        start = _boundary_slope([f[..., i : i + 1] for i in range(3)], first, second)
        n = f.shape[-1]
        end = -_boundary_slope([f[..., n - i - 1 : n - i] for i in range(3)], last, before_last)
    out = np.concatenate([start, inner, end], axis=-1)
    return np.moveaxis(out, -1, axis)


def _boundary_slope(f, near, far):
    """The slope of the parabola through three points, at the first, from the distances between them."""
    return (
        -(2.0 * near + far) / (near * (near + far)) * f[0]
        + (near + far) / (near * far) * f[1]
        - near / (far * (near + far)) * f[2]
    )


@valued_by_numpy(np.gradient)
def _gradient(f, *varargs, axis=None, edge_order=1):
    """Central differences, weighted where distances vary; one-sided differences at the ends."""
    f = as_inexact(f)
    axes = axis_indices(axis, f.ndim)
    spacings = list(varargs) or [1.0]
    if len(spacings) == 1:
        spacings *= len(axes)
    results = tuple(
        _slope(np.moveaxis(f, i, -1), h if np.ndim(h) == 0 else as_array(h), edge_order, i)
        for i, h in zip(axes, spacings, strict=True)
    )
    return results[0] if len(results) == 1 else results


@composite(np.trapezoid)
def _trapezoid(y, x=None, dx=1.0, axis=-1):
    y = as_array(y)
    axis = axis_index(axis, y.ndim)
    if x is None:
        d = dx
    else:
        x = as_array(x)
        if x.ndim == 1:
            d = np.reshape(np.diff(x), (-1,) + (1,) * (y.ndim - axis - 1))
        else:
            d = np.diff(x, axis=axis)
    pairs = y[_stretch(axis, 1, None)] + y[_stretch(axis, None, -1)]
    return np.sum(d * pairs / 2.0, axis=axis)


def elements_at(a, positions):
    """Return a[positions], also where an observer follows the positions, and not a."""
    return np.reshape(np.take_along_axis(a, np.ravel(positions), 0), np.shape(positions))


@valued_by_numpy(np.interp)
def _interp(x, xp, fp, left=None, right=None, period=None):
    """Linear between the two neighbours; beyond the ends `left` and `right`, or the values there."""
    x, xp, fp = (as_array(a) for a in (x, xp, fp))
    x, xp = (a if a.dtype == np.float64 else np.astype(a, np.float64) for a in (x, xp))
    if fp.dtype.kind != "c":
        fp = np.astype(fp, np.float64)
    if not xp.shape[0]:  # allowed by NumPy 2.5, if x is empty too
        return x
    if period is not None:
        x, xp = np.mod(x, abs(period)), np.mod(xp, abs(period))
        order = np.argsort(xp)
        xp, fp = xp[order], fp[order]
        xp = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
        fp = np.concatenate([fp[-1:], fp, fp[:1]])
        left = right = None
    n = xp.shape[0]
    if n == 1:
        inside = np.broadcast_to(fp[0], x.shape)
    else:
        i = np.clip(np.searchsorted(values(xp), values(x), "right") - 1, 0, n - 2)
        start, low = elements_at(xp, i), elements_at(fp, i)
        end = elements_at(xp, i + 1)
        gap = end - start
        finite = np.isfinite(gap) & np.isfinite(x - start) & np.not_equal(gap, 0)
        # Nearer to the finite one of two abscissas; if both are infinite, the ordinates share the gradient.
        limit = np.where(np.isfinite(start), 0, np.where(np.isfinite(end), 1, 0.5))
        way = np.where(finite, (x - start) / np.where(finite, gap, 1), limit)
        inside = (1 - way) * low + way * elements_at(fp, i + 1)
    inside = np.where(np.less(x, xp[0]), fp[0] if left is None else left, inside)
    last = np.where(np.equal(x, xp[-1]), fp[-1], inside)
    return np.where(np.greater(x, xp[-1]), fp[-1] if right is None else right, last)


def _overlap(mode, n, m):
    """Return the slice of the full convolution that a mode stands for."""
    longer, shorter = max(n, m), min(n, m)
    mode = dict(enumerate(("valid", "same", "full"))).get(mode, mode)
    if mode == "full":
        return slice(0, n + m - 1)
    if mode == "same":
        return slice((shorter - 1) // 2, (shorter - 1) // 2 + longer)
    if mode == "valid":
        return slice(shorter - 1, longer)
    error = ValueError if isinstance(mode, (str, int)) else TypeError
    raise error(f"the mode of a convolution is 'full', 'same' or 'valid', but got {mode!r}")


@composite(np.convolve)
def _convolve(a, v, mode="full"):
    a, v = (np.atleast_1d(x) for x in (a, v))
    return convolve_full(a, v)[_overlap(mode, a.shape[0], v.shape[0])]


@composite(np.correlate)
def _correlate(a, v, mode="valid"):
    """A convolution with the reversed v; NumPy reverses the result where v is longer."""
    a, v = as_array(a), as_array(v)
    if a.ndim != 1 or v.ndim != 1:
        raise ValueError(f"correlate takes two vectors, but got shapes {a.shape} and {v.shape}")
    n, m = a.shape[0], v.shape[0]
    part = _overlap(mode, n, m)
    if n < m:
        part = slice(n + m - 1 - part.stop, n + m - 1 - part.start)
    v = v[::-1]
    return convolve_full(a, np.conj(v) if v.dtype.kind == "c" else v)[part]


@valued_by_numpy(np.linspace)
def _linspace(
    start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None
):
    start, stop = as_inexact(start), as_inexact(stop)
    intervals = num - 1 if endpoint else num
    step = (stop - start) / (intervals or np.nan)
    shape = (-1,) + (1,) * np.ndim(step)
    k = np.reshape(
        create(np.arange, step, num, dtype=np.result_type(step.dtype.type(0).real)), shape
    )
    points = start + k * step if intervals else start + k * 0 * (stop - start)
    points = points if axis == 0 else np.moveaxis(points, 0, axis)
    if dtype is not None:
        points = np.astype(points, dtype)
    return (points, step) if retstep else points


@valued_by_numpy(np.logspace)
def _logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    if np.ndim(base):
        ndim = max(map(np.ndim, (start, stop, base)))
        start, stop, base = (
            np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (start, stop, base)
        )
        base = np.expand_dims(base, axis)
    points = np.power(as_inexact(base), np.linspace(start, stop, num, endpoint, axis=axis))
    return points if dtype is None else np.astype(points, dtype)


@valued_by_numpy(np.geomspace)
def _geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """start (stop / start)^t for t from 0 to 1."""
    start, stop = as_inexact(start), as_inexact(stop)
    logs = np.linspace(0.0 * start, np.log(stop / start), num, endpoint)
    points = start * np.exp(logs)
    points = points if axis == 0 else np.moveaxis(points, 0, axis)
    return points if dtype is None else np.astype(points, dtype)


def _vander(g, _out, x, N=None, increasing=False):
    """The slopes of the powers are multiples of the powers before them."""
    n = g.shape[1]
    g = g if increasing else g[:, ::-1]
    slopes = create(np.arange, x, 1, n) * np.vander(x, max(n - 1, 0), increasing=True)
    return np.sum(g[:, 1:] * slopes, axis=1)


rule(np.vander, _vander)
