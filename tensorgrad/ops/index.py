"""Indexing with every kind of index: take reads, put is its adjoint, assign writes into a copy."""

import math

import numpy as np

from tensorgrad.operands import has_foreign
from tensorgrad.ops.common import (
    add_rows,
    as_array,
    as_operand,
    axis_index,
    axis_indices,
    create,
    is_plain,
    numpys,
    positions,
    valued_by_numpy,
    values,
    zeros_of,
)
from tensorgrad.rules import composite, nondifferentiable, primitive, refuse_out, rule

FEW_ELEMENTS = 2000  # with fewer, computing their positions takes longer than it saves


@primitive
def take(x, index):
    """Return x[index]."""
    return np.take(x, index, axis=0) if are_rows(x, index) else x[index]


def are_rows(x, index):
    """Return True if an array of integers selects rows of x, which np.take copies twice as fast as an index."""
    if not hasattr(index, "dtype") or index.dtype.kind != "i" or has_foreign(x, index):
        return False
    return x.ndim > 1 and index.ndim > 0 and x.flags.c_contiguous


@primitive
def put(v, index, shape):
    """Add v at the index of an array of zeros: the adjoint of take."""
    items = index if isinstance(index, tuple) else (index,)
    out = zeros_of(v, shape, *items)
    if not repeats(items):
        out[index] = v
    elif v.size < FEW_ELEMENTS or len(shape) == 1 or not by_rows(v, items):
        np.add.at(out, index, v)  # a position that occurs twice gets both
    else:
        rest = math.prod(shape[len(items) :])
        arrays = [np.asarray(item, np.intp) for item in items]
        # "wrap" takes -1 as the last.
        rows = np.ravel_multi_index(arrays, shape[: len(items)], mode="wrap")
        add_rows(out.reshape(-1, rest), rows.reshape(-1), v.reshape(rows.size, rest))
    return out


@primitive
def assign(x, index, value):
    """Return a copy of x in which x[index] is the value."""
    out = x.copy() if has_foreign(x) else np.copy(x)
    out[index] = value
    return out


def by_rows(v, items):
    """Return True if positions along the first axes alone say where NumPy's v goes."""
    return not has_foreign(v) and all(map(is_integer, items))


def is_integer(item):
    """Return True for an integer or integers, given as a number, a list or an array."""
    return (
        not isinstance(item, (slice, type(None), type(Ellipsis)))
        and as_array(item).dtype.kind in "iu"
    )


def repeats(items):
    """Return True if an index can contain a position twice: only arrays of integers can, and lists of them."""
    return any(is_integer(item) and not isinstance(item, (int, np.integer)) for item in items)


@primitive
def last_writes(g, written, *index):
    """Return True for the elements that no later element overwrites, written at an index of an array like g."""
    order = create(np.arange, g, math.prod(written)).reshape(written)
    last = create(np.zeros, g, g.shape, int)
    last[index] = order
    return last[index] == order


def _assign_value(g, _out, _x, index, _value):
    """The gradient of the elements that no later write to the same position has overwritten."""
    arrived = take(g, index)
    if repeats(index if isinstance(index, tuple) else (index,)):
        items = index if isinstance(index, tuple) else (index,)
        arrived = arrived * last_writes(g, arrived.shape, *items)
    extra = arrived.ndim - _value.ndim  # NumPy drops superfluous leading axes of a value
    return arrived if extra >= 0 else np.reshape(arrived, (1,) * -extra + arrived.shape)


def _along(x, indices, axis):
    """Return the index that selects `indices` along one axis and every position along the others."""
    shape = list(x.shape)
    shape[axis] = 1  # replaced by indices, whose length the grid must not fix
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    return tuple(indices if i == axis else positions for i, positions in enumerate(grid))


@primitive
def shared(v, begins):
    """Replace the elements of each run along the last axis by their mean; the function is its own adjoint."""
    starts = np.flatnonzero(begins)
    sizes = np.diff(starts, append=v.size)
    means = np.add.reduceat(v.ravel(), starts) / sizes.astype(v.dtype)
    return np.repeat(means, sizes).reshape(v.shape)


