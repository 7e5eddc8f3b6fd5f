"""Rows of indexing in the table of ONNX operators: reading x[index], and writing into a copy."""

import math
from typing import Any

import numpy as np

from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.onnx.graph import INT64, OnnxGraph
from tensorgrad.program.onnx.sizes import BatchSize, Pattern
from tensorgrad.program.steps import Var

END = np.iinfo(np.int64).max


def write_item(g: OnnxGraph, x: Any, index: Any) -> str:
    """Write x[index]: slices and numbers, or whole numbers of arrays on the first axes."""
    items = full_index(g, x, index if isinstance(index, tuple) else (index,))
    if any(is_array_index(i) for i in items):
        return write_gathered(g, x, items)
    value, axis, added, numbers, cut = g.value(x), 0, [], [], []
    place = 0
    for i in items:
        if i is None:
            added.append(place)
            place += 1
            continue
        if isinstance(i, slice):
            if i != slice(None):
                cut.append((axis, i))
            place += 1
        else:
            numbers.append((axis, i))
        axis += 1
    value = write_sliced(g, value, cut)
    for axis, i in reversed(numbers):
        value = g.node("Gather", value, g.value(i, np.int64), axis=axis)
    return g.node("Unsqueeze", value, g.integers(*added)) if added else value


def write_sliced(g: OnnxGraph, value: str, cut: list[tuple[int, slice]]) -> str:
    """Write slices along axes."""
    if not cut:
        return value
    steps = [1 if s.step is None else s.step for _, s in cut]
    starts = [(0 if step > 0 else END) if s.start is None else s.start
              for (_, s), step in zip(cut, steps)]  # fmt: skip
    ends = [(END if step > 0 else -END) if s.stop is None else s.stop
            for (_, s), step in zip(cut, steps)]  # fmt: skip
    axes = g.integers(*(axis for axis, _ in cut))
    return g.node(
        "Slice", value, g.shape_input(tuple(starts)), g.shape_input(tuple(ends)), axes,
        g.integers(*steps),
    )  # fmt: skip


def is_array_index(i: Any) -> bool:
    """Return True for an array of positions."""
    return isinstance(i, (list, np.ndarray, Pattern)) or (type(i) is Var and bool(i.shape))


def is_full_slice(i: Any) -> bool:
    """Return True for a slice that leaves an axis as it is."""
    return isinstance(i, slice) and i == slice(None)


def full_index(g: OnnxGraph, x: Any, items: tuple[Any, ...]) -> list[Any]:
    """Return an index without an ellipsis, with one item for each axis."""
    used = sum(i is not None and i is not Ellipsis for i in items)
    rest = [slice(None)] * (g.rank(x) - used)
    at = next((k for k, i in enumerate(items) if i is Ellipsis), len(items))
    return [*items[:at], *rest, *items[at + 1 :]]


def write_gathered(g: OnnxGraph, x: Any, items: list[Any]) -> str:
    """Write x at positions in arrays."""
    arrays = [(k, i) for k, i in enumerate(items) if not isinstance(i, slice)]
    plain = all(is_full_slice(i) for i in items if isinstance(i, slice))
    if any(i is None or np.dtype(g.dtype_of(i)).kind not in "iu" for _, i in arrays
           if i is None or not isinstance(i, (int, list))):  # fmt: skip
        raise Untraceable("ONNX takes integers as indices, not masks; write np.where")
    if len(arrays) == 1 and plain:
        (axis, positions), = arrays  # fmt: skip
        return g.node("Gather", g.value(x), g.value(as_index(positions), np.int64), axis=axis)
    if not plain or [k for k, _ in arrays] != list(range(len(arrays))):
        raise Untraceable(
            "an index of arrays beside slices has an operator only if the arrays come first"
        )
    return g.node("GatherND", g.value(x), positions_of(g, arrays))


