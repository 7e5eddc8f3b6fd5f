"""trace: what a run computed, when, how long it took, and the gradients as they arrived."""

import linecache
import os
import time
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np

from tensorgrad.debug.frames import users_frame
from tensorgrad.draw.arrivals import Arrivals, GradientSum
from tensorgrad.draw.drawing import Drawing, tensors_in
from tensorgrad.draw.model import Event, Graph, Reader, Vertex, assembled
from tensorgrad.draw.stats import statistics
from tensorgrad.draw.summary import Call, table
from tensorgrad.engine.node import NAMES, Node
from tensorgrad.engine.state import STATE, Observer
from tensorgrad.rules import Op


class Trace(Observer):
    """The record of a run under `trace()`: `draw()` it, or print its `summary()`.

    It holds no array of the run but gradients that are being summed: what the run frees is freed.
    """

    def __init__(self, before: Observer | None, values: bool) -> None:
        super().__init__(before)
        self.values = values
        self.reader = Reader(values)
        self.events: list[Event] = []
        self.unrecorded: list[Call] = []  # calls that no gradient was wanted of
        self.memory = Memory()
        self._leaves: dict[int, Node] = {}
        self._nodes: list[weakref.ref[Node]] = []  # they may be given names later
        self._computed: tuple[Call, list[Any]] | None = None
        self._arrivals = Arrivals()
        self._seeding = False  # between the seeds that one backward starts from
        self._consumed = 0  # bytes of the sum that the rules applied now read
        self._clock = time.perf_counter()
        self._ended: list[Event] | None = None

    # What the engine tells

    def compute(self, op: Op, values: list[Any], kwargs: dict[str, Any]) -> Any:
        given = list(values)
        for value in values:
            self.memory.know(value)
        start = time.perf_counter()
        computed = super().compute(op, values, kwargs)
        seconds = time.perf_counter() - start
        out = op.output(computed)
        self._settle()
        self._consume(0)
        self._seeding = False
        self.memory.add(out)
        if op.residuals is not None:
            self.memory.add(computed[1])
        self._computed = Call(op.name, STATE.get().scope, seconds, 0.0, out.nbytes), given
        return computed

    def recorded(self, node: Node, out: Any) -> None:
        super().recorded(node, out)
        assert self._computed is not None
        call, given = self._computed
        self._computed = None
        for parent in node.parents:
            if parent is not None:
                self._met(parent)
        vertex = self.reader.vertex(node, given)
        self.reader.saw(vertex, out)
        self._nodes.append(weakref.ref(node))
        vertex.forward_seconds = call.forward
        vertex.source = _line()
        self.events.append(Event("forward", vertex, self.memory.live, call.forward))

    def backward(self, node: Node, i: int | None, step: Any) -> None:
        seconds = time.perf_counter() - self._clock
        super().backward(node, i, step)
        vertex = self._met(node)
        g = getattr(step, "_value", step)  # with create_graph it is a Tensor
        self.memory.add(g)
        if i is None:
            self._settle()
            if not self._seeding:
                self._arrivals.begin()
            event = Event("seed", vertex, 0)
        else:
            self._complete(vertex, node)
            vertex.backward_seconds = (vertex.backward_seconds or 0.0) + seconds
            event = Event("backward", vertex, 0, seconds, i, self._met(node.parents[i]))
        self._seeding = i is None
        self._accumulate(event.to or vertex, g, event)
        event.live_bytes = self.memory.live
        self.events.append(event)
        self._clock = time.perf_counter()

    def _accumulate(self, to: Vertex, g: Any, event: Event) -> None:
        if not self.values:
            there = self._arrivals.add(to, None, event)
        else:
            g = np.conj(g) if g.dtype.kind == "c" else g  # steepest ascent, as in .grad
            event.contribution = event.accumulated = statistics(g, histogram=False)
            there = self._arrivals.add(to, g, event)
            if there.g is not g:
                event.accumulated = statistics(there.g, histogram=False)
        if there.count == 2:
            self.memory.live += to.nbytes  # the engine has made an array for the sum

    def _complete(self, vertex: Vertex, node: Node) -> None:
        """Note a gradient to which nothing more will be added, for it goes on."""
        there = self._arrivals.turn(vertex, node.parents)
        if there is None:
            return
        self._consume(vertex.nbytes if there.count > 1 else 0)
        if self.values:
            self._grad(vertex, there, there.g)

    def _consume(self, nbytes: int) -> None:
        """A sum that the engine made lives while the rules that read it are applied."""
        self.memory.live -= self._consumed
        self._consumed = nbytes

    def _grad(self, vertex: Vertex, there: GradientSum, g: Any) -> None:
        """The gradient with its histogram, which the last event shares if it told the same."""
        vertex.grad = statistics(g)
        last = there.last
        if last.accumulated == {k: v for k, v in vertex.grad.items() if k != "histogram"}:
            if last.contribution is last.accumulated:
                last.contribution = vertex.grad
            last.accumulated = vertex.grad

    def _met(self, node: Node) -> Vertex:
        vertex = self.reader.add(node)
        self._name(node)
        if node.op is None:
            self._leaves[node.serial] = node
        return vertex

    def _name(self, node: Node | None) -> None:
        if node is not None and (name := NAMES.get(node)):
            self.reader.vertices[node.serial].name = name

    def _settle(self) -> None:
        if self._computed is not None:
            self.unrecorded.append(self._computed[0])
            self._computed = None

    def end(self) -> None:
        """Note the names and the leaves' gradients as they are now, and let go of the leaves."""
        self._settle()
        self._consume(0)
        self._ended = self._last()
        self._leaves.clear()
        self._arrivals = Arrivals()
        self._nodes.clear()

    def _last(self) -> list[Event]:
        if self._ended is not None:
            return self._ended
        for reference in self._nodes:
            self._name(reference())
        for leaf in self._leaves.values():
            self._name(leaf)
        events = []
        for vertex, there in self._arrivals.left().items() if self.values else ():
            node = self._leaves.get(vertex.serial)
            # A training step may have set .grad to None again: then it was the sum.
            grad = None if node is None or node.extras is None else node.extras.grad
            self._grad(vertex, there, there.g if grad is None else grad.data)
            if node is not None:
                events.append(Event("leaf", vertex, self.memory.live, grad=vertex.grad))
        return sorted(events, key=lambda event: event.vertex.serial)

    # What the user asks

    def draw(
        self,
        tensors: Any = (),
        *,
        depth: int | None = None,
        show: Iterable[str] = ("name", "shape", "dtype"),
        direction: str = "LR",
        max_nodes: int = 200,
        title: str | None = None,
        parameters: Iterable[Any] = (),
    ) -> Drawing:
        """All that was recorded, or what is under some of its tensors, with the events of the run.

        The options are those of `tensorgrad.draw`.
        Raises: ValueError for a tensor that the trace did not see.
        """
        for p in parameters:
            if p.node is not None:
                self.reader.parameter(p.node)
        show = (show,) if isinstance(show, str) else tuple(show)
        graph = self._graph([t.node for t in tensors_in(tensors)])
        return Drawing(graph, depth, show, direction, max_nodes, title)

    def summary(self) -> str:
        """A table of calls, times and bytes, of each operation and of each module as a whole."""
        calls = [
            Call(v.op.name, v.scope, v.forward_seconds, v.backward_seconds or 0.0, v.nbytes)
            for v in self.reader.vertices.values()
            if v.op is not None and v.forward_seconds is not None
        ]
        return table(calls + self.unrecorded)

    def _graph(self, nodes: list[Node | None]) -> Graph:
        events = self.events + self._last()
        vertices = self.reader.vertices
        unknown = [node for node in nodes if node is None or node.serial not in vertices]
        if unknown:
            raise ValueError(
                "this tensor is not part of the trace: it is a constant, or made before or after it"
            )
        if nodes:
            roots = [vertices[node.serial] for node in nodes]  # type: ignore[union-attr]
            chosen = _under(roots)
            recorded = [v for v in vertices.values() if v in chosen]
        else:
            recorded = list(vertices.values())
            used = {operand.source for v in recorded for operand in v.inputs}
            seeded = dict.fromkeys(event.vertex for event in events if event.type == "seed")
            roots = list(seeded) or [v for v in recorded if v.op is not None and v not in used]
        graph = assembled(recorded, roots)
        drawn = set(graph.vertices)
        graph.events = [event for event in events if event.vertex in drawn]
        return graph


