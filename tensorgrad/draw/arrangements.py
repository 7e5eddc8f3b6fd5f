"""The formulas of calls that arrange elements: other shapes, selections, orders, running sums."""

import itertools
from collections.abc import Callable

from tensorgrad.draw.calls import CallShapes, Prose, Shape, reduced, repeated_axes
from tensorgrad.draw.formula_tables import PROSE_FORMULAS
from tensorgrad.draw.reductions import Lines, ones_text

MOST_OPERANDS = 6  # a call of more operands is described in words


def _reshape_lines(call: CallShapes) -> Lines:
    return [f"reshape(x, {call.shape})", f"reshape(g, {call.shapes[0]})"]


def _transpose_lines(call: CallShapes) -> Lines:
    ndim = len(call.shape)
    axes = call.keyword("axes")
    order = tuple(range(ndim))[::-1] if axes is None else tuple(a % ndim for a in axes)
    if order == tuple(range(ndim)):
        return ["x", "g"]
    if ndim == 2:
        return ["xᵀ", "gᵀ"]
    back = tuple(order.index(axis) for axis in range(ndim))
    return [f"transpose(x, {order})", f"transpose(g, {back})"]


def _swapaxes_lines(call: CallShapes) -> Lines:
    axes = f"{call.keyword('axis1', 0)}, {call.keyword('axis2', 1)}"
    return [f"swapaxes(x, {axes})", f"swapaxes(g, {axes})"]


def _moveaxis_lines(call: CallShapes) -> Lines:
    a, b = (
        tuple(axes) if isinstance(axes, list) else axes
        for axes in (call.keyword("source"), call.keyword("destination"))
    )
    return [_signed(f"moveaxis(x, {a}, {b})"), _signed(f"moveaxis(g, {b}, {a})")]


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _matrix_transpose_lines(_: CallShapes) -> Lines:
    return ["xᵀ", "gᵀ"]


def _broadcast_to_lines(call: CallShapes) -> Lines:
    (x,) = call.shapes
    return [
        f"x · {ones_text(call.shape)}",
        reduced("Σ", "g", repeated_axes(x, call.shape), call.shape),
    ]


def _concatenate_lines(call: CallShapes) -> Lines:
    axis = call.keyword("axis", 0)
    if axis is None or call.keywords.keys() - {"axis"}:
        return None
    axis %= len(call.shape)
    ends = list(itertools.accumulate((s[axis] for s in call.shapes), initial=0))
    lead = ":, " * axis
    parts = [f"g[{lead}{a}:{b}]" for a, b in itertools.pairwise(ends)]
    whole = f"concatenate(({', '.join(call.names)}{',' * (len(call.names) == 1)}), {axis})"
    if len(call.names) > MOST_OPERANDS:
        whole = Prose(f"{len(call.names)} arrays, joined along axis {axis}", whole)
    return [whole, *parts]


def _index_text(call: CallShapes, slot: int) -> str | None:
    """Write an index as in brackets; None if it holds arrays that have no name."""
    text = call.texts[slot]
    if not text:
        return call.names[slot]
    if "array" in text or "…" in text or text == "()":
        return None
    bare = text[1:-1].rstrip(",") if text.startswith("(") else text
    return bare.replace("None", "newaxis")


def _zeros(shape: Shape) -> str:
    return f"zeros({', '.join(map(str, shape))})"


def _take_lines(call: CallShapes) -> Lines:
    index = _index_text(call, 1)
    if index is None:
        return [Prose("x[index]"), Prose("g at index, 0 elsewhere; places taken twice add up")]
    return [f"x[{index}]", f"{_zeros(call.shapes[0])} with g added at [{index}]"]


def _put_lines(call: CallShapes) -> Lines:
    index = _index_text(call, 1)
    if index is None:
        return [Prose("v at index, 0 elsewhere; places named twice add up"), Prose("g[index]")]
    return [f"{_zeros(call.shape)} with v added at [{index}]", f"g[{index}]"]


def _cumsum_lines(call: CallShapes) -> Lines:
    axis = call.keyword("axis")
    ndim = len(call.shapes[0])
    if axis is None and ndim != 1:
        return [
            Prose("the cumulative sum of x"),
            Prose("the sum of g from each element to the end"),
        ]
    axis = 0 if axis is None else axis % ndim
    back = f"[{':, ' * axis}::-1]"
    along = "" if ndim == 1 else f", axis={axis}"
    return [f"cumsum(x{along})", f"cumsum(g{back}{along}){back}"]


def _roll_lines(call: CallShapes) -> Lines:
    shift, axis = call.keyword("shift"), call.keyword("axis")
    back = tuple(-n for n in shift) if isinstance(shift, (tuple, list)) else -shift
    along = "" if axis is None else f", axis={axis}"
    return [_signed(f"roll(x, {shift}{along})"), _signed(f"roll(g, {back}{along})")]


def _flip_lines(call: CallShapes) -> Lines:
    axis = call.keyword("axis")
    along = "" if axis is None else f", axis={axis}"
    return [f"flip(x{along})", f"flip(g{along})"]


def _assign_lines(call: CallShapes) -> Lines:
    index = _index_text(call, 1)
    here = index or "index"
    words = (
        f"x with value at [{here}]",
        f"g with 0 at [{here}]",
        f"g[{here}], added up where value was broadcast, 0 where it was overwritten",
    )
    if index is None or not call.texts[1] or "[" in index:  # it may name a place twice
        return [Prose(words[0]), Prose(words[1]), None, Prose(words[2])]
    return [
        Prose(words[0], f"assigned(x, value, s_[{index}])"),
        Prose(words[1], f"assigned(g, 0, s_[{index}])"),
        None,
        Prose(words[2], f"fitted(g[{index}], {call.shapes[2]})"),
    ]


def _sort_lines(call: CallShapes) -> Lines:
    axis = call.keyword("axis", -1)
    last = None if axis is None else axis % len(call.shapes[0])
    words = PROSE_FORMULAS["sort"]
    computed = f"sorted(x, {last})", f"unsorted(g, x, {last})"
    return [Prose(word, text) for word, text in zip(words, computed)]


ARRANGEMENTS: list[tuple[str, Callable[[CallShapes], Lines], tuple[str, ...]]] = [
    ("reshape", _reshape_lines, ("shape",)),
    ("ravel", _reshape_lines, ()),
    ("squeeze", _reshape_lines, ("axis",)),
    ("expand_dims", _reshape_lines, ("axis",)),
    ("transpose", _transpose_lines, ("axes",)),
    ("matrix_transpose", _matrix_transpose_lines, ()),
    ("swapaxes", _swapaxes_lines, ("axis1", "axis2")),
    ("moveaxis", _moveaxis_lines, ("source", "destination")),
    ("broadcast_to", _broadcast_to_lines, ("shape",)),
    ("concatenate", _concatenate_lines, ("axis",)),
    ("take", _take_lines, ()),
    ("put", _put_lines, ("shape",)),
    ("cumsum", _cumsum_lines, ("axis",)),
    ("roll", _roll_lines, ("shift", "axis")),
    ("flip", _flip_lines, ("axis",)),
    ("assign", _assign_lines, ()),
    ("sort", _sort_lines, ("axis", "kind", "order", "stable")),
]  # op, its formula, the keywords that the formula knows
