"""Calls recorded as one node each, with one rule for all arguments: checkpoint, custom_gradient."""

import functools
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from tensorgrad.engine.backward import free_inputs
from tensorgrad.engine.base import needs_grad, unwrap, wrap
from tensorgrad.engine.gradients import conjugated, gradients
from tensorgrad.engine.node import NAMES, Node, ShapeDtype, serials
from tensorgrad.engine.record import apply, remember
from tensorgrad.engine.state import NO_KEYWORDS, STATE
from tensorgrad.joint import SharedRules
from tensorgrad.operands import STAND_INS, plain_array, refuse_shape
from tensorgrad.rules import EachOp, Function, Plan
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.transforms.trees import (
    alias,
    leaves_of,
    recorded,
    refuse_objects,
    tree_map,
    without_logits,
    zeros,
)


class JointOp(EachOp):
    """The op of a single call, whose `pull(g, out, *args)` gives the gradients of all arguments."""

    def __init__(
        self, function: Function, compute: Function, pull: Function, reads_out: bool = False
    ) -> None:
        self.function, self.name = function, function.__name__
        self.compute, self.pull, self.reads_out = compute, pull, reads_out
        self.operand: Function = lambda x: x
        self.arity, self.keywords, self.plans = -1, frozenset(), {}

    def plan(self, wanted: int, n: int) -> Plan:
        return (), self.reads_out, False

    @property
    def rules(self) -> SharedRules:
        """Made anew for each visit of a backward, so that nothing it computes stays behind."""
        return SharedRules(self.pull)

    def gradient(self, g: Any, out: Any, i: int, *args: Any) -> Any:
        """As the function says itself."""
        return self.rules[i](g, out, *args)


def custom_gradient(f: Callable[..., tuple[Any, Function]]) -> Function:
    """Make a function of arrays with its own gradient.

    `f` returns `(y, gradient)`. `gradient(g)` turns the cotangent g of the array y into the
    gradient of each argument: a tuple if there are several, with None for an argument without a
    gradient. For derivatives of higher order, `f` is called with tensors. Variables that it closes
    over have no gradient.
    Shapes: g as y; each gradient as its argument.

    >>> @custom_gradient
    ... def straight_through(x):
    ...     return np.round(x), lambda g: g
    >>> x = Tensor([0.4, 2.6], requires_grad=True)
    >>> np.sum(straight_through(x) * [1.0, 2.0]).backward()
    >>> x.grad.tolist()
    [1.0, 2.0]
    """

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        backwards: list[Function] = []

        def compute(*values: Any) -> Any:
            y, backward = pair_of(f, values, kwargs)
            refuse_objects(name, y)
            backwards.append(backward)
            if recorded(y):
                raise TypeError(
                    f"{name} uses a tensor that requires a gradient and is not a positional "
                    "argument, so that its gradient would be lost; pass it as one, or use its .data"
                )
            return plain_array(unwrap(y))[()]

        def pull(g: Any, _out: Any, *values: Any) -> Sequence[Any]:
            again = isinstance(g, Tensor)  # with create_graph, when the gradient is recorded itself
            backward = pair_of(f, values, kwargs)[1] if again else backwards[0]
            steps = backward(g)
            steps = steps if isinstance(steps, (tuple, list)) else (steps,)
            if len(steps) != len(args) or any(s is None for s, w in zip(steps, wanted) if w):
                raise TypeError(
                    f"the gradient of {name} must give an array for each of its {len(args)} "
                    f"arguments, or None where none is wanted, but it gave {steps!r}"
                )
            refuse_objects(f"the gradient of {name}", list(steps))
            # Copied, so that a buffer in which the gradient is computed stays the user's.
            steps = [s if isinstance(s, Tensor) or s is None else np.copy(s) for s in steps]
            for step, x in zip(steps, values, strict=True):
                if step is not None:
                    refuse_shape(step, x, (g, *values))
            return steps

        refuse_inside(name, args, kwargs)
        if not any(isinstance(x, Tensor) for x in args):
            return pair_of(f, args, kwargs)[0]
        wanted = list(map(recorded, args))
        return apply(JointOp(call, compute, pull), args, NO_KEYWORDS)

    name = getattr(f, "__name__", type(f).__name__)
    return call


