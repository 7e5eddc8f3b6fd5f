"""Arrangements: moving, repeating, deleting, inserting and padding elements, and diagonals."""

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.ops import common
from tensorgrad.ops.common import as_array, create, zeros_of
from tensorgrad.rules import composite, primitive, rule


def _unpad(g, _out, _x, pad_width, constant_values=0):
    """The part that is not padding."""
    stretches = zip(pad_width, _x.shape, strict=False)
    return g[tuple(slice(before, before + n) for (before, _), n in stretches)]


@primitive
def pad_constant(x, pad_width, constant_values=0):
    """Pad x with constants, as many as the pair (before, after) says for each axis."""
    return np.pad(x, pad_width or 0, constant_values=constant_values)


@primitive
def spread_diagonal(v, shape, offset=0, axis1=0, axis2=1):
    """Write v on the diagonal of an array of zeros of this shape: the adjoint of np.diagonal."""
    out = zeros_of(v, shape)
    rows = np.moveaxis(out, (axis1, axis2), (-2, -1))
    down, right = max(-offset, 0), max(offset, 0)
    n = np.arange(max(min(rows.shape[-2] - down, rows.shape[-1] - right), 0))
    rows[..., n + down, n + right] = v
    return out


def _resize(g, _out, _a, new_shape=None):
    """Each element gets the sum of the gradients of its copies."""
    if _a.size == 0:
        return create(np.zeros, g, _a.shape, g.dtype)
    more = -g.size % _a.size
    whole = np.concatenate([np.ravel(g), create(np.zeros, g, more, g.dtype)])
    return np.reshape(np.sum(np.reshape(whole, (-1, _a.size)), axis=0), _a.shape)


# fmt: off
rule(np.flip,         lambda g, _out, _x, axis=None: np.flip(g, axis))
rule(np.fliplr,       lambda g, _out, _x: np.fliplr(g))
rule(np.flipud,       lambda g, _out, _x: np.flipud(g))
rule(np.rot90,        lambda g, _out, _x, k=1, axes=(0, 1): np.rot90(g, -k, axes))
rule(np.roll,         lambda g, _out, _x, shift=None, axis=None: np.roll(g, -shift if np.ndim(shift) == 0 else [-n for n in shift], axis))
rule(np.tril,         lambda g, _out, _x, k=0: np.tril(g, k))
rule(np.triu,         lambda g, _out, _x, k=0: np.triu(g, k))
rule(np.resize,       _resize)
rule(pad_constant,        _unpad)
rule(np.diagonal,     lambda g, _out, _x, offset=0, axis1=0, axis2=1: spread_diagonal(g, _x.shape, offset=offset, axis1=axis1, axis2=axis2))
rule(spread_diagonal, lambda g, _out, _v, _shape, offset=0, axis1=0, axis2=1: np.diagonal(g, offset, axis1, axis2))
# fmt: on


@composite(np.linalg.diagonal)
def _linalg_diagonal(x, /, *, offset=0):
    return np.diagonal(x, offset, -2, -1)


@composite(np.diag)
def _diag(v, k=0):
    if v.ndim == 1:
        n = v.shape[0] + abs(k)
        return spread_diagonal(v, (n, n), offset=k)
    if v.ndim == 2:
        return np.diagonal(v, k)
    raise ValueError(f"np.diag takes an array of 1 or 2 dimensions, but got shape {v.shape}")


@composite(np.diagflat)
def _diagflat(v, k=0):
    return np.diag(np.ravel(v), k)


@composite(np.trace)
def _trace(a, offset=0, axis1=0, axis2=1, dtype=None):
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@composite(np.linalg.trace)
def _linalg_trace(x, /, *, offset=0, dtype=None):
    return np.trace(x, offset, -2, -1, dtype)


def own(x, is_view):
    """Copy x if it is a view, because a write to a view would change the original."""
    return np.copy(x) if is_view else x


@composite(np.tile)
def _tile(A, reps):
    """Broadcast along a new axis before each axis, then merge both axes."""
    A = as_array(A)
    reps = tuple(reps) if np.ndim(reps) else (int(reps),)
    rank = max(A.ndim, len(reps))
    reps = (1,) * (rank - len(reps)) + tuple(int(n) for n in reps)
    shape = (1,) * (rank - A.ndim) + A.shape
    apart = np.reshape(A, [n for length in shape for n in (1, length)])
    wide = np.broadcast_to(apart, [n for pair in zip(reps, shape, strict=True) for n in pair])
    out = np.reshape(wide, [n * length for n, length in zip(reps, shape, strict=True)])
    return own(out, all(1 in pair for pair in zip(reps, shape, strict=True)))


@composite(np.repeat)
def _repeat(a, repeats, axis=None):
    if axis is None:
        a, axis = np.ravel(a), 0
    a = np.ravel(a) if a.ndim == 0 else a  # NumPy takes axis=0 of a number, too
    axis = common.axis_index(axis, a.ndim)
    if np.ndim(repeats):
        return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis)
    shape = a.shape
    apart = np.expand_dims(a, axis + 1)
    wide = np.broadcast_to(apart, (*shape[: axis + 1], int(repeats), *shape[axis + 1 :]))
    out = np.reshape(wide, (*shape[:axis], shape[axis] * int(repeats), *shape[axis + 1 :]))
    return own(out, 1 in (repeats, shape[axis]))