def _sort(g, out, x, axis=-1, kind=None, stable=None):
    """Each gradient goes back to the position of its element; equal elements share theirs equally."""
    if axis is None:
        return np.reshape(_sort(g, out, np.ravel(x)), x.shape)
    order = np.argsort(x, axis=axis)  # ties share their gradients, so their order does not matter
    last = np.moveaxis(out, axis, -1)
    first = create(np.ones, last, (*last.shape[:-1], min(last.shape[-1], 1)), bool)
    begins = np.concatenate([first, np.not_equal(last[..., 1:], last[..., :-1])], axis=-1)
    if not is_plain(g) or not np.all(begins):
        g = np.moveaxis(shared(np.moveaxis(g, axis, -1), begins), -1, axis)
    return np.take_along_axis(g, np.argsort(order, axis=axis), axis=axis)


def _partition(g, out, x, _kth, axis=-1, kind="introselect"):
    """The rule of sort, after sorting the output."""
    if axis is None:
        return np.reshape(_partition(g, out, np.ravel(x), None), x.shape)
    order = np.argsort(out, axis=axis)
    in_order = np.take_along_axis(out, order, axis=axis)
    return _sort(np.take_along_axis(g, order, axis=axis), in_order, x, axis)


# fmt: off
rule(take,         lambda g, _out, _x, index: put(g, index, _x.shape))
rule(put,          lambda g, _out, _v, index, _shape: take(g, index))
rule(assign,       lambda g, _out, _x, index, _value: assign(g, index, 0), None, _assign_value)
rule(shared,       lambda g, _out, _v, begins: shared(g, begins))
rule(np.sort,      _sort)
rule(np.partition, _partition)

nondifferentiable(last_writes, np.argsort, np.argpartition, np.lexsort, np.nonzero, np.flatnonzero, np.argwhere, np.searchsorted, np.digitize,
         np.unravel_index, np.ravel_multi_index, np.isin)
nondifferentiable(np.diag_indices_from, np.tril_indices_from, np.triu_indices_from, static=True)
# fmt: on


@composite(np.take_along_axis)
def _take_along_axis(arr, indices, axis=-1):
    if is_plain(arr):
        return numpys(np.take_along_axis, arr, indices, axis)
    arr, indices = as_array(arr), values(indices)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = axis_index(axis, arr.ndim)
    if indices.ndim != arr.ndim:
        raise ValueError(
            f"take_along_axis needs indices of {arr.ndim} dimensions, but they have shape {indices.shape}"
        )
    return take(arr, _along(arr, indices, axis))


@composite(np.take)
def _take(a, indices, axis=None, out=None, mode="raise"):
    refuse_out("take", out)
    a, indices = as_array(a), positions(indices)
    if axis is not None:
        a = np.ravel(a) if a.ndim == 0 else a  # NumPy takes axis=0 of a number, too
        axis = axis_index(axis, a.ndim)
    if mode != "raise":
        indices = np.arange(a.size if axis is None else a.shape[axis]).take(indices, mode=mode)
    if axis is None:
        return take(np.ravel(a), indices)
    return take(a, (slice(None),) * axis + (indices,))


for _ufunc in (np.add, np.subtract):

    @composite(_ufunc.at)
    def _at(a, indices, b, ufunc=_ufunc):
        """A position that occurs twice gets both, unlike in an assignment."""
        shape = create(np.empty, a, a.shape, bool)[indices].shape
        a[...] = ufunc(a, put(np.broadcast_to(as_array(b, a), shape), indices, a.shape))


@composite(np.compress)
def _compress(condition, a, axis=None):
    return np.take(a, np.flatnonzero(values(condition)), axis)


@composite(np.extract)
def _extract(condition, arr):
    return np.take(arr, np.flatnonzero(values(condition)))


@composite(np.choose)
def _choose(a, choices, out=None, mode="raise"):
    refuse_out("choose", out)
    which, n = values(a).astype(np.intp, casting="same_kind", copy=False), len(choices)
    if mode == "raise" and np.any((which < 0) | (which >= n)):
        raise ValueError(
            f"choose has {n} choices, numbered from 0, but the indices are {which}; mode='clip' or 'wrap' "
            "allows others"
        )
    which = np.arange(n).take(which, mode=mode)
    dtype = np.result_type(*map(as_operand, choices))
    choices = [x if x.dtype == dtype else np.astype(x, dtype) for x in map(as_array, choices)]
    which, *arrays = np.broadcast_arrays(which, *choices)
    return np.take_along_axis(np.stack(arrays), values(which)[None], 0)[0]


