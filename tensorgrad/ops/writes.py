"""Functions that write into their first argument; on a tensor they are assignments to its items.

Writing a tensor that requires a gradient into an ndarray raises, because the gradient would be lost.
"""

import numpy as np

from tensorgrad.ops.common import as_array, axis_index, create, numpys, positions, values
from tensorgrad.rules import composite

# An array of objects as their first argument is written to, and not converted to numbers.
FILLING = {np.copyto, np.place, np.putmask, np.put, np.put_along_axis, np.fill_diagonal}


@composite(np.copyto)
def _copyto(dst, src, casting="same_kind", where=True):
    """NumPy converts numbers, and finds the positions by filling a mask."""
    if type(src) in (int, float, complex):
        src, number = create(np.empty, dst, (), dst.dtype), src
        np.copyto(src, number, casting)
    src = as_array(src)
    if not np.can_cast(src.dtype, dst.dtype, casting):
        raise TypeError(
            f"copyto cannot cast an array of {src.dtype} to {dst.dtype} under casting={casting!r}"
        )
    src = np.broadcast_to(src, dst.shape)
    if where is True:
        dst[...] = src
    else:
        mask = create(np.zeros, dst, dst.shape, bool)
        numpys(np.copyto, mask, True, where=where)
        dst[mask] = src[mask]


@composite(np.place)
def _place(arr, mask, vals):
    """The values are written in order, and repeated if there are too few."""
    mask = np.reshape(values(mask), arr.shape).astype(bool)
    vals = np.ravel(as_array(vals))
    if not vals.size and np.any(mask):
        raise ValueError("place needs 1 value or more to insert, but got none")
    arr[mask] = vals[create(np.arange, vals, int(np.count_nonzero(mask))) % vals.size]


@composite(np.putmask)
def _putmask(a, /, mask, values):
    """Each position gets the value at its own flat position, modulo the number of values."""
    if np.size(mask) != a.size:
        raise ValueError(
            f"putmask takes a mask of the shape of the array, {a.shape}, but got {np.shape(mask)}"
        )
    where = np.flatnonzero(mask)
    given = np.ravel(as_array(values))
    a[np.unravel_index(where, a.shape)] = given[where % given.size]


@composite(np.put)
def _put(a, ind, v, mode="raise"):
    ind, v = np.ravel(positions(ind)), np.ravel(as_array(v))
    if not v.size:
        return
    ind = np.arange(a.size).take(ind, mode=mode)  # resolves negative indices
    given = v[np.arange(ind.size) % v.size]
    if a.ndim:
        a[np.unravel_index(ind, a.shape)] = given
    elif ind.size:
        a[()] = given[-1]


@composite(np.put_along_axis)
def _put_along_axis(arr, indices, values, axis):
    if axis is None:
        if np.ndim(indices) != 1:
            raise ValueError(
                f"put_along_axis with axis=None needs indices of 1 dimension, but they have shape {np.shape(indices)}"
            )
        arr[np.unravel_index(indices, arr.shape)] = values
        return
    axis = axis_index(axis, arr.ndim)
    shape = list(arr.shape)
    shape[axis] = 1
    grid = list(np.ogrid[tuple(slice(n) for n in shape)])
    grid[axis] = indices
    arr[tuple(grid)] = values


@composite(np.fill_diagonal)
def _fill_diagonal(a, val, wrap=False):
    """NumPy finds the positions by filling a mask."""
    if a.ndim < 2:
        raise ValueError(
            f"fill_diagonal needs an array of 2 dimensions or more, but got shape {a.shape}"
        )
    where = create(np.zeros, a, a.shape, bool)
    np.fill_diagonal(where, True, wrap)
    index = np.nonzero(where)
    val = np.ravel(as_array(val))
    a[index] = val[np.arange(len(index[0])) % val.size]
