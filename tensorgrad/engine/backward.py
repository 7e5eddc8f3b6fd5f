"""The computation graph: what was recorded, its order, and the chain rule over it."""

import itertools
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from tensorgrad.engine.node import Node
from tensorgrad.rules import ShapeDtype


def toposort(roots: Iterable[Node], since: int = 0) -> list[Node]:
    """The nodes under the roots, each before its parents, but for those older than `since`.

    Raises: RuntimeError if an earlier backward consumed a part of the graph.
    """
    seen = set(roots)
    stack = list(seen)
    while stack:
        parents = stack.pop().parents
        if parents is None:
            raise RuntimeError(
                "this graph was already consumed by a backward, which frees it as it goes; "
                "to go through it again, call the first backward with retain_graph=True"
            )
        for parent in parents:
            if parent is not None and parent not in seen and parent.serial >= since:
                seen.add(parent)
                stack.append(parent)
    # Every node is recorded after its parents, so serial numbers are a topological order.
    return sorted(seen, key=attrgetter("serial"), reverse=True)


def free_inputs(roots: Iterable[Node], since: int) -> set[Node]:
    """The nodes older than `since` that calls recorded after it, under the roots, were given."""
    parents = itertools.chain.from_iterable(node.parents for node in toposort(roots, since))
    return {parent for parent in parents if parent is not None and parent.serial < since}


def backward(
    seeds: dict[Node, Any],
    targets: set[Node] | None = None,
    *,
    since: int = 0,
    free: bool = True,
    lift: Callable[[Any, Node | None], Any] | None = None,
    watch: Callable[[Node, int | None, Any], None] | None = None,
) -> dict[Node, Any]:
    """The gradients of the seeds, in the targets or else in all leaves and nodes that retain them.

    Of nodes older than the serial number `since` only targets are reached, and not what lies under
    them. With `lift`, which makes a Tensor of a value and its node, the rules record themselves.
    """
    order = toposort(seeds, since)
    useful = None if targets is None else leading_to(targets, order)
    kept: dict[Node, Any] = {}
    grads = dict(seeds)
    newest_write = max(
        (node.extras.version for node in order if node.extras is not None), default=-1
    )
    sums: set[Node] = set()  # whose gradient is an array made here: more can be added in place
    if watch is not None:
        for node, seed in seeds.items():
            watch(node, None, seed)
    for node in order:
        g = grads.pop(node, None)
        if g is None:
            continue  # no target lies under it
        extras = node.extras
        if extras is not None:
            for hook in extras.hooks:
                g = hook(g)
        if node in targets if targets is not None else extras is not None and extras.retains:
            kept[node] = g
        if node.op is None:
            continue
        if newest_write > node.serial:
            refuse_overwritten(node, order)
        rules, args, out, kwargs = node.op.rules, node.args, node.out, node.kwargs
        if lift is not None:
            args, out = as_tensors(node, lift)
        for i, parent in enumerate(node.parents):
            if parent is None or (useful is not None and parent not in useful):
                continue
            step = rules[i](g, out, *args, **kwargs) if kwargs else rules[i](g, out, *args)
            if step.shape != parent.shape or step.dtype != parent.dtype:
                step = unbroadcast(step, parent)
            if watch is not None:
                watch(node, i, step)
            before = grads.get(parent)
            if before is None:
                grads[parent] = step
            elif parent in sums:
                before += step
                grads[parent] = before
            else:
                grads[parent] = before + step
                sums.add(parent)
        if free:
            node.parents = node.args = node.out = None
    return kept | grads  # in which targets older than `since` were never taken up


def leading_to(targets: set[Node], order: list[Node]) -> set[Node]:
    """Those of the nodes, given in topological order, from which a target can be reached."""
    useful = set(targets)
    for node in reversed(order):
        if not useful.isdisjoint(node.parents):
            useful.add(node)
    return useful


def unbroadcast(step: Any, parent: ShapeDtype) -> Any:
    """Undo in a gradient what broadcasting and promotion did to an argument: sum, and cast back."""
    if step.shape != parent.shape:
        extra = step.ndim - parent.ndim
        axes = list(range(extra))
        if step.shape[extra:] != parent.shape:
            shape = enumerate(parent.shape, extra)
            axes += [i for i, n in shape if n == 1 and step.shape[i] != 1]
        step = np.add.reduce(step, axis=tuple(axes))
        if step.shape != parent.shape:
            if [n for n in step.shape if n != 1] != [n for n in parent.shape if n != 1]:
                raise ValueError(
                    f"a rule gave a gradient of shape {step.shape} for an argument of shape "
                    f"{parent.shape}; it must have the argument's shape, or one it broadcasts to"
                )
            step = step.reshape(parent.shape)
    if step.dtype != parent.dtype:
        if step.dtype.kind == "c" and parent.dtype.kind != "c":
            step = np.real(step)
        step = step.astype(parent.dtype)
    return step


def as_tensors(node: Node, lift: Callable[[Any, Node | None], Any]) -> tuple[list[Any], Any]:
    """What a node saved, as Tensors that know where they came from."""
    pairs = zip(node.args, node.parents, strict=True)
    args = [a if isinstance(a, ShapeDtype) or p is None else lift(a, p) for a, p in pairs]
    if node.out is None:
        return args, None
    kept = node.op.residuals
    return args, lift(node.out, node) if kept is None else kept(*args, **node.kwargs)


def refuse_overwritten(node: Node, order: list[Node]) -> None:
    """Raise if a rule of `node` would read memory of a leaf that was written to after the call."""
    ensure_extras = [(leaf, leaf.extras) for leaf in order if leaf.extras is not None]
    version = [(leaf, extras) for leaf, extras in ensure_extras if extras.version > node.serial]
    for i, value in enumerate(node.args):
        for leaf, extras in version:
            if isinstance(value, np.ndarray) and np.may_share_memory(value, extras.array):
                name = f" {extras.name!r}" if extras.name else ""
                raise RuntimeError(
                    f"argument {i} of {node.op.name} lies in the memory of the leaf{name} of shape "
                    f"{leaf.shape}, which was written to in place after the call, whose gradient "
                    "needs the value from before; run backward before writing to .data, as an "
                    "optimizer's step does, or write to a copy"
                )
