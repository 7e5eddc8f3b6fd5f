"""The results of a program: arrays, tensors, and tensors that stand for recorded ones."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase, wrap
from tensorgrad.engine.gradients import ACCUMULATING, read_only
from tensorgrad.engine.node import Node
from tensorgrad.engine.record import remember
from tensorgrad.engine.state import NO_KEYWORDS, State
from tensorgrad.program.sizes import ArgumentSize
from tensorgrad.program.tracing import Result, Tracing, results_in
from tensorgrad.rules import Op


def without_graph(x: Any) -> Any:
    """Return a result of a compiled function, through which no gradient flows."""
    return x


def refuse_gradient(_g: Any, _out: Any, _x: Any) -> Any:
    """Raise, because a program has no graph."""
    raise RuntimeError(
        "this tensor comes from a compiled function that closes over parameters, and has no graph; "
        "compile the gradient, as tg.compile(tg.value_and_grad(f)), or a step function that calls "
        "loss.backward() inside"
    )


WITHOUT_GRAPH = Op(without_graph, [refuse_gradient])


def without_gradient(value: Any) -> Any:
    """Return a tensor whose backward raises, and says what to write."""
    source = Node(value.shape, value.dtype)
    plan = WITHOUT_GRAPH.plan(1, 1)
    node = remember(WITHOUT_GRAPH, plan, (source,), (source,), NO_KEYWORDS, value, None, State())
    return wrap(value, node)


def wrapper_of(trace: Tracing) -> Callable[[Any], Any] | None:
    """Return what makes of a program's result that of the function; None if it is the same."""
    kinds = {r.kind for r in results_in(trace.results)}
    changes = bool(trace.gradients or trace.writes)
    if not changes and kinds <= {"array", "constant"}:
        return None
    gradients = trace.gradients
    writes = trace.writes

    def finish(found: Any) -> Any:
        if changes:
            *found, rest = found if type(trace.results) is tuple else (found[0], found[1])
            found = tuple(found) if type(trace.results) is tuple else found[0]
            values = iter(rest)
            with ACCUMULATING:
                for leaf, v in gradients:
                    g = None if v is None else read_only(wrap(next(values)))
                    leaf.node.ensure_extras().grad = g
            for source, _ in writes:
                source.write(next(values))
        return rewrapped(trace.results, found)

    return finish


def rewrapped(tree: Any, found: Any) -> Any:
    """Return the results in the kinds that the function returned."""
    if type(tree) is Result:
        if tree.kind == "same" and type(tree.value) is not ArgumentSize:
            return tree.value
        if tree.kind in ("array", "constant", "same"):
            return found
        return wrap(found) if tree.kind == "tensor" else without_gradient(found)
    if isinstance(tree, dict):
        return {key: rewrapped(x, found[key]) for key, x in tree.items()}
    items = [rewrapped(x, y) for x, y in zip(tree, found, strict=True)]
    return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)


def same_bits(a: Any, b: Any) -> bool:
    """Return True if two trees of arrays and tensors have the same structure, dtypes and bits."""
    if isinstance(a, dict):
        return isinstance(b, dict) and all(same_bits(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same_bits, a, b))
    if isinstance(a, TensorBase):
        return isinstance(b, TensorBase) and same_bits(a._value, b._value)
    if isinstance(a, (np.ndarray, np.generic)):
        x, y = np.asarray(a), np.asarray(b)
        return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
    return a is b or bool(a == b) or (a != a and b != b)
