"""Rows of functions of shape and of indexing in the table of ONNX operators."""

from typing import Any

import numpy as np

from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.onnx.elementwise import Row, reduced_axes
from tensorgrad.program.onnx.graph import INT64, OnnxGraph
from tensorgrad.program.onnx.index import END, write_sliced, write_take_along, write_take_along_axis
from tensorgrad.program.onnx.sizes import BatchSize, Dim


def shaped(g: OnnxGraph, x: Any, shape: tuple[Dim, ...]) -> str:
    """Write x in another shape; one length that depends on the batch is that which is left."""
    value = g.value(x, g.dtype)
    free = [n for n in shape if isinstance(n, BatchSize)]
    if len(free) == 1 and 0 not in shape:
        left = g.integers(*(-1 if isinstance(n, BatchSize) else n for n in shape))
        return g.node("Reshape", value, left)
    return g.node("Reshape", value, g.shape_input(shape))


def write_reshape(
    g: OnnxGraph, x: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, **_: Any
) -> str:
    """Write x in the shape of the result."""
    if order != "C":
        raise Untraceable(f"ONNX reshapes in the order of C, not {order!r}")
    return shaped(g, x, g.shape(g.out))


def write_to_shape(g: OnnxGraph, x: Any, *_how: Any, **_more: Any) -> str:
    """Write x in the shape of the result, which has the elements in the same order."""
    return shaped(g, x, g.shape(g.out))


def write_transpose(g: OnnxGraph, x: Any, *order: Any, axes: Any = None) -> str:
    """Write x with its axes in another order, or reversed."""
    n = g.rank(x)
    order = order if axes is None else tuple(axes)
    order = tuple(order[0]) if len(order) == 1 and isinstance(order[0], (tuple, list)) else order
    if not order or order == (None,):
        order = tuple(reversed(range(n)))
    return g.transposed(x, tuple(int(k) % n for k in order), g.dtype)


