"""From tensors to their gradients: what surrounds the loop of backward."""

import operator
from _thread import allocate_lock  # threading takes as long to import as three rooms of ours
from typing import Any

import numpy as np

from tensorgrad.engine.backward import backward, parents_of
from tensorgrad.engine.base import TensorBase, require_node, wrap
from tensorgrad.engine.node import Node, ShapeDtype
from tensorgrad.engine.state import STATE, State
from tensorgrad.operands import has_foreign, plain_array

ACCUMULATING = allocate_lock()  # several threads may add to the .grad of one leaf


def gradients(
    outputs: list[tuple[Any, Any]],
    targets: set[Node] | None,
    *,
    since: int = 0,
    retain_graph: bool = False,
    create_graph: bool = False,
) -> dict[Node, Any]:
    """Return the gradients of outputs, given the cotangent of each (None: 1).

    They are those of the targets, or else of every leaf and every tensor that retains its own; the
    walk ends at nodes older than the serial number `since`.
    """
    now = STATE.get()
    observer = now.observer
    watch = None if observer is None else observer.backward
    cotangents: dict[Node, Any] = {}
    for t, g in outputs:
        node = require_node(t, "be differentiated")
        cotangent = conjugated(cotangent_of(t, g, create_graph))
        if watch is not None:
            watch(node, None, g, cotangent)
        cotangents[node] = cotangents[node] + cotangent if node in cotangents else cotangent
    saved, free = (as_tensors, False) if create_graph else (None, not retain_graph)

    def walk() -> dict[Node, Any]:
        found = backward(cotangents, targets, since=since, free=free, saved=saved, watch=watch)
        return {node: as_gradient(g) for node, g in found.items()}

    found = State(create_graph, now.scope, observer, now).run(walk)
    if observer is not None:
        for node, t in found.items():
            observer.gradient(node, t)
    return found


def as_tensors(node: Node) -> tuple[list[Any], Any, dict[str, Any]]:
    """Return what a node saved for its rules as Tensors that know where they came from."""
    values, saved = node.args, node.out
    pairs = zip(values, parents_of(node), strict=True)
    args = [a if isinstance(a, ShapeDtype) or p is None else wrap(a, p) for a, p in pairs]
    residuals, kwargs, observer = node.op and node.op.residuals, node.kwargs, STATE.get().observer
    out = None if saved is None or residuals else wrap(saved, node)
    if observer is not None:
        args, out, kwargs = observer.saved(node, args, out, kwargs)
    if residuals and saved is not None:
        out = residuals(*args, **kwargs)
    return args, out, kwargs


def cotangent_of(t: Any, g: Any, create_graph: bool) -> Any:
    """Check the gradient that backward starts from, and return it as the rules take it."""
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
        number = t.ndim == 0 and not has_foreign(t._value)
        one = t.dtype.type(1) if number else np.ones_like(t._value)
        return wrap(one) if create_graph else one
    value: Any = g if isinstance(g, TensorBase) else plain_array(g)[()]
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
    """Conjugate a complex gradient: rules are transposed, users see the steepest ascent."""
    return np.conj(g) if g.dtype.kind == "c" else g


def as_gradient(g: Any) -> Any:
    """Return a gradient as users see it: a read-only Tensor that points to steepest ascent."""
    g = conjugated(g)
    return read_only(g if isinstance(g, TensorBase) else wrap(g))


def read_only(t: Any) -> Any:
    """Return the tensor with its array read-only: arguments of one op share it, as in a + b."""
    if type(t._value) is np.ndarray:
        t._value.setflags(write=False)
    return t


def accumulate(found: dict[Node, Any], create_graph: bool) -> None:
    """Add gradients to those that their nodes retain."""
    with ACCUMULATING:
        for node, g in found.items():
            extras = node.ensure_extras()
            if extras.grad is not None:
                add = STATE.get().inside(recording=create_graph).run
                g = read_only(add(operator.add, (extras.grad, g)))
            extras.grad = g