def longest_index(g: OnnxGraph, items: Any) -> Any:
    """Return the array of positions that has the most axes."""
    return max(map(as_index, items), key=g.rank)


def positions_of(g: OnnxGraph, arrays: list[tuple[int, Any]]) -> str:
    """Write the positions in several arrays as rows of one."""
    parts = []
    longest = g.shape(longest_index(g, [i for _, i in arrays]))
    for _, i in arrays:
        part = g.value(as_index(i), np.int64)
        if g.shape(as_index(i)) != longest:
            part = g.node("Expand", part, g.shape_input(longest), dtype=INT64)
        parts.append(g.node("Unsqueeze", part, g.integers(-1), dtype=INT64))
    return g.node("Concat", *parts, axis=-1, dtype=INT64)


def as_index(i: Any) -> Any:
    """Return a list of positions as an array."""
    return np.asarray(i) if isinstance(i, (list, int)) else i


def write_assign(g: OnnxGraph, x: Any, index: Any, value: Any) -> str:
    """Write a copy of x in which x[index] is the value."""
    items = full_index(g, x, index if isinstance(index, tuple) else (index,))
    shape = g.shape(x)
    dtype = np.dtype(g.dtype_of(x))
    arrays = [as_index(i) for i in items if is_array_index(i)]
    one_each = not any(isinstance(i, slice) or i is None for i in items)
    if arrays and one_each and all(np.dtype(g.dtype_of(i)).kind in "iu" for i in arrays):
        places = positions_of(g, list(enumerate(items)))
        target = g.shape(longest_index(g, items))
        updates = g.node("Expand", g.value(value, dtype), g.shape_input(target), dtype=dtype)
        return g.node("ScatterND", g.value(x), places, updates, dtype=dtype)
    lead = next((k for k, i in enumerate(items) if not is_full_slice(i)), len(items))
    places = fixed_positions(g, x, items, lead)
    rows, k = shape[:lead], len(shape[:lead])
    updates = g.node(
        "Expand", g.value(value, dtype), g.shape_input((*rows, *places.shape)), dtype=dtype
    )
    turn, back = (k, *range(k)), (*range(1, k + 1), 0)
    flat = g.node("Reshape", updates, g.shape_input((*rows, places.size)), dtype=dtype)
    whole = g.node(
        "Reshape", g.value(x), g.shape_input((*rows, math.prod(shape[lead:]))), dtype=dtype
    )
    made = g.node(
        "ScatterND", g.transposed(whole, turn), g.constant(places.reshape(-1, 1)),
        g.transposed(flat, turn), dtype=dtype,
    )  # fmt: skip
    return g.node("Reshape", g.transposed(made, back), g.shape_input(shape), dtype=dtype)


def fixed_positions(g: OnnxGraph, x: Any, items: list[Any], lead: int) -> np.ndarray:
    """Return the positions, in an array of the last axes, that an index chooses.

    Raises: Untraceable if they depend on values or on the batch size.
    """
    lengths = g.lengths(x, slice(lead, None))
    if any(type(i) is Var or isinstance(i, (BatchSize, Pattern)) for i in items[lead:]):
        raise Untraceable(
            "an assignment to places that depend on values has an operator only if there is an "
            "array of places for each axis; write np.where"
        )
    return np.arange(math.prod(lengths)).reshape(lengths)[tuple(items[lead:])]


def write_take_along(g: OnnxGraph, x: Any, indices: Any, axis: int | None = None) -> str:
    """Write x at positions along an axis."""
    value = g.value(x)
    if axis is None:
        value, axis = g.node("Reshape", value, g.integers(-1)), 0
    return g.node("Gather", value, g.value(as_index(indices), np.int64), axis=int(axis))


def write_take_along_axis(g: OnnxGraph, arr: Any, indices: Any, axis: int = -1) -> str:
    """Write elements at positions along an axis."""
    return g.node("GatherElements", g.value(arr), g.value(indices, np.int64), axis=int(axis))
