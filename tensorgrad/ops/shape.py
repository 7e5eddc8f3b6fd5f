"""Shapes: reshaping and permuting axes, joining, splitting, and broadcasting arrays."""

import itertools

import numpy as np

from tensorgrad.ops.common import as_array, axis_index
from tensorgrad.rules import (
    RULES,
    composite,
    nondifferentiable,
    primitive,
    refuse_out,
    rule,
    rule_each,
)


def _transpose(g, _out, _x, axes=None):
    """The inverse permutation."""
    return np.transpose(
        g, None if axes is None else np.argsort([i % g.ndim for i in axes]).tolist()
    )


def _rollaxis(g, _out, _x, axis=None, start=0):
    """The axis moves back to where it was."""
    axis, start = axis % g.ndim, start + g.ndim if start < 0 else start
    return np.moveaxis(g, start - 1 if axis < start else start, axis)


@primitive
def concatenate(*arrays, axis=0):
    """np.concatenate of separate arguments, each with its own gradient."""
    return np.concatenate(arrays, axis)


def _concatenate(g, _out, i, *_arrays, axis=0):
    """The section of g that belongs to argument i."""
    start = sum(a.shape[axis] for a in _arrays[:i])
    index = [slice(None)] * g.ndim
    index[axis] = slice(start, start + _arrays[i].shape[axis])
    return g[tuple(index)]


# fmt: off
rule(np.reshape,          lambda g, _out, _x, shape=None, order="C", copy=None: np.reshape(g, _x.shape, order=order))
rule(np.ravel,            lambda g, _out, _x, order="C": np.reshape(g, _x.shape, order=order))
rule(np.squeeze,          lambda g, _out, _x, axis=None: np.reshape(g, _x.shape))
rule(np.expand_dims,      lambda g, _out, _x, axis=None: np.reshape(g, _x.shape))
rule(np.transpose,        _transpose)
rule(np.matrix_transpose, lambda g, _out, _x: np.swapaxes(g, -1, -2))
rule(np.swapaxes,         lambda g, _out, _x, axis1=None, axis2=None: np.swapaxes(g, axis1, axis2))
rule(np.moveaxis,         lambda g, _out, _x, source=None, destination=None: np.moveaxis(g, destination, source))
rule(np.rollaxis,         _rollaxis)
rule(np.broadcast_to,     lambda g, _out, _x, shape=None: g)   # the engine undoes broadcasting
rule_each(concatenate,    _concatenate)
rule(np.linalg.matrix_transpose, lambda g, _out, _x: np.swapaxes(g, -1, -2))

nondifferentiable(np.shape, np.ndim, np.size, np.broadcast_shapes, static=True)
# fmt: on


def _in_known_order(function):
    """Refuse orders that depend on the strides of the argument, because rules do not know them."""

    def compute(x, *args, **kwargs):
        if kwargs.get("order") in ("A", "K", "a", "k"):
            raise TypeError(
                f"{function.__name__} of tensors cannot use order={kwargs['order']!r}, which depends on the layout in "
                "memory; use 'C' or 'F'"
            )
        return function(x, *args, **kwargs)

    return compute


for _function in (np.reshape, np.ravel):
    RULES[_function].compute = _in_known_order(_function)