@composite(np.delete)
def _delete(arr, obj, axis=None):
    arr = as_array(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = common.axis_index(axis, arr.ndim)
    obj = common.values(obj) if hasattr(obj, "shape") else obj
    return np.take(arr, np.delete(create(np.arange, arr, arr.shape[axis]), obj), axis)


@composite(np.insert)
def _insert(arr, obj, values, axis=None):
    """Append the values, then take all elements in the order that NumPy gives them."""
    arr = as_array(arr)
    values = as_array(values, arr)
    obj = common.values(obj) if hasattr(obj, "shape") else obj
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = common.axis_index(axis, arr.ndim)
    n = arr.shape[axis]
    inserted = len(np.insert(np.arange(n), obj, 0)) - n
    values = np.reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
    if np.ndim(obj) == 0 and not isinstance(obj, slice):
        values = np.moveaxis(values, 0, axis)
    if inserted == 1:
        inserted = values.shape[axis]  # at a single position, all the values
    shape = (*arr.shape[:axis], inserted, *arr.shape[axis + 1 :])
    both = np.concatenate([arr, np.broadcast_to(np.astype(values, arr.dtype), shape)], axis)
    return np.take(both, np.insert(np.arange(n), obj, n + np.arange(inserted)), axis)


def _along_axes(along, array, widths, mode, kwargs):
    """Pad one axis after another."""
    for axis, width in enumerate(widths):
        if any(width):
            array = along(array, axis, width, mode, kwargs)
    return array


def _widths(pad_width, ndim):
    """Return the pair (before, after) of every axis, from every form that NumPy takes."""
    if isinstance(pad_width, dict):
        asked = {axis % ndim: width for axis, width in pad_width.items()}
        pairs = [np.broadcast_to(asked.get(axis, 0), 2) for axis in range(ndim)]
    else:
        pairs = np.broadcast_to(pad_width, (ndim, 2))
    if np.asarray(pairs).dtype.kind not in "iu" and ndim:
        raise TypeError(f"pad takes a pad_width of integers, but got {pad_width!r}")
    return tuple((int(before), int(after)) for before, after in pairs)


def _picked(x, axis, width, mode, kwargs):
    """Pad with repeated elements: NumPy pads the positions, then take the elements there."""
    return np.take(x, np.pad(np.arange(x.shape[axis]), width, mode=mode, **kwargs), axis)


def _extrapolated(x, axis, width, mode, kwargs):
    """Pad with linear combinations of elements: NumPy pads the identity, then multiply by it."""
    matrix = np.pad(
        create(np.eye, x, x.shape[axis], dtype=x.dtype), (width, (0, 0)), mode=mode, **kwargs
    )
    return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)


def _joined(x, axis, width, mode, kwargs):
    """Pad with values computed from the elements at each end."""
    n, ends = x.shape[axis], []
    for side, count in enumerate(width):
        lead = (slice(None),) * axis
        edge = x[(*lead, slice(0, 1) if side == 0 else slice(n - 1, n))]
        if mode == "linear_ramp":
            end = np.broadcast_to(kwargs.get("end_values", 0), (x.ndim, 2))[axis, side]
            steps = create(np.arange, edge, count, dtype=edge.dtype)
            steps = np.reshape(
                steps if side == 0 else steps[::-1], (-1,) + (1,) * (x.ndim - axis - 1)
            )
            end = edge.dtype.type(end)
            ends.append(end + (edge - end) * (steps / max(count, 1)))
        else:
            length = np.broadcast_to(kwargs.get("stat_length"), (x.ndim, 2))[axis, side]
            length = n if length is None else min(int(length), n)
            stretch = x[(*lead, slice(0, length) if side == 0 else slice(n - length, n))]
            statistic = {"mean": np.mean, "maximum": np.max, "minimum": np.min, "median": np.median}
            value = statistic[mode](stretch, axis=axis, keepdims=True)
            shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
            ends.append(np.broadcast_to(value, shape))
    return np.concatenate([ends[0], x, ends[1]], axis)


@composite(np.pad)
@in_own_context
def _pad(array, pad_width, mode="constant", **kwargs):
    if callable(mode):
        raise TypeError(
            f"pad of tensors has no gradient in mode {mode!r}; use np.concatenate to put any values around a tensor"
        )
    widths = _widths(pad_width, array.ndim)
    if mode in ("constant", "empty"):  # of which any values will do
        return pad_constant(array, widths, **kwargs)
    if not any(map(any, widths)):
        return np.copy(array)
    odd = kwargs.get("reflect_type") == "odd" and mode in ("reflect", "symmetric")
    if mode in ("edge", "reflect", "symmetric", "wrap") and not odd:
        return _along_axes(_picked, array, widths, mode, kwargs)
    value = common.numpys(np.pad, array, widths, mode, **kwargs)
    along = _extrapolated if odd else _joined
    with np.errstate(all="ignore"):  # because NumPy has already warned
        padded = _along_axes(along, common.as_inexact(array), widths, mode, kwargs)
    return common.substituted(padded, value)
