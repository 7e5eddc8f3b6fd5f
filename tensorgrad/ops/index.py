"""Indexing, by every kind of index: take reads, put is its adjoint, assign writes into a copy."""

import numpy as np

from tensorgrad.rules import composed, constant, primitive, rule


@primitive
def take(x, index):
    return x[index]


@primitive
def put(v, index, shape):
    out = np.zeros(shape, v.dtype)
    if repeats(index):
        np.add.at(out, index, v)  # a position named twice gets both
    else:
        out[index] = v
    return out


@primitive
def assign(x, index, value):
    out = np.array(x)
    out[index] = value
    return out


def repeats(index):
    """Whether an index can name a position twice: only arrays of integers can."""
    items = index if isinstance(index, tuple) else (index,)
    return any(
        isinstance(i, (list, np.ndarray)) and np.asarray(i).dtype.kind in "iu" for i in items
    )


def _assign_value(g, _out, _x, index, _value):
    """What was written and not overwritten by a later write to the same position."""
    arrived = take(g, index)
    if repeats(index):
        order = np.arange(arrived.size).reshape(arrived.shape)
        last = np.zeros(g.shape, int)
        last[index] = order
        arrived = arrived * (last[index] == order)
    extra = (
        arrived.ndim - _value.ndim
    )  # NumPy drops leading axes of length 1 from a value with too many
    return arrived if extra >= 0 else np.reshape(arrived, (1,) * -extra + arrived.shape)


def _along(x, indices, axis):
    """The index that picks `indices` along one axis and every position itself along the others."""
    shape = list(x.shape)
    shape[axis] = 1  # its grid has length 1 and so broadcasts; it is replaced by indices
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    return tuple(indices if i == axis % x.ndim else positions for i, positions in enumerate(grid))


def _sort(g, out, x, axis=-1):
    """Each gradient goes back to where its element stood; equal elements share theirs equally."""
    if axis is None:
        return np.reshape(_sort(g, out, np.ravel(x)), x.shape)
    order = np.argsort(x, axis=axis, kind="stable")
    g = _shared(g, out, axis)
    return np.take_along_axis(g, np.argsort(order, axis=axis, kind="stable"), axis=axis)


def _shared(g, out, axis):
    """The mean of g over every run of equal values in `out`, which is sorted along `axis`."""
    last = np.moveaxis(out, axis, -1)
    fresh = np.not_equal(last[..., 1:], last[..., :-1])
    if np.all(fresh):
        return g
    runs = np.zeros(last.shape, int)
    np.cumsum(fresh, axis=-1, out=runs[..., 1:])
    g = np.moveaxis(g, axis, -1)
    index = (*np.indices(last.shape, sparse=True)[:-1], runs)
    size = put(np.ones(last.shape, g.dtype), index, last.shape)
    total = put(g, index, last.shape)
    return np.moveaxis(take(total / np.maximum(size, 1), index), -1, axis)


# fmt: off
rule(take,    lambda g, _out, _x, index: put(g, index, _x.shape))
rule(put,     lambda g, _out, _v, index, _shape: take(g, index))
rule(assign,  lambda g, _out, _x, index, _value: assign(g, index, 0), None, _assign_value)
rule(np.sort, _sort)

constant(np.argsort, np.argpartition, np.lexsort, np.nonzero, np.flatnonzero, np.argwhere, np.searchsorted, np.digitize,
         np.unravel_index, np.ravel_multi_index, np.bincount, np.histogram, np.unique, np.isin)
# fmt: on


@composed(np.take_along_axis)
def _take_along_axis(arr, indices, axis=-1):
    if axis is None:
        return take(np.ravel(arr), indices)
    return take(arr, _along(arr, indices, axis))


@composed(np.take)
def _take(a, indices, axis=None, mode="raise"):
    if mode != "raise":
        n = a.size if axis is None else a.shape[axis]
        indices = np.clip(indices, 0, n - 1) if mode == "clip" else np.mod(indices, n)
    if axis is None:
        return take(np.ravel(a), indices)
    return take(a, (slice(None),) * (axis % a.ndim) + (indices,))
