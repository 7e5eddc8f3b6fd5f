"""Recording: a call on tensors is computed here and, if a gradient is wanted, remembered."""

import inspect
import weakref
from typing import Any

import numpy as np

from tensorgrad.engine import backward
from tensorgrad.engine.node import Node, serials
from tensorgrad.engine.state import STATE, State
from tensorgrad.rules import (
    COMPOSITE,
    NONDIFFERENTIABLE,
    RULES,
    UNSUPPORTED,
    Function,
    Op,
    ShapeDtype,
)

NO_KEYWORDS: dict[str, Any] = {}
NAMES: dict[int, tuple[weakref.ref[np.ndarray], str]] = {}  # of constants, by id of the array
# Constants too, but Tensors of a Tensor (or `like=` one): recorded values can be written into them.
BLANK = {np.empty, np.empty_like, np.ones, np.ones_like, np.zeros, np.zeros_like}
NO_NUMBERS = {np.object_, np.str_, np.bytes_, np.void, np.datetime64, np.timedelta64}
PLAIN = {np.ndarray, float, int, bool, complex, *np.sctypeDict.values()} - NO_NUMBERS
ARRAYS = PLAIN - {float, int, bool, complex}
Step = tuple[Op, tuple[Any, ...], dict[str, Any]]  # from a tensor to a view of it

# The C library of Linux hands large arrays back to the system when they are freed, and new ones are
# fetched page by page: four fifths of a step on arrays of 4 MB. It keeps what is smaller than the
# largest that was freed so far, up to 32 MB; this one is freed at once, and no page of it touched.
np.empty((32 << 20) - (64 << 10), np.uint8)


class TensorBase:
    """An array and the node that made it: what the recorder knows of Tensor."""

    __slots__ = ("__weakref__", "_name", "_value", "_view_of", "_views", "node")

    # Of what is 0-d, NumPy's scalar: calculating with it is five times faster. Not "_data", by
    # which np.ma would take the array from under the tensor.
    _value: Any
    node: Node | None
    _view_of: tuple[weakref.ref["TensorBase"], tuple[Step, ...]]  # of a view; of others, not set
    _views: list[weakref.ref["TensorBase"]]
    tensor: type["TensorBase"]  # Tensor itself, once there is one: what every result is


new_tensor, new_node = TensorBase.__new__, Node.__new__  # looked up once


def wrap(data: Any, node: Node | None = None) -> Any:
    """A Tensor from its parts, past the checks of the constructor."""
    t = new_tensor(TensorBase.tensor)
    t._value = data
    t.node = node
    return t


def name_array(array: np.ndarray, name: str) -> None:
    """Remember a constant's name for drawings: of a constant, calls keep the array alone."""
    key = id(array)
    NAMES[key] = weakref.ref(array, lambda _: NAMES.pop(key, None)), name


def require_node(t: Any, purpose: str) -> Node:
    if t.node is None:
        raise RuntimeError(
            f"this tensor cannot {purpose}: it is a constant, made from no tensor with "
            "requires_grad=True, or under no_grad"
        )
    return t.node


def shape_dtype_of(value: Any) -> Any:
    return ShapeDtype(value.shape, value.dtype) if isinstance(value, np.ndarray) else value


def unwrap(x: Any) -> Any:
    """The value with every tensor in it, however deep in tuples, lists and dicts, as its array."""
    if isinstance(x, TensorBase):
        return x._value
    if type(x) in (tuple, list):
        return type(x)(unwrap(item) for item in x)
    if type(x) is dict:
        return {key: unwrap(item) for key, item in x.items()}
    return x


def needs_grad(x: Any) -> bool:
    if isinstance(x, TensorBase):
        return x.node is not None
    if isinstance(x, dict):
        return any(map(needs_grad, x.values()))
    return isinstance(x, (tuple, list)) and any(map(needs_grad, x))


