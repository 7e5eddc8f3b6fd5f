"""The formulas of sums, means and other reductions, which depend on the axes of a call."""

import math
from collections.abc import Sequence

from tensorgrad.draw.calls import CallShapes, Prose, Shape, Stable, reduced
from tensorgrad.draw.formula_tables import PROSE_FORMULAS

Lines = Sequence[str | None] | None  # the formula, then the gradient of each operand


def ones_text(shape: Shape) -> str:
    return f"ones({', '.join(map(str, shape))})"


def index_of(axes: Sequence[int], ndim: int) -> str:
    """Write the index that inserts the axes that a reduction removed."""
    return f"[{', '.join('newaxis' if axis in axes else ':' for axis in range(ndim))}]"


def _kept(name: str, axes: Sequence[int], call: CallShapes) -> str:
    """Write a reduction's result with the axes that it removed."""
    ndim = len(call.shapes[0])
    if call.keyword("keepdims", False) or len(axes) == ndim:
        return name
    return name + index_of(axes, ndim)


def sum_lines(call: CallShapes) -> Lines:
    axes = call.axes(call.shapes[0])
    whole = reduced("Σ", "x", axes, call.shapes[0])
    return [
        whole,
        f"{_kept('g', axes, call)} · {ones_text(call.shapes[0])}" if call.shapes[0] else "g",
    ]


def mean_lines(call: CallShapes) -> Lines:
    shape = call.shapes[0]
    if not (axes := call.axes(shape)):
        return ["x", "g"]
    n = math.prod(shape[a] for a in axes)
    return [
        f"({reduced('Σ', 'x', axes, shape)}) / {n}",
        f"{_kept('g', axes, call)} / {n} · {ones_text(shape)}",
    ]


def var_lines(call: CallShapes, root: bool = False) -> Lines:
    if call.complex:
        return None
    shape = call.shapes[0]
    axes = call.axes(shape)
    n = math.prod(shape[a] for a in axes) - call.keyword("ddof", 0)
    centred = f"x − ({reduced('mean', 'x', axes, shape)})"
    whole = f"({reduced('Σ', f'({centred}) ^ 2', axes, shape)}) / {n}"
    g, out = _kept("g", axes, call), _kept("out", axes, call)
    if root:
        return [f"sqrt({whole})", f"{g} · ({centred}) / ({n} · {out})"]
    return [whole, f"{g} · 2 · ({centred}) / {n}"]


def std_lines(call: CallShapes) -> Lines:
    return var_lines(call, root=True)


def extreme_lines(call: CallShapes, word: str, function: str) -> Lines:
    axes = call.axes(call.shapes[0])
    g, out = _kept("g", axes, call), _kept("out", axes, call)
    best = f"maximum(x == {out}, isnan(x) · isnan({out}))"
    ways = reduced("Σ", best, axes, call.shapes[0])
    return [
        Prose(f"the {word} of x", f"{function}(x, {axes})"),
        Prose(f"g for the {word} element, shared by ties", f"{g} / ({ways}) · {best}"),
    ]


def max_lines(call: CallShapes) -> Lines:
    return extreme_lines(call, "largest", "largest")


def min_lines(call: CallShapes) -> Lines:
    return extreme_lines(call, "smallest", "smallest")


def norm_lines(call: CallShapes) -> Lines:
    if call.complex or call.keyword("ord", 2) != 2:
        return None
    axes = call.axes(call.shapes[0])
    g, out = _kept("g", axes, call), _kept("out", axes, call)
    return [f"sqrt({reduced('Σ', 'x ^ 2', axes, call.shapes[0])})", f"{g} · x / {out}"]


def prod_lines(call: CallShapes) -> Lines:
    axes = call.axes(call.shapes[0])
    words = PROSE_FORMULAS["prod"]
    computed = f"product(x, {axes})", f"{_kept('g', axes, call)} · others(x, {axes})"
    return [Prose(word, text) for word, text in zip(words, computed)]


def softmax_lines(call: CallShapes) -> Lines:
    shape = call.shapes[0]
    axes = call.axes(shape, -1)
    total = reduced("Σ", "exp(x)", axes, shape)
    whole = Stable(f"exp(x) / ({total})", f"softmax(x, {axes})")
    return [whole, f"out · (g − ({reduced('Σ', 'out · g', axes, shape)}))"]


def log_softmax_lines(call: CallShapes) -> Lines:
    shape = call.shapes[0]
    axes = call.axes(shape, -1)
    total = reduced("Σ", "exp(x)", axes, shape)
    whole = Stable(f"x − log({total})", f"log_softmax(x, {axes})")
    return [whole, f"g − exp(out) · ({reduced('Σ', 'g', axes, shape)})"]


def logsumexp_lines(call: CallShapes) -> Lines:
    shape = call.shapes[0]
    axes = call.axes(shape)
    g, out = _kept("g", axes, call), _kept("out", axes, call)
    finite = f"where(isfinite({out}), {out}, 0)"
    return [
        Stable(f"log({reduced('Σ', 'exp(x)', axes, shape)})", f"logsumexp(x, {axes})"),
        Stable(f"{g} · exp(x − {out})", f"{g} · exp(x − {finite})"),
    ]


def cross_entropy_lines(call: CallShapes) -> Lines:
    rows = call.shapes[0][0]
    if len(call.shapes[1]) == 1:
        return [
            Prose(
                "the mean of −log softmax(z) at the classes y",
                f"(Σ (−chosen(log_softmax(z), y))) / {rows}",
            ),
            f"g · (softmax(z) − onehot(y, {call.shapes[0][1]})) / {rows}",
        ]
    return [
        Stable(f"(Σ (−y · log(softmax(z)))) / {rows}", f"(Σ (−y · log_softmax(z))) / {rows}"),
        f"g · (softmax(z) · (Σ y over axis 1) − y) / {rows}",
        Stable(f"−g · log(softmax(z)) / {rows}", f"−g · log_softmax(z) / {rows}"),
    ]
