"""Rows of elementwise functions and reductions in the table of ONNX operators."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.onnx.graph import OnnxGraph

Row = Callable[..., Any]


def arithmetic(op: str, **attributes: Any) -> Row:
    """Return the row of an operator whose operands have the dtype of the result."""

    def row(g: OnnxGraph, *operands: Any) -> Any:
        return g.node(op, *(g.value(x, g.dtype) for x in operands), **attributes)

    return row


def comparison(op: str, negated: bool = False) -> Row:
    """Return the row of an operator whose operands have a common dtype, and give truths."""

    def row(g: OnnxGraph, *operands: Any) -> Any:
        dtype = np.result_type(*map(g.dtype_of, operands))
        found = g.node(op, *(g.value(x, dtype) for x in operands))
        return g.node("Not", found) if negated else found

    return row


def logical(op: str) -> Row:
    """Return the row of an operator on truths."""
    return lambda g, *operands: g.node(op, *(g.value(x, bool) for x in operands))


def bitwise(op: str) -> Row:
    """Return the row of an operator on the bits of integers, or on truths."""

    def row(g: OnnxGraph, *operands: Any) -> Any:
        name = op if g.dtype.kind == "b" else f"Bitwise{op}"
        return g.node(name, *(g.value(x, g.dtype) for x in operands))

    return row


def formula_row(write: Callable[..., Any]) -> Row:
    """Return the row of a formula; its operands have the dtype of the result."""
    return lambda g, *operands: write(g, *(g.value(x, g.dtype) for x in operands))


def write_floor_divide(g: OnnxGraph, a: str, b: str) -> str:
    """Write the floor of a / b; ONNX divides integers towards 0."""
    if g.dtype.kind == "f":
        return g.node("Floor", g.node("Div", a, b))
    return g.node("Div", g.node("Sub", a, write_remainder(g, a, b)), b)


def write_remainder(g: OnnxGraph, a: str, b: str) -> str:
    """Write a - ⌊a / b⌋ b."""
    if g.dtype.kind != "f":
        return g.node("Mod", a, b)
    return g.node("Sub", a, g.node("Mul", g.node("Floor", g.node("Div", a, b)), b))


def write_hypot(g: OnnxGraph, a: str, b: str) -> str:
    """Write √(a² + b²)."""
    return g.node("Sqrt", g.node("Add", g.node("Mul", a, a), g.node("Mul", b, b)))


def write_isfinite(g: OnnxGraph, x: Any) -> Any:
    """Write that x is neither infinite nor NaN."""
    return g.node("Not", g.node("Or", g.node("IsNaN", x), g.node("IsInf", x)))


def write_cast(g: OnnxGraph, x: Any, dtype: Any = None, **_how: Any) -> str:
    """Write x in the dtype of the result."""
    return g.value(x, g.dtype)


def write_clip(g: OnnxGraph, x: Any, low: Any = None, high: Any = None) -> Any:
    """Write x between two limits."""
    found = g.value(x, g.dtype)
    if low is not None:
        found = g.node("Max", found, g.value(low, g.dtype))
    return found if high is None else g.node("Min", found, g.value(high, g.dtype))


def reduced_axes(g: OnnxGraph, x: Any, axis: Any) -> tuple[int, ...]:
    """Return the axes of a reduction as numbers of at least 0."""
    n = g.rank(x)
    axes = range(n) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(k % n for k in axes) if n else ()


def reduction_row(op: str, first: Any = None) -> Row:
    """Return the row of a reduction, over all axes by default or over the first."""

    def row(
        g: OnnxGraph, x: Any, axis: Any = first, dtype: Any = None, *, keepdims: bool = False
    ) -> Any:
        return reduced_over(g, op, x, reduced_axes(g, x, axis), keepdims, g.dtype)

    return row


def reduced_over(
    g: OnnxGraph, op: str, x: Any, axes: tuple[int, ...], keepdims: Any, dtype: Any
) -> str:
    """Write a reduction over axes; over none, x itself."""
    value = g.value(x, dtype)
    if not axes:
        return value
    if isinstance(keepdims, (bool, np.bool_, int)):
        return g.node(op, value, g.integers(*axes), keepdims=int(keepdims), dtype=dtype)
    raise Untraceable(f"keepdims is True or False, not {keepdims!r}")


def truth_reduction(op: str) -> Row:
    """Return the row of all or any: of the smallest or largest truth."""

    def row(g: OnnxGraph, x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        truths = g.converted(g.value(x, bool), np.dtype(np.int32))
        found = reduced_over(g, op, truths, reduced_axes(g, x, axis), keepdims, np.int32)
        return g.converted(found, np.dtype(bool))

    return row


def position_row(op: str) -> Row:
    """Return the row of argmax or argmin, whose first position counts in ONNX too."""

    def row(g: OnnxGraph, x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
        value, kept = g.value(x), int(keepdims)
        if axis is None:
            value, axis = g.node("Reshape", value, g.integers(-1), dtype=g.dtypes[value]), 0
        return g.node(op, value, axis=int(axis), keepdims=kept, dtype=np.int64)

    return row


def write_variance(g: OnnxGraph, x: Any, axis: Any, ddof: float, keepdims: bool) -> str:
    """Write the mean of the squares of deviations."""
    axes = reduced_axes(g, x, axis)
    value = g.value(x, g.dtype)
    center = reduced_over(g, "ReduceMean", value, axes, True, g.dtype)
    away = g.node("Sub", value, center)
    square = reduced_over(g, "ReduceMean", g.node("Mul", away, away), axes, keepdims, g.dtype)
    if not ddof:
        return square
    n = math.prod(g.lengths(x, slice(k, k + 1))[0] for k in axes)
    return g.node("Mul", square, n / (n - ddof))


def write_var(
    g: OnnxGraph, a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False
) -> str:
    """Write the variance."""
    return write_variance(g, a, axis, ddof, keepdims)


def write_std(
    g: OnnxGraph, a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False
) -> str:
    """Write the root of the variance."""
    return g.node("Sqrt", write_variance(g, a, axis, ddof, keepdims))


def write_logsumexp(g: OnnxGraph, x: Any, axis: Any = None, keepdims: bool = False) -> str:
    """Write max + log Σ exp(x - max)."""
    axes, value = reduced_axes(g, x, axis), g.value(x, g.dtype)
    top = reduced_over(g, "ReduceMax", value, axes, True, g.dtype)
    e = g.node("Exp", g.node("Sub", value, top))
    found = g.node("Add", top, g.node("Log", reduced_over(g, "ReduceSum", e, axes, True, g.dtype)))
    return found if keepdims or not axes else g.node("Squeeze", found, g.integers(*axes))


def write_norm(
    g: OnnxGraph, x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> str:
    """Write the root of the sum of squares, or the sum or maximum of absolute values."""
    value, axes = g.value(x, g.dtype), reduced_axes(g, x, axis)
    if ord == 1:
        return reduced_over(g, "ReduceSum", g.node("Abs", value), axes, keepdims, g.dtype)
    if ord == np.inf:
        return reduced_over(g, "ReduceMax", g.node("Abs", value), axes, keepdims, g.dtype)
    if ord not in (2, None):
        raise Untraceable(f"norms of the orders 1, 2 and inf have operators, not of {ord!r}")
    return g.node("Sqrt", reduced_over(g, "ReduceSumSquare", value, axes, keepdims, g.dtype))


def write_cumsum(g: OnnxGraph, x: Any, axis: Any = None, dtype: Any = None) -> str:
    """Write the sums of the first elements."""
    value = g.value(x, g.dtype)
    if axis is None:
        value, axis = g.node("Reshape", value, g.integers(-1)), 0
    return g.node("CumSum", value, g.constant(np.asarray(axis, np.int64)))


# fmt: off
ELEMENTWISE_ROWS: dict[Any, Row] = {
    np.add:           arithmetic("Add"),
    np.subtract:      arithmetic("Sub"),
    np.multiply:      arithmetic("Mul"),
    np.divide:        arithmetic("Div"),
    np.power:         arithmetic("Pow"),
    np.float_power:   arithmetic("Pow"),
    np.maximum:       arithmetic("Max"),
    np.minimum:       arithmetic("Min"),
    np.fmod:          arithmetic("Mod", fmod=1),
    np.floor_divide:  formula_row(write_floor_divide),
    np.remainder:     formula_row(write_remainder),
    np.negative:      arithmetic("Neg"),
    np.positive:      arithmetic("Identity"),
    np.absolute:      arithmetic("Abs"),
    abs:              arithmetic("Abs"),
    np.fabs:          arithmetic("Abs"),
    np.sign:          arithmetic("Sign"),
    np.floor:         arithmetic("Floor"),
    np.ceil:          arithmetic("Ceil"),
    np.rint:          arithmetic("Round"),
    np.reciprocal:    arithmetic("Reciprocal"),
    np.sqrt:          arithmetic("Sqrt"),
    np.square:        formula_row(lambda g, x: g.node("Mul", x, x)),
    np.exp:           arithmetic("Exp"),
    np.exp2:          formula_row(lambda g, x: g.node("Pow", 2.0, x)),
    np.expm1:         formula_row(lambda g, x: g.node("Sub", g.node("Exp", x), 1.0)),
    np.log:           arithmetic("Log"),
    np.log1p:         formula_row(lambda g, x: g.node("Log", g.node("Add", x, 1.0))),
    np.log2:          formula_row(lambda g, x: g.node("Div", g.node("Log", x), math.log(2))),
    np.log10:         formula_row(lambda g, x: g.node("Div", g.node("Log", x), math.log(10))),
    np.hypot:         formula_row(write_hypot),
    np.sin:           arithmetic("Sin"),
    np.cos:           arithmetic("Cos"),
    np.tan:           arithmetic("Tan"),
    np.arcsin:        arithmetic("Asin"),
    np.arccos:        arithmetic("Acos"),
    np.arctan:        arithmetic("Atan"),
    np.sinh:          arithmetic("Sinh"),
    np.cosh:          arithmetic("Cosh"),
    np.tanh:          arithmetic("Tanh"),
    np.arcsinh:       arithmetic("Asinh"),
    np.arccosh:       arithmetic("Acosh"),
    np.arctanh:       arithmetic("Atanh"),
    np.less:          comparison("Less"),
    np.less_equal:    comparison("LessOrEqual"),
    np.greater:       comparison("Greater"),
    np.greater_equal: comparison("GreaterOrEqual"),
    np.equal:         comparison("Equal"),
    np.not_equal:     comparison("Equal", negated=True),
    np.logical_and:   logical("And"),
    np.logical_or:    logical("Or"),
    np.logical_xor:   logical("Xor"),
    np.logical_not:   logical("Not"),
    np.bitwise_and:   bitwise("And"),
    np.bitwise_or:    bitwise("Or"),
    np.bitwise_xor:   bitwise("Xor"),
    np.invert:        bitwise("Not"),
    np.isnan:         lambda g, x: g.node("IsNaN", x),
    np.isinf:         lambda g, x: g.node("IsInf", x),
    np.isfinite:      write_isfinite,
    np.clip:          write_clip,
    np.astype:        write_cast,
    np.sum:           reduction_row("ReduceSum"),
    np.mean:          reduction_row("ReduceMean"),
    np.prod:          reduction_row("ReduceProd"),
    np.max:           reduction_row("ReduceMax"),
    np.min:           reduction_row("ReduceMin"),
    np.add.reduce:      reduction_row("ReduceSum", first=0),
    np.multiply.reduce: reduction_row("ReduceProd", first=0),
    np.maximum.reduce:  reduction_row("ReduceMax", first=0),
    np.minimum.reduce:  reduction_row("ReduceMin", first=0),
    np.all:           truth_reduction("ReduceMin"),
    np.any:           truth_reduction("ReduceMax"),
    np.argmax:        position_row("ArgMax"),
    np.argmin:        position_row("ArgMin"),
    np.cumsum:        write_cumsum,
    np.linalg.vector_norm: write_norm,
}
# fmt: on