def dispatch(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function that got a tensor the way its table says.

    Raises: TypeError if no table has it and a gradient would be lost.
    """
    op = RULES.get(function)
    if op is not None:
        return apply(op, args, kwargs)
    if function in COMPOSITE:
        try:
            return COMPOSITE[function](*args, **kwargs)
        except TypeError:
            refuse_if_unknown(function, args, kwargs)
            raise
    if function not in NONDIFFERENTIABLE and STATE.get().recording and needs_grad((args, kwargs)):
        name = getattr(function, "__qualname__", function)
        if function in UNSUPPORTED:
            raise TypeError(f"{name} of tensors that require a gradient: {UNSUPPORTED[function]}")
        raise TypeError(
            f"{name} has no gradient rule; declare one with tensorgrad.rule({name}, ...), or pass "
            "the tensor's .data if no gradient is wanted"
        )
    if kwargs.get("out") is not None and needs_grad(kwargs["out"]):
        raise TypeError(
            f"{function.__name__} cannot write its result into a tensor: use its return value"
        )
    result = function(*unwrap(args), **unwrap(kwargs))
    return wrap(result) if function in BLANK else result


def refuse_if_unknown(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise if what a function is composed of has no such arguments."""
    try:
        inspect.signature(COMPOSITE[function]).bind(*args, **kwargs)
    except TypeError as error:
        name = getattr(function, "__qualname__", function)
        raise TypeError(
            f"{name} of tensors: {error}; leave it out, or pass .data if no gradient is wanted"
        ) from None


def apply(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute an op and, if a gradient is wanted of any argument, remember the call."""
    if kwargs or len(args) != op.arity:
        if len(args) != op.arity or not op.keywords.issuperset(kwargs):
            args, kwargs = op.bind(args, kwargs)
        for name, value in kwargs.items():
            if isinstance(value, TensorBase):
                raise TypeError(f"{op.name} takes no tensor as {name}; pass its .data or .item()")
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
            values.append(x if type(x) in PLAIN else op.operand(x))
            nodes.append(None)
        bit += bit
    state = STATE.get()
    recording = wanted and state.recording
    if recording and kwargs and not op.keywords.issuperset(kwargs):
        raise TypeError(op.unknown(kwargs))
    observer = state.observer
    if observer is None:
        out = op.compute(*values, **kwargs) if kwargs else op.compute(*values)
    else:
        out = observer.compute(op, values, kwargs)
    if op.residuals is not None:
        out, kept = out
    if type(out) not in ARRAYS:  # but Python's number, or list, as users' primitives may return
        out = np.asarray(out)[()]
    t = wrap(out)
    if type(out) is np.ndarray and (out.base is not None or (values and out is values[0])):
        link(t, op, args, kwargs)
    if not recording or (kwargs and out.dtype.kind not in "fc"):  # with dtype=int, say
        return t
    unread, reads_out = op.plans.get(wanted) or op.plan(wanted, len(values))
    for i in unread:
        values[i] = nodes[i] or shape_dtype_of(values[i])
    t.node = node = new_node(Node)
    node.op = op
    node.parents = nodes
    node.args = values
    node.kwargs = kwargs
    node.out = (out if op.residuals is None else kept) if reads_out else None
    node.shape, node.dtype = out.shape, out.dtype
    node.extras, node.scope, node.serial = None, state.scope, next(serials)
    if observer is not None:
        observer.recorded(node, out)
    return t


def link(view: Any, op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note of a result if it is a view of the first argument, so that writes reach both."""
    x, out = args[0] if args else None, view._value
    base = out.base  # None where the function gave back the very array, as np.squeeze may
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


def root_of(t: Any) -> tuple[Any, tuple[Step, ...]]:
    """The tensor that this one is a view of, if there is one still, and the steps from there."""
    ref, steps = getattr(t, "_view_of", (None, ()))
    root = None if ref is None else ref()
    return (t, ()) if root is None else (root, steps)


def gradients(
    outputs: list[tuple[Any, Any]],
    targets: set[Node] | None,
    *,
    since: int = 0,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[Node, Any]:
    """The gradients of outputs, given the gradient arriving at each (None: 1).

    They are those of the targets, or else of every leaf and every tensor that retains its own;
    what lies under the nodes older than the serial number `since` is not walked.
    """
    seeds: dict[Node, Any] = {}
    for t, g in outputs:
        node = require_node(t, "be differentiated")
        seed = conjugated(seed_of(t, g, create_graph))
        seeds[node] = seeds[node] + seed if node in seeds else seed
    now = STATE.get()
    watch = None if now.observer is None else now.observer.backward
    lift, free = (wrap, False) if create_graph else (None, not retain_graph)
    token = STATE.set(State(create_graph, now.scope, now.observer))
    try:
        found = backward.backward(seeds, targets, since=since, free=free, lift=lift, watch=watch)
        return {node: as_gradient(g) for node, g in found.items()}
    finally:
        STATE.reset(token)


def seed_of(t: Any, g: Any, create_graph: bool) -> Any:
    """The gradient that backward starts from, checked, as what the rules take."""
    if g is None:
        if t.size != 1:
            raise ValueError(
                f"backward starts from a single number, but this tensor has shape {t.shape}; "
                "reduce it first, with np.sum or np.mean, or pass gradient="
            )
        if t.dtype.kind == "c":
            raise TypeError(
                "backward starts from a real number, but this tensor is complex; take np.real or "
                "np.abs of it first, or pass gradient="
            )
        one = t.dtype.type(1) if t.ndim == 0 else np.ones_like(t._value)
        return wrap(one) if create_graph else one
    value: Any = g if isinstance(g, TensorBase) else np.array(g)[()]
    if value.shape != t.shape or not np.can_cast(value.dtype, t.dtype, "same_kind"):
        raise ValueError(
            f"the gradient of a tensor of shape {t.shape} and dtype {t.dtype} cannot have shape "
            f"{value.shape} and dtype {value.dtype}"
        )
    value = value.astype(t.dtype)
    if create_graph:
        return value if isinstance(value, TensorBase) else wrap(value)
    return value._value if isinstance(value, TensorBase) else value


def conjugated(g: Any) -> Any:
    return np.conj(g) if g.dtype.kind == "c" else g


def as_gradient(g: Any) -> Any:
    """A gradient as users meet it: a Tensor that points to steepest ascent and is read-only."""
    g = conjugated(g)
    return read_only(g if isinstance(g, TensorBase) else wrap(g))


def read_only(t: Any) -> Any:
    """The tensor, to whose array nobody can write: arguments of one op share it, as in a + b."""
    if type(t._value) is np.ndarray:
        t._value.setflags(write=False)
    return t