@composite(np.select)
def _select(condlist, choicelist, default=0):
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(
            f"select needs one choice per condition, but got {len(condlist)} conditions and "
            f"{len(choicelist)} choices"
        )
    result = default
    for k, condition in enumerate(condlist):
        if as_array(condition).dtype != bool:
            raise TypeError(
                f"select needs conditions of booleans, but entry {k} of condlist is {condition!r}"
            )
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


@composite(np.piecewise)
def _piecewise(x, condlist, funclist, *args, **kw):
    """Call each function with the elements that meet its condition, and one more function with all others."""
    several = type(condlist) is list and any(hasattr(each, "shape") for each in condlist)
    conditions = values(np.stack(condlist) if several else condlist).astype(bool)
    x = as_array(x)
    if conditions.ndim == 0 or (conditions.ndim == 1 and x.ndim):
        conditions = conditions[None]
    if len(funclist) == len(conditions) + 1:
        conditions = np.concatenate([conditions, ~np.any(conditions, axis=0, keepdims=True)])
    if len(funclist) != len(conditions):
        raise ValueError(
            f"piecewise with {len(conditions)} conditions takes as many functions or one more, but got {len(funclist)}"
        )
    out = np.zeros_like(values(x))
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            out = assign(out, condition, function)
        elif np.any(condition):
            out = assign(out, condition, function(x[condition], *args, **kw))
    return out


@composite(np.sort_complex)
def _sort_complex(a):
    return np.astype(np.sort(a), np.sort_complex(create(np.empty, a, 0, a.dtype)).dtype)


@composite(np.trim_zeros)
def _trim_zeros(filt, trim="fb", axis=None):
    trim = trim.lower()
    if trim not in ("f", "b", "fb", "bf"):
        raise ValueError(f"trim_zeros takes trim='f', 'b' or 'fb', but got {trim!r}")
    found = np.nonzero(np.atleast_1d(values(filt)))
    axes = axis_indices(axis, filt.ndim)
    index = [slice(None)] * filt.ndim
    for i in axes:
        if found[i].size == 0:
            index[i] = slice(0, 0)
        else:
            first, last = int(found[i].min()), int(found[i].max())
            index[i] = slice(first if "f" in trim else None, last + 1 if "b" in trim else None)
    return filt[tuple(index)]


@valued_by_numpy(np.bincount)
def _bincount(x, /, weights=None, minlength=0):
    """Counts carry no gradient, sums of weights do."""
    counts = numpys(np.bincount, x, None, minlength)
    if weights is None:
        return counts
    return np.astype(put(as_array(weights), (values(x),), counts.shape), float)


@valued_by_numpy(np.histogram_bin_edges)
def _histogram_bin_edges(a, bins=10, range=None, weights=None):
    """The edges depend on the ends of the range, which are the smallest and the largest element by default."""
    if np.ndim(bins):
        return as_array(bins)
    a = as_array(a)
    edges = numpys(np.histogram_bin_edges, a, bins, range, weights)
    if range is None and not a.size:
        return edges
    # NumPy widens an interval of length 0 by constants, which do not count for the gradient.
    low, high = (np.min(a), np.max(a)) if range is None else range
    return np.linspace(low, high, len(edges))


@valued_by_numpy(np.histogram)
def _histogram(a, bins=10, range=None, density=None, weights=None):
    """Counts carry no gradient, because they are constant between jumps; edges and sums of weights do."""
    a = np.ravel(as_array(a))
    weights = None if weights is None else np.ravel(as_array(weights))
    edges = np.histogram_bin_edges(a, bins, range)
    total, _ = numpys(np.histogram, a, values(edges))
    if weights is not None:
        place = np.searchsorted(values(edges), values(a), "right") - 1
        place = np.where(values(a) == values(edges)[-1], len(total) - 1, place)
        inside = (place >= 0) & (place < len(total))
        total = put(weights[inside], (place[inside],), total.shape)
    return (total / np.diff(edges) / np.sum(total) if density else total), edges