class Memory:
    """The bytes of arrays while they are alive; a view counts with the array that it looks at."""

    def __init__(self) -> None:
        self.live = 0
        self._known: dict[int, weakref.ref[np.ndarray]] = {}

    def know(self, value: Any) -> None:
        """An array that was there already, and is not counted."""
        self._meet(value, 0)

    def add(self, value: Any) -> None:
        self._meet(value, None)

    def _meet(self, value: Any, nbytes: int | None) -> None:
        if not isinstance(value, np.ndarray):
            return  # NumPy's scalars cannot be watched, and weigh nothing
        while isinstance(value.base, np.ndarray):
            value = value.base
        key = id(value)
        if key in self._known:
            return
        counted = value.nbytes if nbytes is None else nbytes

        def gone(_: Any) -> None:
            self.live -= counted
            del self._known[key]

        self._known[key] = weakref.ref(value, gone)
        self.live += counted


def _under(roots: list[Vertex]) -> set[Vertex]:
    found = set(roots)
    stack = list(roots)
    while stack:
        for operand in stack.pop().inputs:
            if operand.source is not None and operand.source not in found:
                found.add(operand.source)
                stack.append(operand.source)
    return found


def _line() -> str | None:
    """The line of the user's program that is being run."""
    frame, _ = users_frame()
    if frame is None:
        return None
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number, frame.f_globals).strip()
    return f"{os.path.basename(file)}:{number}: {text}".rstrip(": ")
