"""The chain rule over the graph: one loop, and the order in which it meets the nodes."""

import itertools
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from tensorgrad.engine.node import WRITES, Node, ShapeDtype, overlap
from tensorgrad.operands import reduction, wrong_shape

Saved = Callable[[Node], tuple[Any, Any, Any]]
Watch = Callable[[Node, int, Any, Any], None]


def backward(
    cotangents: dict[Node, Any],
    targets: set[Node] | None = None,
    *,
    since: int = 0,
    free: bool = True,
    saved: Saved | None = None,
    watch: Watch | None = None,
) -> dict[Node, Any]:
    """Return the gradients in the targets, or else in all leaves and nodes that retain theirs.

    Of nodes older than the serial number `since` only targets are reached, and not what lies under
    them. `saved` gives the arguments, output and keywords of a node that its rules read, if not
    those that it saved; `watch` is told what each rule gave, and what its contribution is.
    """
    order = toposort(cotangents, since)
    useful = None if targets is None else leading_to(targets, order)
    refuse_overwritten(order, useful)
    grads, found = dict(cotangents), {}
    sums: set[Node] = set()  # nodes whose gradient is an array made here
    for node in order:
        g = grads.pop(node, None)
        if g is None:
            continue  # no target lies under it
        extras = node.extras
        if extras is not None:
            g = extras.run_hooks(g)
        if node in targets if targets is not None else extras is not None and extras.retains:
            found[node] = g
        rules = node.op and node.op.rules
        args, out, kwargs = (node.args, node.out, node.kwargs) if saved is None else saved(node)
        for i, parent in enumerate(node.parents or parents_of(node)):
            if parent is None or (useful is not None and parent not in useful):
                continue
            given = step = rules[i](g, out, *args, **kwargs) if kwargs else rules[i](g, out, *args)
            if step.shape != parent.shape or step.dtype != parent.dtype:
                step = unbroadcast(step, parent)
            if watch is not None:
                watch(node, i, given, step)
            before = grads.get(parent)
            grads[parent] = step if before is None else add(before, step, parent, sums)
        if free and node.op is not None:
            # `parents` first, because another thread's backward reads it last.
            node.parents = node.args = node.out = None
    return found | grads  # in which targets older than `since` were never taken up


def add(before: Any, contribution: Any, node: Node, sums: set[Node]) -> Any:
    """Return a node's gradient so far plus a contribution, in place if the node is in `sums`.

    Not if they are of different types, as a constant and the stand-in for an array of a program.
    """
    if node in sums and type(before) is type(contribution):
        before += contribution
        return before
    sums.add(node)
    return before + contribution


def toposort(roots: Iterable[Node], since: int = 0) -> list[Node]:
    """Sort the nodes under the roots, each before its parents, without those older than `since`.

    Raises: RuntimeError if an earlier backward consumed a part of the graph.
    """
    seen = set(roots)
    stack = list(seen)
    while stack:
        for parent in (node := stack.pop()).parents or parents_of(node):
            if parent is not None and parent not in seen and parent.serial >= since:
                seen.add(parent)
                stack.append(parent)
    # Every node is recorded after its parents, so serial numbers are a topological order.
    return sorted(seen, key=attrgetter("serial"), reverse=True)


def parents_of(node: Node) -> Any:
    """Return the nodes of a node's arguments.

    Raises: RuntimeError if another backward consumed it, be it earlier or in another thread.
    """
    parents = node.parents
    if parents is None:
        raise RuntimeError(
            "this graph was already consumed by a backward, which frees it as it goes; "
            "to go through it again, call the first backward with retain_graph=True"
        )
    return parents


def free_inputs(roots: Iterable[Node], since: int) -> set[Node]:
    """Return the nodes older than `since` that newer calls under the roots take as arguments."""
    parents = itertools.chain.from_iterable(map(parents_of, toposort(roots, since)))
    return {parent for parent in parents if parent is not None and parent.serial < since}


def leading_to(targets: set[Node], order: list[Node]) -> set[Node]:
    """Return those nodes of a topological order from which a target can be reached."""
    useful = set(targets)
    for node in reversed(order):
        if not useful.isdisjoint(parents_of(node)):
            useful.add(node)
    return useful


def unbroadcast(step: Any, parent: ShapeDtype) -> Any:
    """Undo in a gradient what broadcasting and promotion did to an argument: sum, and cast back.

    `parent` is the node of the argument, or any array of its shape and dtype.
    Shapes: step (...), one that `parent` broadcasts to -> as `parent`.
    Raises: ValueError if it has another shape.
    """
    if step.shape != parent.shape:
        extra = step.ndim - parent.ndim
        axes = list(range(extra))
        if step.shape[extra:] != parent.shape:
            shape = enumerate(parent.shape, extra)
            axes += [i for i, n in shape if n == 1 and step.shape[i] != 1]
        if step.dtype == np.float16:  # whose sums end at 2048
            step = step.astype(np.float32)
        step = reduction(np.add, step)(step, axis=tuple(axes))
        if step.shape != parent.shape:
            if [n for n in step.shape if n != 1] != [n for n in parent.shape if n != 1]:
                raise wrong_shape(step, parent.shape)
            step = step.reshape(parent.shape)
    if step.dtype != parent.dtype:
        if step.dtype.kind == "c" and parent.dtype.kind != "c":
            step = np.real(step)
        step = step.astype(parent.dtype)
    return step


def refuse_overwritten(order: list[Node], useful: set[Node] | None) -> None:
    """Raise if a rule would read memory of a tensor that was written to after the rule's call."""
    calls = (node for node in reversed(order) if node.op is not None)  # the oldest first
    oldest = next(calls, None)
    if oldest is None or WRITES.newest < oldest.serial:
        return
    written = WRITES.since(oldest.serial)
    for node in (oldest, *calls) if written else ():
        if node.serial > WRITES.newest:
            break
        if useful is None or node in useful:
            for array, version, owner in written:
                if version > node.serial:
                    refuse_if_saved(array, owner, node)


def refuse_if_saved(array: np.ndarray, owner: str, node: Node) -> None:
    """Raise if a call saved memory of an array, which was written to after the call."""
    saved = {f"argument {i} of": value for i, value in enumerate(node.args)}
    for part, value in (saved | {"the result of": node.out}).items():
        if isinstance(value, np.ndarray) and overlap(value, array):
            raise RuntimeError(
                f"{part} {node.op.name} lies in the memory of the {owner} of shape "
                f"{array.shape}, which was written to in place after the call, whose gradient "
                "needs the value from before; run backward before writing to .data, as an "
                "optimizer's step does, or write to a copy"
            )