@composite(np.concatenate)
def _concatenate_list(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    refuse_out("concatenate", out)
    # Python's numbers, possible only here, do not count for the dtype.
    if axis is None and dtype is None:
        dtype = np.result_type(
            *(a if type(a) in (int, float, complex) else as_array(a).dtype for a in arrays)
        )
    arrays = [as_array(a) for a in arrays]
    if dtype is not None:
        for a in arrays:
            if not np.can_cast(a.dtype, dtype, casting):
                raise TypeError(
                    f"concatenate cannot cast an array of {a.dtype} to {np.dtype(dtype)} under casting={casting!r}"
                )
        arrays = [a if a.dtype == dtype else np.astype(a, dtype) for a in arrays]
    if axis is None:
        axis, arrays = 0, [np.ravel(a) for a in arrays]
    # In groups: the rule runs once per argument and is given all, so one long call would be quadratic in backward.
    while len(arrays) > 256:
        arrays = [concatenate(*arrays[i : i + 64], axis=axis) for i in range(0, len(arrays), 64)]
    return concatenate(*arrays, axis=axis)


@composite(np.stack)
def _stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    other = next((a for a in arrays if hasattr(a, "shape")), None)
    arrays = [np.expand_dims(as_array(a, other), axis) for a in arrays]
    return np.concatenate(arrays, axis, out, dtype=dtype, casting=casting)


@composite(np.hstack)
def _hstack(tup, *, dtype=None, casting="same_kind"):
    arrays = [np.atleast_1d(a) for a in tup]
    return np.concatenate(arrays, min(arrays[0].ndim - 1, 1), dtype=dtype, casting=casting)


@composite(np.vstack)
def _vstack(tup, *, dtype=None, casting="same_kind"):
    return np.concatenate([np.atleast_2d(a) for a in tup], dtype=dtype, casting=casting)


@composite(np.dstack)
def _dstack(tup):
    return np.concatenate([np.atleast_3d(a) for a in tup], 2)


@composite(np.column_stack)
def _column_stack(tup):
    """Vectors become columns."""
    arrays = [as_array(a) for a in tup]
    return np.concatenate(
        [a if a.ndim > 1 else np.transpose(np.atleast_2d(a)) for a in arrays], axis=1
    )


@composite(np.append)
def _append(arr, values, axis=None):
    return np.concatenate([as_array(arr), as_array(values, arr)], axis)


@composite(np.block)
def _block(arrays):
    """The innermost lists are joined along the last axis, the lists around them along the one before, and so on."""

    def depth(x):
        return 1 + max(map(depth, x)) if isinstance(x, list) else 0

    levels = depth(arrays)

    def leaves(x):
        return itertools.chain.from_iterable(map(leaves, x)) if isinstance(x, list) else [x]

    rank = max(levels, *(np.ndim(x) for x in leaves(arrays)))

    def join(x, level):
        if isinstance(x, list):
            return np.concatenate([join(item, level + 1) for item in x], axis=rank - levels + level)
        x = as_array(x)
        return np.reshape(x, (1,) * (rank - x.ndim) + x.shape)

    return join(arrays, 0)


def _of_each(function):
    """Turn a function of one array into one that maps several arrays to a tuple."""

    def call(*arys):
        done = tuple(function(as_array(a)) for a in arys)
        return done[0] if len(done) == 1 else done

    return call


@composite(np.atleast_1d)
@_of_each
def _atleast_1d(a):
    return np.reshape(a, (1,)) if a.ndim == 0 else a


@composite(np.atleast_2d)
@_of_each
def _atleast_2d(a):
    return np.reshape(a, (1,) * (2 - a.ndim) + a.shape) if a.ndim < 2 else a


@composite(np.atleast_3d)
@_of_each
def _atleast_3d(a):
    if a.ndim > 2:
        return a
    return np.expand_dims(a, 2) if a.ndim == 2 else np.reshape(a, (1, a.size, 1))


@composite(np.array_split)
def _array_split(ary, indices_or_sections, axis=0):
    ary = as_array(ary)
    axis = axis_index(axis, ary.ndim)
    n = ary.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError(
                f"an array is split into 1 part or more, but got indices_or_sections={sections}"
            )
        size, more = divmod(n, sections)
        cuts = np.cumsum([0] + [size + 1] * more + [size] * (sections - more)).tolist()
    else:
        cuts = [0, *indices_or_sections, n]
    lead = (slice(None),) * axis
    return [ary[(*lead, slice(a, b))] for a, b in itertools.pairwise(cuts)]


@composite(np.split)
def _split(ary, indices_or_sections, axis=0):
    ary = as_array(ary)
    axis = axis_index(axis, ary.ndim)
    if np.ndim(indices_or_sections) == 0 and ary.shape[axis] % indices_or_sections:
        raise ValueError(
            f"axis {axis} of length {ary.shape[axis]} cannot be split into {indices_or_sections} equal parts; "
            "np.array_split allows unequal parts"
        )
    return _array_split(ary, indices_or_sections, axis)


@composite(np.hsplit)
def _hsplit(ary, indices_or_sections):
    ary = as_array(ary)
    if ary.ndim < 1:
        raise ValueError("hsplit needs an array of 1 dimension or more, but got a single number")
    return np.split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


@composite(np.vsplit)
def _vsplit(ary, indices_or_sections):
    ary = as_array(ary)
    if ary.ndim < 2:
        raise ValueError(
            f"vsplit needs an array of 2 dimensions or more, but got shape {ary.shape}"
        )
    return np.split(ary, indices_or_sections, 0)


@composite(np.dsplit)
def _dsplit(ary, indices_or_sections):
    ary = as_array(ary)
    if ary.ndim < 3:
        raise ValueError(
            f"dsplit needs an array of 3 dimensions or more, but got shape {ary.shape}"
        )
    return np.split(ary, indices_or_sections, 2)


@composite(np.unstack)
def _unstack(x, /, *, axis=0):
    if x.ndim == 0:
        raise ValueError("unstack needs an array of 1 dimension or more, but got a single number")
    return tuple(np.moveaxis(x, axis, 0))


@composite(np.broadcast_arrays)
def _broadcast_arrays(*args, subok=False):
    arrays = [as_array(a) for a in args]
    shape = np.broadcast_shapes(*(a.shape for a in arrays))
    return tuple(np.broadcast_to(a, shape) for a in arrays)


@composite(np.meshgrid)
def _meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """Vector k varies along axis k, except that 'xy' swaps the first two axes."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid takes indexing='xy' or 'ij', but got {indexing!r}")
    n = len(xi)
    axes = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    grids = [
        np.reshape(as_array(x), tuple(-1 if i == k else 1 for i in range(n)))
        for x, k in zip(xi, axes, strict=True)
    ]
    grids = grids if sparse else np.broadcast_arrays(*grids)
    return tuple(np.copy(grid) if copy else grid for grid in grids)