def refuse_inside(name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Raise if a keyword, or a list, tuple or dict, is or holds a tensor with a gradient."""
    inside = [x for x in args if not isinstance(x, Tensor)]
    if STATE.get().recording and needs_grad([inside, kwargs]):
        raise TypeError(
            f"{name} uses a tensor that requires a gradient and is not a positional argument, so "
            "that its gradient would be lost; pass it as one, not as a keyword or in a container, "
            "or use its .data"
        )


def pair_of(f: Function, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Function]:
    """Call `f` and return its value and its gradient function.

    Raises: TypeError if it returned anything else.
    """
    pair = f(*args, **kwargs)
    if not (isinstance(pair, tuple) and len(pair) == 2 and callable(pair[1])):
        raise TypeError(
            f"{getattr(f, '__name__', type(f).__name__)} must return (value, gradient), where "
            f"gradient is a function, but it returned {pair!r}"
        )
    return pair


def checkpoint(f: Function) -> Function:
    """Return `f` wrapped so that backward recomputes its intermediates instead of storing them.

    A chain of n calls, divided into √n segments that are checkpoints, stores about 2√n arrays. `f`
    must compute the same result again: pass random numbers and changing values in as arguments.
    Probabilities that it returns have no logits (`logits_of`).

    >>> x = Tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda t: np.exp(np.sin(t)))(x).backward()
    >>> bool(np.isclose(x.grad.item(), np.exp(np.sin(2.0)) * np.cos(2.0)))
    True
    """

    @functools.wraps(f)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not STATE.get().recording:
            return tree_map(without_logits, f(*args, **kwargs))
        # Aliases: a later write to an argument must not reach backward, nor one by f the caller.
        saved = tree_map(alias, [list(args), kwargs])

        def run() -> tuple[int, Any, list[Tensor]]:
            """Return a serial number, the result of f, and its tensors recorded after it."""
            since = next(serials)
            inputs, keywords = tree_map(alias, saved)
            result = f(*inputs, **keywords)
            refuse_objects(name, result)
            recorded_here = [t for t in leaves_of(result) if recorded(t) and t.node.serial > since]
            return since, result, recorded_here

        def pull(g: Any, out: Any, *_args: Any) -> Sequence[Any]:
            create_graph = isinstance(g, Tensor)
            refuse_written(f"checkpoint cannot run {name} again", parents, began)
            recording = STATE.get().inside(recording=True)
            since, _, recorded_here = recording.run(run)
            y = recording.run(joined, [recorded_here]) if recorded_here else Tensor(np.empty(0))
            if not alike(recorded_here, y, out):
                raise RuntimeError(
                    f"{name} computed something else when checkpoint ran it again; if it draws "
                    "random numbers or reads changing values, do so outside and pass them in"
                )
            found = gradients(
                [(y, conjugated(g))], set(parents), since=since, create_graph=create_graph
            )
            steps = [conjugated(found[p] if p in found else zeros(p)) for p in parents]
            return steps if create_graph else [t._value for t in steps]

        began, result, recorded_here = run()
        nodes = [t.node for t in recorded_here if t.node]
        parents = sorted(free_inputs(nodes, began), key=attrgetter("serial"))
        if not parents:
            return tree_map(without_logits, result)
        value = joined(recorded_here)._value
        pieces = split(
            record(JointOp(call, lambda *_values: value, pull, True), parents), recorded_here
        )
        ids = set(map(id, recorded_here))
        return tree_map(lambda t: next(pieces) if id(t) in ids else t, result)

    name = getattr(f, "__name__", type(f).__name__)
    return call


def refuse_written(refusal: str, leaves: list[Node], began: int) -> None:
    """Raise if one of the nodes is a leaf that was given other values after a serial number."""
    for leaf in leaves:
        if leaf.extras is not None and leaf.extras.version > began:
            called = f" {NAMES.get(leaf)!r}" if NAMES.get(leaf) else ""
            raise RuntimeError(
                f"{refusal}, because the leaf{called} of shape "
                f"{leaf.shape} was written to after the call; run backward before writing to it, "
                "as an optimizer's step does, or write to a copy"
            )


def joined(tensors: list[Tensor]) -> Tensor:
    """Join several tensors into one vector; return a single one as it is."""
    if len(tensors) == 1:
        return tensors[0]
    return np.concatenate([np.ravel(t) for t in tensors])


def split(whole: Tensor, tensors: list[Tensor]) -> Iterator[Tensor]:
    """Split a joined vector into tensors of the original shapes and dtypes."""
    if len(tensors) == 1:
        yield whole
        return
    start = 0
    for t in tensors:
        piece = np.reshape(whole[start : start + t.size], t.shape)
        yield piece if piece.dtype == t.dtype else np.astype(piece, t.dtype)
        start += t.size


def alike(recorded_here: list[Tensor], a: Tensor, b: Any) -> bool:
    """Return True if two results are equal up to rounding, which may depend on memory layout.

    The tolerance is that of the least precise tensor, relative to the largest number.
    """
    b = unwrap(b)
    if type(b) in STAND_INS:  # whose values do not decide
        return a.shape == b.shape
    near = float(max((np.finfo(t.dtype).eps for t in recorded_here), default=0.0)) ** 0.5
    size = np.max(np.abs(b), initial=0.0, where=np.isfinite(b))
    return a.shape == b.shape and np.allclose(a.data, b, near, near * size, equal_nan=True)


def record(op: JointOp, parents: list[Node]) -> Tensor:
    """Compute `op` and record the result as made from these nodes."""
    state, values = STATE.get(), [ShapeDtype(p.shape, p.dtype) for p in parents]
    out = op.compute() if state.observer is None else state.observer.compute(op, values, {})
    plan = op.plan(0, len(parents))
    node = remember(op, plan, [*parents], values, NO_KEYWORDS, out, out, state)
    t = wrap(out, node)
    if state.observer is not None:
        state.observer.returned(op, tuple(parents), NO_KEYWORDS, t)
    return t
