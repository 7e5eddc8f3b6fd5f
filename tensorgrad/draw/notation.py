"""The formulas that depend on the shapes and keywords of a call: products, indices, other shapes."""

import itertools
from collections.abc import Callable, Sequence

from tensorgrad.draw.calls import CallShapes, Prose, Shape, reduced, repeated_axes
from tensorgrad.draw.reductions import (
    Lines,
    cross_entropy_lines,
    log_softmax_lines,
    logsumexp_lines,
    max_lines,
    mean_lines,
    min_lines,
    ones_text,
    softmax_lines,
    std_lines,
    sum_lines,
    var_lines,
)

MOST_OPERANDS = 6  # a call of more operands is described in words


def _matmul_lines(call: CallShapes) -> Lines:
    a, b = call.shapes
    if len(a) == len(b) == 1:
        return ["a @ b", "g · b", "g · a"]
    if len(a) == 1:
        return ["a @ b", "b @ g", "a[:, newaxis] · g"] if len(b) == 2 else None
    if len(b) == 1:
        return ["a @ b", "g[:, newaxis] · b", "aᵀ @ g"] if len(a) == 2 else None
    of_a, of_b = (a[:-2], b[:-2])
    whole = call.shape[:-2]
    sum_a, sum_b = repeated_axes(of_a, whole), repeated_axes(of_b, whole)
    return [
        "a @ b",
        reduced("Σ", "g @ bᵀ", sum_a, call.shape),
        reduced("Σ", "aᵀ @ g", sum_b, call.shape),
    ]


def _linear_lines(call: CallShapes) -> Lines:
    x, _, b = call.shapes
    if len(x) < 2:
        return ["x @ W + b", "W @ g", "x[:, newaxis] · g", "g"]
    leading = tuple(range(len(x) - 1))
    outer = leading[:-1]
    bias = reduced("Σ", "g", leading, call.shape) if len(b) == 1 else None
    return ["x @ W + b", "g @ Wᵀ", reduced("Σ", "xᵀ @ g", outer, call.shape), bias]


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
    return [f"moveaxis(x, {a}, {b})", f"moveaxis(g, {b}, {a})"]


def _matrix_transpose_lines(_: CallShapes) -> Lines:
    return ["xᵀ", "gᵀ"]


def _broadcast_to_lines(call: CallShapes) -> Lines:
    (x,) = call.shapes
    return [
        f"x · {ones_text(call.shape)}",
        reduced("Σ", "g", repeated_axes(x, call.shape), call.shape),
    ]


def _concatenate_lines(call: CallShapes) -> Lines:
    if len(call.names) > MOST_OPERANDS:
        return None
    axis = call.keyword("axis", 0)
    if axis is None or call.keywords.keys() - {"axis"}:
        return None
    axis %= len(call.shape)
    ends = list(itertools.accumulate((s[axis] for s in call.shapes), initial=0))
    lead = ":, " * axis
    parts = [f"g[{lead}{a}:{b}]" for a, b in itertools.pairwise(ends)]
    return [f"concatenate(({', '.join(call.names)},), {axis})", *parts]


def _index_text(call: CallShapes, slot: int) -> str | None:
    """Write an index as in brackets; None if it holds arrays that have no name."""
    text = call.texts[slot]
    if not text:
        return call.names[slot]
    if "array" in text or "…" in text or text == "()":
        return None
    bare = text[1:-1].rstrip(",") if text.startswith("(") else text
    return bare.replace("None", "newaxis")


def _take_lines(call: CallShapes) -> Lines:
    index = _index_text(call, 1)
    if index is None:
        return [Prose("x[index]"), Prose("g at index, 0 elsewhere; places taken twice add up")]
    return [f"x[{index}]", f"zeros{call.shapes[0]} with g added at [{index}]"]


def _put_lines(call: CallShapes) -> Lines:
    index = _index_text(call, 1)
    if index is None:
        return [Prose("v at index, 0 elsewhere; places named twice add up"), Prose("g[index]")]
    return [f"zeros{call.shape} with v added at [{index}]", f"g[{index}]"]


def _einsum_lines(call: CallShapes) -> Lines:
    """Swap roles: g replaces an operand, whose letters become the output."""
    subscripts = call.keywords["subscripts"]
    inputs, _, output = subscripts.partition("->")
    parts = inputs.split(",")
    if len(parts) != len(call.names) or "…" in subscripts:
        return None
    lines: list[str | None] = [f"einsum('{subscripts}', {', '.join(call.names)})"]
    for i, own in enumerate(parts):
        others = [(p, n) for k, (p, n) in enumerate(zip(parts, call.names, strict=True)) if k != i]
        known = set(output).union(*(p for p, _ in others))
        sizes = _subscript_sizes(parts, call.shapes)
        if len(set(own)) < len(own) or not set(own) <= known or sizes is None:
            lines.append(
                Prose(
                    "einsum of g and the other operands, with this operand's subscripts as output"
                )
            )
            continue
        terms = ",".join([output, *(p for p, _ in others)])
        lines.append(f"einsum('{terms}->{own}', {', '.join(['g', *(n for _, n in others)])})")
    return lines


def _subscript_sizes(parts: list[str], shapes: list[Shape]) -> dict[str, int] | None:
    """Return the length of each subscript; None if an operand is broadcast."""
    sizes: dict[str, int] = {}
    for part, shape in zip(parts, shapes, strict=True):
        for letter, n in zip(part, shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                return None
    return sizes


def _cumsum_lines(call: CallShapes) -> Lines:
    if len(call.shapes[0]) != 1:
        return [
            Prose("the cumulative sum of x"),
            Prose("the sum of g from each element to the end"),
        ]
    return ["cumsum(x)", "cumsum(g[::-1])[::-1]"]


def _guarded(
    build: Callable[[CallShapes], Lines], keywords: Sequence[str]
) -> Callable[[CallShapes], Lines]:
    """Return a builder that returns None for a call with other keywords, or with cut ones."""

    def lines(call: CallShapes) -> Lines:
        given = {name for name, text in call.keywords.items() if text not in ("None", "False", "C")}
        if not given <= {*keywords}:
            return None
        try:
            return build(call)
        except (ValueError, TypeError, LookupError):
            return None

    return lines


REDUCE = ("axis", "keepdims")
NOTATION: dict[str, Callable[[CallShapes], Lines]] = {
    name: _guarded(build, keywords)
    for name, build, keywords in [
        ("sum", sum_lines, REDUCE),
        ("mean", mean_lines, REDUCE),
        ("var", var_lines, (*REDUCE, "ddof")),
        ("std", std_lines, (*REDUCE, "ddof")),
        ("max", max_lines, REDUCE),
        ("min", min_lines, REDUCE),
        ("softmax", softmax_lines, ("axis",)),
        ("log_softmax", log_softmax_lines, ("axis",)),
        ("logsumexp", logsumexp_lines, REDUCE),
        ("softmax_cross_entropy", cross_entropy_lines, ()),
        ("matmul", _matmul_lines, ()),
        ("linear", _linear_lines, ()),
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
        ("einsum", _einsum_lines, ("subscripts",)),
        ("cumsum", _cumsum_lines, ()),
    ]
}
