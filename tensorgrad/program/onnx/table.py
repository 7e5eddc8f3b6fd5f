"""The table of ONNX operators: for each function, the row that writes its calls as nodes."""

import inspect
import linecache
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.ops import (
    convolution,
    elementwise,
    index,
    lstm,
    neural,
    normalization,
    pooling,
    recurrent,
    special,
)
from tensorgrad.ops import reduce as reductions
from tensorgrad.ops import shape as shape_ops
from tensorgrad.ops.arrange import pad_constant
from tensorgrad.ops.linear import einsum
from tensorgrad.program.arrays import UFUNC_OF, UNARY_SYMBOLS, Untraceable
from tensorgrad.program.onnx import index as indexing
from tensorgrad.program.onnx import networks, shapes
from tensorgrad.program.onnx.elementwise import (
    ELEMENTWISE_ROWS,
    Row,
    arithmetic,
    write_cast,
    write_logsumexp,
    write_std,
    write_var,
)
from tensorgrad.program.onnx.graph import OnnxGraph
from tensorgrad.program.onnx.networks import alone
from tensorgrad.program.onnx.recurrent import write_gru, write_lstm, write_rnn
from tensorgrad.program.steps import Step, resolved, variables

UFUNC_OF_SIGN = {symbol: ufunc for ufunc, symbol in UNARY_SYMBOLS.items()}
ATTRIBUTES = {"T": np.transpose, "mT": np.matrix_transpose}


def body(function: Any) -> Any:
    """Return the function that computes a primitive, or the function itself."""
    return getattr(function, "compute", function)


UPDATE = "x[index] += value"  # and the like, in place


def write_update(g: OnnxGraph, symbol: str, x: Any, at: Any, value: Any) -> str:
    """Write a copy of x in which x[index] is changed by an operator."""
    dtype = np.dtype(g.dtype_of(x))
    before = indexing.write_item(g, x, at)
    op = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div"}.get(symbol)
    if op is None:
        raise Untraceable(f"x[index] {symbol}= value has no operator; write x[index] = ...")
    changed = g.node(op, before, g.value(value, dtype), dtype=dtype)
    return indexing.write_assign(g, x, at, changed)


# fmt: off
ROWS: dict[Any, Row] = ELEMENTWISE_ROWS | shapes.SHAPE_ROWS | {
    body(function): row for function, row in [
        (neural.relu,                      arithmetic("Relu")),
        (neural.leaky_relu,                networks.write_leaky_relu),
        (neural.sigmoid,                   arithmetic("Sigmoid")),
        (neural.softplus,                  networks.write_softplus),
        (neural.softmax,                   networks.softmax_row("Softmax")),
        (neural.log_softmax,               networks.softmax_row("LogSoftmax")),
        (neural.cross_entropy_and_softmax, networks.write_cross_entropy_and_softmax),
        (neural.softmax_cross_entropy,     alone(networks.write_cross_entropy_and_softmax)),
        (neural.sigmoid_cross_entropy,     networks.write_sigmoid_cross_entropy),
        (neural.linear,                    networks.write_linear),
        (special.ndtr,                     networks.write_ndtr),
        (recurrent.rnn,                    alone(write_rnn)),
        (recurrent.gru,                    alone(write_gru)),
        (lstm.lstm,                        alone(write_lstm)),
        (recurrent.rnn_run,                write_rnn),
        (recurrent.gru_run,                write_gru),
        (lstm.lstm_run,                    write_lstm),
        (convolution.conv,                 networks.write_conv),
        (convolution.conv_input,           networks.write_conv_input),
        (pooling.max_pool,                 networks.pool_row("MaxPool")),
        (pooling.average_pool,             networks.pool_row("AveragePool", count_include_pad=0)),
        (normalization.shift_scale,        networks.write_shift_scale),
        (normalization.standardized,       networks.write_standardized),
        (normalization.standardize,        alone(networks.write_standardized)),
        (elementwise.cast,                 write_cast),
        (elementwise.cast_to_integers,     write_cast),
        (elementwise.where,                shapes.write_where),
        (shape_ops.concatenate,            shapes.write_concatenate),
        (pad_constant,                     shapes.write_pad_constant),
        (index.take,                       indexing.write_item),
        (index.assign,                     indexing.write_assign),
        (UPDATE,                           write_update),
        (einsum,                           shapes.write_einsum),
        (reductions.var,                   write_var),
        (reductions.std,                   write_std),
        (reductions.logsumexp,             write_logsumexp),
    ]
}
# fmt: on


