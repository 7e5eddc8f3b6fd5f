"""Running sums, products and extremes along an axis."""

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from tensorgrad.ops.common import as_array, create
from tensorgrad.rules import composite, primitive, refuse_out, rule


def along_last(function):
    """Turn a rule for the last axis into one for any axis, or for the flattened array."""

    def rule(g, out, x, axis=None, dtype=None):
        if axis is None or x.ndim == 0:
            return np.reshape(function(g, out, np.reshape(x, -1)), x.shape)
        g, out, x = (np.moveaxis(v, axis, -1) for v in (g, out, x))
        return np.moveaxis(function(g, out, x), -1, axis)

    return rule


def recur(g, a):
    """Solve s[i] = g[i] + a[i] s[i+1] from the last to the first, in a logarithmic number of steps."""
    n, step = g.shape[-1], 1
    while step < n:
        g = g + a * _ahead(g, step)
        a = a * _ahead(a, step)
        step *= 2
    return g


def _ahead(v, step):
    """Return v[i + step] at i, and 0 beyond the end."""
    return np.concatenate(
        [v[..., step:], create(np.zeros, v, (*v.shape[:-1], step), v.dtype)], axis=-1
    )


def _cumsum(g, _out, _x, axis=None, dtype=None):
    """Sum the gradients of all later sums, because each element counts in those."""
    if g.dtype == np.float16:  # which counts only to 2048
        return _cumsum(g.astype(np.float32), _out, _x, axis).astype(np.float16)
    if axis is None or _x.ndim == 0:
        return np.reshape(np.flip(np.cumsum(np.flip(g))), _x.shape)
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


@along_last
def _cumprod(g, out, x):
    """Multiply by the elements before and after, without division by an element, which may be 0."""
    before = np.concatenate(
        [create(np.ones, x, (*x.shape[:-1], 1), x.dtype), out[..., :-1]], axis=-1
    )
    return before * recur(g, _ahead(x, 1))


@primitive
def cummax(x, axis):
    """Return the running maximum."""
    return np.maximum.accumulate(x, axis=axis)


@primitive
def cummin(x, axis):
    """Return the running minimum."""
    return np.minimum.accumulate(x, axis=axis)


@along_last
def _extreme_so_far(g, out, x):
    """Share each running extreme equally among the elements so far that equal it."""
    chosen = np.equal(x, out).astype(x.dtype)
    lasts = np.equal(_ahead(out, 1), out)
    lasts[..., -1:] = False
    lasts = lasts.astype(x.dtype)
    ties = np.flip(recur(np.flip(chosen, -1), np.flip(np.roll(lasts, 1, axis=-1), -1)), -1)
    return chosen * recur(g / np.maximum(ties, 1), lasts)


# fmt: off
rule(np.cumsum,  _cumsum)
rule(np.cumprod, _cumprod)
rule(cummax,     _extreme_so_far)
rule(cummin,     _extreme_so_far)
# fmt: on


def _from(start, running):
    """Return the array API's form of a cumulative function, which may begin with the initial value."""

    def call(x, /, *, axis=None, dtype=None, out=None, include_initial=False):
        refuse_out(running.__name__, out)
        if axis is None:
            if np.ndim(x) > 1:
                raise ValueError(f"axis must be given for an array of {np.ndim(x)} dimensions")
            axis = 0
        (axis,) = axis if isinstance(axis, tuple) else (axis,)
        out = running(x, axis=axis, dtype=dtype)
        if not include_initial:
            return out
        shape = list(out.shape)
        shape[axis] = 1
        return np.concatenate([create(np.full, out, shape, start, out.dtype), out], axis=axis)

    return call


composite(np.cumulative_sum, _from(0, np.cumsum))
composite(np.cumulative_prod, _from(1, np.cumprod))


def _running(running, takes_dtype):
    """Return a running function as the method of a ufunc: along the first axis unless told otherwise."""

    def method(array, axis=0, dtype=None, out=None):
        refuse_out("accumulate", out)
        array = as_array(array)
        if axis is None and array.ndim > 1:
            raise ValueError("accumulate goes along one axis; give axis=")
        number = array.ndim == 0 and not isinstance(axis, tuple)
        (axis,) = normalize_axis_tuple(0 if axis is None else axis, array.ndim + number)
        if number:
            raise TypeError("cannot accumulate on a scalar; give an array of at least one axis")
        if takes_dtype:
            return running(array, axis=axis, dtype=dtype)
        return running(array if dtype is None else array.astype(dtype), axis=axis)

    return method


# The `accumulate` method of each ufunc.
# fmt: off
composite(np.add.accumulate,      _running(np.cumsum,  True))
composite(np.multiply.accumulate, _running(np.cumprod, True))
composite(np.maximum.accumulate,  _running(cummax,     False))
composite(np.minimum.accumulate,  _running(cummin,     False))
# fmt: on
