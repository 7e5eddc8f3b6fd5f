"""Recording: a call on tensors is computed here and, if a gradient is wanted, remembered."""

import functools
import inspect
import sys
import weakref
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from tensorgrad.engine.base import (
    TensorBase,
    ViewStep,
    needs_grad,
    unwrap,
    unwrap_constants,
    wrap,
)
from tensorgrad.engine.node import Node, ShapeDtype, serials
from tensorgrad.engine.state import STATE, State
from tensorgrad.operands import plain_array, refuse_mixed
from tensorgrad.rules import (
    COMPOSITE,
    NONDIFFERENTIABLE,
    RULES,
    STATIC,
    UNSUPPORTED,
    F,
    Function,
    Op,
    Plan,
    is_ours,
    load_tables,
)

# Constants too, but Tensors of a Tensor (or `like=` one): recorded values can be written into them.
BLANK = {np.empty, np.empty_like, np.ones, np.ones_like, np.zeros, np.zeros_like}
# What has the argument `like=`.
# fmt: off
CREATING = {
    np.empty, np.ones, np.zeros, np.full, np.eye, np.identity, np.tri, np.arange, np.asarray,
    np.ascontiguousarray,
}
# fmt: on
IMPURE: set[Function] = set()  # results differ from call to call
NO_NUMBERS = {np.object_, np.str_, np.bytes_, np.void, np.datetime64, np.timedelta64}
NUMBERS = {float, int, bool, complex, *np.sctypeDict.values()} - NO_NUMBERS
ARRAYS = {np.ndarray, *NUMBERS} - {float, int, bool, complex}

# The C library of Linux hands large arrays back to the system when they are freed, and new ones are
# fetched page by page: four fifths of a step on arrays of 4 MB. It keeps what is smaller than the
# largest that was freed so far, up to 32 MB; this one is freed at once, and no page of it touched.
np.empty((32 << 20) - (64 << 10), np.uint8)


new_node = Node.__new__  # looked up once


def records(x: Any) -> bool:
    """Return True if a call of x is recorded: a tensor in it has a gradient, outside of no_grad."""
    return STATE.get().recording and needs_grad(x)