def write_swapaxes(g: OnnxGraph, x: Any, axis1: int, axis2: int) -> str:
    """Write x with two axes exchanged."""
    order = list(range(g.rank(x)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return g.transposed(x, tuple(order), g.dtype)


def write_moveaxis(g: OnnxGraph, x: Any, source: Any, destination: Any) -> str:
    """Write x with axes in other places."""
    axes = list(range(g.rank(x)))
    sources = [k % len(axes) for k in np.atleast_1d(source).tolist()]
    places = [k % len(axes) for k in np.atleast_1d(destination).tolist()]
    rest = [k for k in axes if k not in sources]
    for place, k in sorted(zip(places, sources, strict=True)):
        rest.insert(place, k)
    return g.transposed(x, tuple(rest), g.dtype)


def write_broadcast_to(g: OnnxGraph, x: Any, shape: Any, **_: Any) -> str:
    """Write x repeated along axes of length 1."""
    value = g.value(x, g.dtype)
    if g.shape(x) == g.shape(g.out):
        return value
    return g.node("Expand", value, g.shape_input(g.shape(g.out)))


def write_full_like(g: OnnxGraph, x: Any, fill_value: Any, **_: Any) -> str:
    """Write an array of one value."""
    return g.node("Expand", g.value(fill_value, g.dtype), g.shape_input(g.shape(g.out)))


def write_concatenate(g: OnnxGraph, *arrays: Any, axis: int | None = 0) -> str:
    """Write arrays one after another."""
    if len(arrays) == 1 and isinstance(arrays[0], (tuple, list)):
        arrays = tuple(arrays[0])
    values = [g.value(x, g.dtype) for x in arrays]
    if axis is None:
        values = [g.node("Reshape", value, g.integers(-1)) for value in values]
    return g.node("Concat", *values, axis=int(axis or 0))


def write_list_joined(g: OnnxGraph, arrays: Any, axis: int | None = 0) -> str:
    """Write the arrays of a list one after another."""
    return write_concatenate(g, *arrays, axis=axis)


def write_stack(g: OnnxGraph, arrays: Any, axis: int = 0) -> str:
    """Write arrays along a new axis."""
    place = g.integers(axis % g.rank(g.out))
    return write_concatenate(
        g, *(g.node("Unsqueeze", g.value(x, g.dtype), place) for x in arrays), axis=axis
    )


def write_tile(g: OnnxGraph, x: Any, reps: Any) -> str:
    """Write x several times along its axes."""
    counts = (reps,) if isinstance(reps, (int, np.integer, BatchSize)) else tuple(reps)
    n = max(len(counts), g.rank(x))
    value = shaped(g, x, (1,) * (n - g.rank(x)) + g.shape(x))
    return g.node("Tile", value, g.shape_input((1,) * (n - len(counts)) + counts))


def write_flip(g: OnnxGraph, x: Any, axis: Any = None) -> str:
    """Write x backwards along axes."""
    axes = reduced_axes(g, x, axis)
    k = len(axes)
    ends = g.integers(*[-END] * k)
    starts, steps = g.integers(*[-1] * k), g.integers(*[-1] * k)
    return g.node("Slice", g.value(x, g.dtype), starts, ends, g.integers(*axes), steps)


def write_roll(g: OnnxGraph, x: Any, shift: int, axis: int | None = None) -> str:
    """Write x moved around along one axis."""
    if not isinstance(axis, (int, np.integer)) or not isinstance(shift, (int, np.integer)):
        raise Untraceable("np.roll has an operator for one shift along one axis")
    axis = int(axis) % g.rank(x)
    at = -int(shift) % g.lengths(x, slice(axis, axis + 1))[0]
    value = g.value(x)
    parts = [write_sliced(g, value, [(axis, cut)]) for cut in (slice(at, None), slice(0, at))]
    return g.node("Concat", *parts, axis=axis)


def write_sorted(g: OnnxGraph, x: Any, axis: int = -1, *, place: int) -> str:
    """Write x in order along an axis, or the positions of that order."""
    axis = int(axis) % g.rank(x)
    size = g.shape_input(g.shape(x)[axis : axis + 1])
    dtype = np.dtype(g.dtype_of(x))
    found = g.node(
        "TopK", g.value(x), size, axis=axis, largest=0, sorted=1, outputs=2, dtype=dtype
    )  # fmt: skip
    g.dtypes[found[1]] = INT64
    return found[place]


def write_split(g: OnnxGraph, ary: Any, sections: Any, axis: int = 0) -> tuple[str, ...]:
    """Write the parts of x along an axis."""
    ends = [g.shape(v)[axis] for v in g.outs]
    starts = [sum(ends[:k]) for k in range(len(ends))]
    parts = zip(starts, ends, strict=True)
    return tuple(write_sliced(g, g.value(ary), [(axis, slice(a, a + n))]) for a, n in parts)


def write_pad_constant(g: OnnxGraph, x: Any, pad_width: Any, constant_values: Any = 0) -> str:
    """Write x between constants."""
    n = g.rank(x)
    pairs = np.broadcast_to(np.asarray(pad_width), (n, 2))
    value = g.constant(np.asarray(constant_values, g.dtype).reshape(()))
    return g.node("Pad", g.value(x, g.dtype), g.integers(*pairs.T.reshape(-1).tolist()), value)


def write_where(g: OnnxGraph, condition: Any, x: Any, y: Any) -> str:
    """Write x where the condition holds, and y elsewhere."""
    return g.node("Where", g.value(condition, bool), g.value(x, g.dtype), g.value(y, g.dtype))


def write_matmul(g: OnnxGraph, a: Any, b: Any) -> str:
    """Write the product of matrices."""
    return g.node("MatMul", g.value(a, g.dtype), g.value(b, g.dtype))


def write_dot(g: OnnxGraph, a: Any, b: Any) -> str:
    """Write the sums of products over the last axis of a and the last but one of b."""
    if not g.rank(a) or not g.rank(b):
        return g.node("Mul", g.value(a, g.dtype), g.value(b, g.dtype))
    if g.rank(b) > 2:
        raise Untraceable("np.dot with more than two axes of b has no operator; write a @ b")
    return write_matmul(g, a, b)


def write_einsum(g: OnnxGraph, *operands: Any, subscripts: str, **_: Any) -> str:
    """Write a sum of products of several arrays."""
    values = [g.value(x, g.dtype) for x in operands]
    return g.node("Einsum", *values, equation=subscripts.replace(" ", ""))


def write_triangle(g: OnnxGraph, x: Any, k: int, upper: int) -> str:
    """Write a triangle of the last two axes, with zeros elsewhere."""
    return g.node("Trilu", g.value(x, g.dtype), g.constant(np.asarray(k, np.int64)), upper=upper)


# fmt: off
SHAPE_ROWS: dict[Any, Row] = {
    np.reshape:         write_reshape,
    np.ravel:           write_reshape,
    np.expand_dims:     write_to_shape,
    np.squeeze:         write_to_shape,
    np.atleast_1d:      write_to_shape,
    np.atleast_2d:      write_to_shape,
    np.transpose:       write_transpose,
    np.permute_dims:    write_transpose,
    np.matrix_transpose: lambda g, x: write_swapaxes(g, x, -1, -2),
    np.swapaxes:        write_swapaxes,
    np.moveaxis:        write_moveaxis,
    np.broadcast_to:    write_broadcast_to,
    np.zeros_like:      lambda g, x, **_: write_full_like(g, x, 0),
    np.ones_like:       lambda g, x, **_: write_full_like(g, x, 1),
    np.full_like:       write_full_like,
    np.copy:            lambda g, x, **_: g.value(x),
    np.concatenate:     write_list_joined,
    np.stack:           write_stack,
    np.tile:            write_tile,
    np.flip:            write_flip,
    np.roll:            write_roll,
    np.split:           write_split,
    np.array_split:     write_split,
    np.sort:            lambda g, x, axis=-1, **_: write_sorted(g, x, axis, place=0),
    np.argsort:         lambda g, x, axis=-1, **_: write_sorted(g, x, axis, place=1),
    np.where:           write_where,
    np.matmul:          write_matmul,
    np.dot:             write_dot,
    np.tril:            lambda g, x, k=0: write_triangle(g, x, k, 0),
    np.triu:            lambda g, x, k=0: write_triangle(g, x, k, 1),
    np.take:            write_take_along,
    np.take_along_axis: write_take_along_axis,
}
# fmt: on
