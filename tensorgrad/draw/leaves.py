"""Events of the leaves of a traced run outside operations: new values, and writes to `.grad`.

The engine has no event for an optimizer's step or for `zero_grad`. So the leaves are looked at
before the next operation and the next backward pass, and at the end.
"""

import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tensorgrad.draw.arrivals import Arrivals
from tensorgrad.draw.model import Event, Vertex
from tensorgrad.draw.stats import Stats, statistics
from tensorgrad.engine.gradients import gradients
from tensorgrad.engine.node import Node
from tensorgrad.tensor.tensor import Tensor


@dataclass(slots=True)
class Leaf:
    """A leaf, and its state when it was last looked at."""

    node: Node
    vertex: Vertex
    tensor: "weakref.ref[Tensor] | None" = None  # unknown until an operation gets it
    state: tuple[int, int] = (0, 0)  # the version, and the identity of the array
    grad: "weakref.ref[Tensor] | None" = None
    has_grad: bool = False
    pending: bool = False  # a backward pass has ended that adds to its `.grad`

    def version(self) -> tuple[int, int]:
        tensor = None if self.tensor is None else self.tensor()
        version = -1 if self.node.extras is None else self.node.extras.version
        return version, 0 if tensor is None else id(tensor._value)

    @property
    def grad_now(self) -> Tensor | None:
        return None if self.node.extras is None else self.node.extras.grad

    @property
    def is_written(self) -> bool:
        """True if `.grad` is another one, or was cleared after a backward pass that set it."""
        before, now = None if self.grad is None else self.grad(), self.grad_now
        return (now is not None and now is not before) or (self.pending and now is None)

    @property
    def changed(self) -> bool:
        cleared = self.has_grad and self.grad_now is None
        moved = self.tensor is not None and self.state != self.version()
        return cleared or moved or self.is_written

    def hold(self, grad: Tensor | None) -> None:
        """Remember a gradient without keeping it alive."""
        self.grad = None if grad is None else weakref.ref(grad)
        self.has_grad = grad is not None


class Leaves:
    """The leaves of a traced run, by serial number."""

    def __init__(self, arrivals: Callable[[], Arrivals]) -> None:
        self.known: dict[int, Leaf] = {}
        self.arrivals = arrivals

    def add(self, node: Node, vertex: Vertex) -> None:
        """Begin to follow a leaf."""
        if node.serial not in self.known:
            leaf = self.known[node.serial] = Leaf(node, vertex)
            leaf.hold(leaf.grad_now)

    def meet(self, t: Any) -> None:
        """Register the tensor of a leaf, which an operation got as an argument."""
        if isinstance(t, Tensor) and t.node is not None:
            leaf = self.known.get(t.node.serial)
            if leaf is not None and (leaf.tensor is None or leaf.tensor() is not t):
                leaf.tensor = weakref.ref(t)
                leaf.state = leaf.version()

    def finish_pass(self, node: Node) -> None:
        """Register the complete gradient of a leaf, at the end of a backward pass."""
        leaf = self.known.get(node.serial)
        if leaf is None:
            return
        if _adds_to_grad():
            leaf.pending = True
        else:
            self.arrivals().passes[-1].sums.pop(leaf.vertex, None)

    def changes(self, values: bool) -> Iterator[Event]:
        """Yield an event for every change since the last look, in the order of a training step."""
        changed = [leaf for leaf in self.known.values() if leaf.changed] if values else []
        for leaf in changed:
            if leaf.is_written:
                yield self._written(leaf, leaf.grad_now)
        for leaf in changed:
            if leaf.state != (now := leaf.version()) and leaf.tensor is not None:
                leaf.state = now
                if (tensor := leaf.tensor()) is not None:
                    yield Event("update", leaf.vertex, 0, value=statistics(tensor._value))
        for leaf in changed:
            if leaf.has_grad and leaf.grad_now is None:
                leaf.hold(None)
                self.arrivals().forget(leaf.vertex)
                yield Event("zero", leaf.vertex, 0)

    def _written(self, leaf: Leaf, grad: Tensor | None) -> Event:
        """Return the event of a write to `.grad`; it may have been cleared since."""
        total = self.arrivals().sum_of(leaf.vertex)
        stats: Stats | None = None
        if grad is None and total is not None:
            stats = statistics(total.g)
        elif grad is not None:
            stats = statistics(grad.data)
        if stats is not None:
            leaf.vertex.grad = stats
            if total is not None:
                total.share(stats)
        leaf.pending = False
        leaf.hold(grad)
        leaf.has_grad = True
        return Event("leaf", leaf.vertex, 0, grad=stats)


def _adds_to_grad() -> bool:
    """Return True inside `Tensor.backward`, False inside functions that return gradients."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code is not gradients.__code__:
        frame = frame.f_back  # type: ignore[assignment]
    caller = None if frame is None else frame.f_back
    return caller is not None and caller.f_code is Tensor.backward.__code__