def dispatch(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function that was given a tensor in the way that its table says.

    Raises: TypeError if no table has it and a gradient would be lost.
    """
    op = RULES.get(function)
    if op is not None:
        try:
            return apply(op, args, kwargs)
        except TypeError as error:
            refuse_mixed(op.name, args, error)
            raise
    if function in COMPOSITE:
        try:
            return COMPOSITE[function](*args, **kwargs)
        except TypeError:
            refuse_if_unknown(function, args, kwargs)
            raise
    if function in STATIC:
        return function(*unwrap(args), **unwrap(kwargs))
    if not (function in NONDIFFERENTIABLE or function in UNSUPPORTED) and load_tables(function):
        return dispatch(function, args, kwargs)
    if function not in NONDIFFERENTIABLE and records((args, kwargs)):
        name = name_of(function)
        if function in UNSUPPORTED:
            raise TypeError(f"{name} of tensors that require a gradient: {UNSUPPORTED[function]}")
        raise TypeError(
            f"{name} has no gradient rule; declare one with tensorgrad.rule({name}, ...), or pass "
            "the tensor's .data if no gradient is wanted"
        )
    if needs_grad(kwargs.get("out", args[out_position(function) :][:1])):
        raise TypeError(
            f"{function.__name__} cannot write its result into a tensor: use its return value"
        )
    return (constant_tensor if function in BLANK else call_constant)(function, args, kwargs)


def call_constant(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function that has no gradient with the arrays of its arguments."""
    observer, compute = STATE.get().observer, getattr(function, "compute", function)
    if observer is None:
        return compute(*unwrap(args), **unwrap(kwargs))
    call = functools.partial(compute, *unwrap(args), **unwrap(kwargs))
    return observer.evaluate(function, args, kwargs, call)


def constant_tensor(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return as a tensor what a function that has no gradient computes."""
    result = call_constant(function, args, kwargs)
    return result if isinstance(result, TensorBase) else wrap(result)


def impure(function: F) -> F:
    """Make a function one that must run each time, as it draws random numbers or reads a clock.

    It takes tensors as arrays, and its result carries no gradient. Observers see every call of it,
    also one without tensors, so that a program that stands for the calls can repeat it.

    >>> import tensorgrad as tg
    >>> @tg.impure
    ... def noise(rng, shape):
    ...     return rng.standard_normal(shape)
    >>> noise(np.random.default_rng(0), (3, 2)).shape
    (3, 2)
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return call_constant(call, args, kwargs)

    call.compute = function  # type: ignore[attr-defined]
    IMPURE.add(call)
    return cast(F, call)


def name_of(function: Function) -> str:
    """Return what messages call a function: `ufunc.outer` with the name of the ufunc."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{owner.__name__}.{function.__name__}"
    return str(getattr(function, "__qualname__", getattr(function, "__name__", function)))


@functools.cache
def out_position(function: Function) -> int:
    """Return the number of the parameter `out`, or one that no argument has."""
    try:
        return list(inspect.signature(function).parameters).index("out")
    except ValueError:  # also of what hides its signature
        return sys.maxsize


def refuse_if_unknown(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise if the composite that stands for a function has no such arguments."""
    try:
        inspect.signature(COMPOSITE[function]).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(
            f"{name_of(function)} of tensors: {error}; leave it out, or pass .data if no gradient "
            "is wanted"
        ) from None


def apply(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute an op and, if a gradient is wanted of any argument, remember the call."""
    if kwargs or len(args) != op.arity:
        args, kwargs = bound(op, args, kwargs)
    values: list[Any] = []
    nodes: list[Node | None] = []
    wanted, bit = 0, 1
    for x in args:
        if isinstance(x, TensorBase):
            values.append(x._value)
            node = x.node
            nodes.append(node)
            if node is not None:
                wanted |= bit
        else:
            values.append(x if type(x) in NUMBERS else (op.operand or unwrap_constants)(x))
            nodes.append(None)
        bit += bit
    state = STATE.get()
    recording = wanted and state.recording
    if recording and kwargs and not op.keywords.issuperset(kwargs):
        raise TypeError(op.unknown(kwargs))
    observer = state.observer
    computed = (
        observer.compute(op, values, kwargs)
        if observer is not None
        else op.compute(*values, **kwargs)
        if kwargs
        else op.compute(*values)
    )
    out, residuals = (computed, None) if op.residuals is None else computed
    if type(out) in ARRAYS:
        base = out.base
    else:  # another kind of array; or Python's number or a list, as users' primitives may return
        out = plain_array(out)[()]
        base = getattr(out, "base", None)
    t = wrap(out)
    if base is not None or (values and out is values[0]):
        link(t, op, args, kwargs)
    # Integers without keywords, as of a write into an integer tensor, are refused where they end.
    if recording and (out.dtype.kind in "fc" or has_gradient(op, out) or not kwargs):
        plan = op.plans.get(wanted) or op.plan(wanted, len(values))
        saved = out if op.residuals is None else residuals
        t.node = remember(op, plan, nodes, values, kwargs, out, saved, state)
    if observer is not None:
        observer.returned(op, args, kwargs, t)
    return t


def has_gradient(op: Op, out: Any) -> bool:
    """Return True if the result of an op is inexact, and False for integers, as with dtype=int.

    Raises: TypeError for objects and times, in which a gradient would be lost, and for integers of
    a function whose user declared a gradient.
    """
    if out.dtype.kind not in ("fcbiu" if is_ours(op.function) else "fc"):
        raise TypeError(
            f"{op.name} of a tensor that requires a gradient made an array of dtype {out.dtype}, "
            "which has no gradient; use a floating-point dtype, or pass .data"
        )
    return out.dtype.kind in "fc"


def bound(
    op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the call with operands by position and all else by keyword, free of tensors.

    Raises: TypeError for a keyword with a gradient.
    """
    if len(args) != op.arity or not op.keywords.issuperset(kwargs):
        args, kwargs = op.bind(args, kwargs)
    for name, value in kwargs.items():
        if isinstance(value, (TensorBase, tuple, list)):
            if isinstance(value, TensorBase) and value.node is not None:
                raise TypeError(f"{op.name} takes no tensor as {name}; pass its .data or .item()")
            kwargs = {**kwargs, name: unwrap_constants(value)}
    return args, kwargs


def remember(
    op: Op,
    plan: Plan,
    parents: Sequence[Node | None],
    values: Sequence[Any],
    kwargs: dict[str, Any],
    out: Any,
    saved: Any,
    state: State,
) -> Node:
    """Return the node of a call. By its plan, it saves of `values` and `saved` what rules read."""
    unread, reads_out, only_nodes = plan
    if only_nodes:
        values = parents  # which know the shapes: one list less for the collector to visit
    elif unread:
        values = list(values)
        for i in unread:
            values[i] = parents[i] or shape_dtype_of(values[i])
    node = new_node(Node)
    node.op, node.parents, node.args, node.kwargs = op, parents, values, kwargs
    node.out = saved if reads_out else None
    node.shape, node.dtype = out.shape, out.dtype
    node.extras, node.scope, node.serial = None, state.scope, next(serials)
    return node


def shape_dtype_of(value: Any) -> Any:
    """Return the shape and dtype of an array, in its place; anything else as it is."""
    return ShapeDtype(value.shape, value.dtype) if isinstance(value, np.ndarray) else value


def link(view: Any, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Register the result as a view if it shares memory with the first argument.

    Writes then reach both.
    """
    x, out = args[0] if args else None, view._value
    # None where the function gave back the very array, as np.squeeze may.
    base = getattr(out, "base", None)
    if not isinstance(x, TensorBase) or not x._value.ndim or not out.ndim:
        return  # a 0-d tensor is a number, and of numbers there are no views
    if out is x._value or base is x._value or (base is not None and base is x._value.base):
        root, steps = root_of(x)
        view._view_of = (weakref.ref(root), (*steps, (op, args[1:], kwargs)))
        views = getattr(root, "_views", [])
        if len(views) & (len(views) - 1) == 0:  # at every doubling: what is left of them
            views = [ref for ref in views if ref() is not None]
        views.append(weakref.ref(view))
        root._views = views


def root_of(t: Any) -> tuple[Any, tuple[ViewStep, ...]]:
    """Return the tensor that this one is a view of, if it still lives, and the steps from it."""
    ref, steps = getattr(t, "_view_of", (None, ()))
    root = None if ref is None else ref()
    return (t, ()) if root is None else (root, steps)