def onnx_row(function: Callable[..., Any], row: Row) -> None:
    """Add a row to the table of ONNX operators, which says how calls of a function are written.

    `row(g, *args, **kwargs)` is called with the arguments of the call: arrays stand for
    themselves, and variables are written by their names. It adds nodes by
    `g.node("Erf", x, attribute=...)` and returns the name of the result that this returns.
    `g.dtype` is the dtype of the result, and `g.shape(x)` a shape. `function` is NumPy's own, or a
    `tensorgrad.primitive`.

    >>> import numpy as np
    >>> import tensorgrad as tg
    >>> tg.onnx_row(np.cbrt, lambda g, x: g.node("Pow", g.value(x, g.dtype), 1 / 3))
    """
    ROWS[body(function)] = row


def write_call(g: OnnxGraph, step: Step) -> None:
    """Write one call as nodes.

    Raises: Untraceable, with the name of the function, if it has no row.
    """
    g.step = step
    try:
        function, args, kwargs = called(step)
        row = ROWS.get(function)
        if row is None:
            raise Untraceable(without_row(step))
        kwargs = {name: x for name, x in kwargs.items() if x is not np._NoValue}
        try:
            inspect.signature(row).bind(g, *args, **kwargs)
        except TypeError as error:
            raise Untraceable(f"the row of {callee_name(step)} does not fit: {error}") from None
        found = row(g, *args, **kwargs)
    except Untraceable as error:
        raise Untraceable(f"{error}{line_of(step)}") from None
    if step.outs is None:  # x[index] = value
        g.values[resolved(step.args[0])] = found
    else:
        for v, name in zip(g.outs, found if isinstance(found, tuple) else (found,), strict=True):
            g.values[v] = name
    forget_views(g, step)


def forget_views(g: OnnxGraph, step: Step) -> None:
    """Forget the values of arrays that share memory with one that was written to."""
    roots = {v.root for v in step.writes}
    kept = {*variables(step.outs), *step.writes}
    for v in [v for v in g.values if v.root in roots and v not in kept]:
        del g.values[v]


def called(step: Step) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """Return the function of NumPy or of this library that a step calls, and its arguments."""
    form, callee = step.form, step.callee
    if form in ("binary", "in place"):
        return UFUNC_OF[callee], step.args, {}
    if form == "unary":
        return UFUNC_OF_SIGN[callee], step.args, {}
    if form == "item":
        return body(index.take), step.args, {}
    if form == "set item":
        return body(index.assign), step.args, {}
    if form == "update item":
        return UPDATE, (callee, *step.args), {}
    if form == "attribute":
        return ATTRIBUTES.get(callee), step.args, {}
    if form == "method":
        return getattr(np, NUMPY_NAMES.get(callee, callee), None), step.args, step.kwargs
    return callee, step.args, step.kwargs


NUMPY_NAMES = {"flatten": "ravel", "conjugate": "conj"}


def callee_name(step: Step) -> str:
    """Return what messages call the function of a step."""
    if step.form == "branch":
        return "a choice by values, if"
    if step.form in ("item", "set item"):
        return "x[index]" if step.form == "item" else "an assignment x[index] = value"
    callee = step.callee
    if isinstance(callee, str):
        return f"the method {callee}" if step.form == "method" else f"the operator {callee}"
    owner = getattr(callee, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{callee.__name__}"
    name = getattr(callee, "__name__", repr(callee))
    module = getattr(callee, "__module__", None) or "numpy"
    short = "np" + module[5:] if module.startswith("numpy") else ""
    return f"{short}.{name}" if short else name


def without_row(step: Step) -> str:
    """Return the message about a function that has no row."""
    name = callee_name(step)
    example = name if name.isidentifier() or name.startswith("np.") else "function"
    scope = "" if step.scope is None else f", in {step.scope!r},"
    return (
        f"{name}{scope} has no row in the table of ONNX operators; add one, as "
        f'tg.onnx_row({example}, lambda g, x: g.node("Operator", x)), or leave it out of the '
        "function"
    )


def line_of(step: Step) -> str:
    """Return the user's line of a step, for the end of a message."""
    if step.place is None:
        return ""
    file, line = step.place
    return f'\n  File "{file}", line {line}\n    {linecache.getline(file, line).strip()}'
