"""trace: the operations of a run with their times, and the gradients as they arrive."""

import linecache
import os
import time
import weakref
from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from tensorgrad.debug.frames import users_frame
from tensorgrad.draw import Drawable
from tensorgrad.draw.arrivals import Arrivals, GradientSum
from tensorgrad.draw.drawing import tensors_in
from tensorgrad.draw.leaves import Leaves
from tensorgrad.draw.model import Event, Graph, Reader, Vertex, assembled, small_copy
from tensorgrad.draw.stats import statistics
from tensorgrad.draw.summary import Call, table
from tensorgrad.draw.unrecorded import UnrecordedResults
from tensorgrad.engine.node import KEPT, NAMES, Node
from tensorgrad.engine.state import STATE, Observer
from tensorgrad.operands import as_ndarray
from tensorgrad.rules import Op


class Trace(Drawable, Observer):
    """The record of a run under `trace()`: `draw()` it, or print its `summary()`.

    It holds no array of the run except gradients that are being summed, so that the run can free
    its memory; with `keep` the nodes hold all values.
    """

    def __init__(self, before: Observer | None, values: bool, keep: bool = False) -> None:
        super().__init__(before)
        self.values, self.keep = values, keep
        self.reader = Reader(values)
        self.events: list[Event] = []
        self.unrecorded: list[Call] = []  # calls without a gradient
        self.memory = Memory()
        here = weakref.ref(self)  # so that a dropped trace is gone at once
        self._leaves = Leaves(lambda: cast(Trace, here())._arrivals)
        self._nodes: list[weakref.ref[Node]] = []  # which can get names later
        self._computed: tuple[Call, list[Any]] | None = None
        self._arrivals = Arrivals()
        self._seeding = False  # between the seeds of one backward pass
        self._consumed = 0  # bytes of the sum that the current rules read
        self._clock = time.perf_counter()
        self._results = UnrecordedResults()

    # Called by the engine

    def evaluate(self, function: Any, args: Any, kwargs: Any, call: Any) -> Any:
        result = super().evaluate(function, args, kwargs, call)
        self._results.note(function, (args, kwargs), result)
        return result

    def compute(self, op: Op, values: list[Any], kwargs: dict[str, Any]) -> Any:
        self._look()
        given = list(values)
        for value in values:
            self.memory.ignore(value)
        start = time.perf_counter()
        computed = super().compute(op, values, kwargs)
        seconds = time.perf_counter() - start
        out = op.output(computed)
        self._finish_call()
        self._consume(0)
        self._seeding = False
        self.memory.add(out)
        if op.residuals is not None:
            self.memory.add(computed[1])
        self._computed = (
            Call(op.name, STATE.get().scope, seconds, 0.0, as_ndarray(out).nbytes),
            given,
        )
        return computed

    def returned(self, op: Op, args: Any, kwargs: dict[str, Any], t: Any) -> None:
        super().returned(op, args, kwargs, t)
        node = t.node
        if node is None or self._computed is None:
            self._results.note(op.function, args, t._value)
            return
        call, given = self._computed
        self._computed = None
        if self.keep:
            KEPT[node] = tuple(given), t._value
        for parent in node.parents:
            if parent is not None:
                self._vertex_of(parent)
        for arg in args:
            self._leaves.meet(arg)
        vertex = self.reader.vertex(node, given)
        self.reader.add_value(vertex, t._value)
        self._nodes.append(weakref.ref(node))
        vertex.forward_seconds = call.forward
        vertex.source, vertex.in_backward = _line()
        constants = [v for v, p in zip(given, node.parents, strict=True) if p is None]
        vertex.unrecorded = self._results.among(constants)
        self.events.append(Event("forward", vertex, self.memory.live, call.forward))

    def backward(self, node: Node, i: int | None, given: Any, contribution: Any) -> None:
        seconds = time.perf_counter() - self._clock
        super().backward(node, i, given, contribution)
        vertex = self._vertex_of(node)
        g = getattr(contribution, "_value", contribution)  # a Tensor, if create_graph is set
        self.memory.add(g)
        if i is None:
            self._finish_call()
            self._look()
            if not self._seeding:
                self._arrivals.begin()
            event = Event("seed", vertex, 0, numbers=small_copy(g) if self.values else None)
            event.inner = self._arrivals.nested
        else:
            self._complete(vertex, node)
            vertex.backward_seconds = (vertex.backward_seconds or 0.0) + seconds
            event = Event("backward", vertex, 0, seconds, i, self._vertex_of(node.parents[i]))
        self._seeding = i is None
        self._accumulate(event.to or vertex, g, event)
        event.live_bytes = self.memory.live
        self.events.append(event)
        self._clock = time.perf_counter()

    def gradient(self, node: Node, t: Any) -> None:
        super().gradient(node, t)
        self._leaves.finish_pass(node)

    def _look(self) -> None:
        """Add the events of what happened to the leaves since the last look."""
        for event in self._leaves.changes(self.values):
            event.live_bytes = self.memory.live
            self.events.append(event)

    def _accumulate(self, to: Vertex, g: Any, event: Event) -> None:
        if not self.values:
            total = self._arrivals.add(to, None, event)
        else:
            if g.dtype.kind == "c":
                g = np.conj(g)  # the direction of steepest ascent, as in .grad
            event.contribution = event.accumulated = statistics(g, histogram=False)
            total = self._arrivals.add(to, g, event)
            if total.g is not g:
                event.accumulated = statistics(total.g, histogram=False)
        if total.count == 2:
            self.memory.live += to.nbytes  # the engine has made an array for the sum

    def _complete(self, vertex: Vertex, node: Node) -> None:
        """Register a gradient as complete, because a rule now reads it."""
        total = self._arrivals.apply_rule(vertex, node.parents)
        if total is None:
            return
        self._consume(vertex.nbytes if total.count > 1 else 0)
        if self.values:
            self._set_grad(vertex, total, total.g)

    def _consume(self, nbytes: int) -> None:
        """Count the bytes of a sum as live while the rules that read it are applied."""
        self.memory.live -= self._consumed
        self._consumed = nbytes

    def _set_grad(self, vertex: Vertex, total: GradientSum, g: Any) -> None:
        """Set the gradient with its histogram."""
        vertex.grad = statistics(g)
        total.share(vertex.grad)

    def _vertex_of(self, node: Node) -> Vertex:
        vertex = self.reader.add(node)
        self._update_name(node)
        if node.op is None:
            self._leaves.add(node, vertex)
        return vertex

    def _update_name(self, node: Node | None) -> None:
        if node is not None and (name := NAMES.get(node)):
            self.reader.vertices[node.serial].name = name

    def _finish_call(self) -> None:
        """Count the last call as unrecorded, if the engine did not record it."""
        if self._computed is not None:
            self.unrecorded.append(self._computed[0])
            self._computed = None

    def end(self) -> None:
        """Store the current names and gradients, and release the leaves."""
        self._finish_call()
        self._consume(0)
        self._catch_up()
        self._leaves.known.clear()
        self._arrivals = Arrivals()
        self._nodes.clear()
        self._results = UnrecordedResults()

    def _catch_up(self) -> None:
        """Look at the leaves, and at the names that tensors have by now."""
        self._look()
        for reference in self._nodes:
            self._update_name(reference())
        for leaf in self._leaves.known.values():
            self._update_name(leaf.node)

    # Called by the user

    def read(self, tensors: Any, parameters: Iterable[Any], show: tuple[str, ...]) -> Graph:
        """Return all that was recorded, or the part under some tensors, with the events."""
        for p in parameters:
            if p.node is not None:
                self.reader.parameter(p.node)
        return self._graph([t.node for t in tensors_in(() if tensors is None else tensors)])

    def summary(self) -> str:
        """Return a table of the calls, times and bytes of each operation and each module."""
        calls = [
            Call(v.op.name, v.scope, v.forward_seconds, v.backward_seconds or 0.0, v.nbytes)
            for v in self.reader.vertices.values()
            if v.op is not None and v.forward_seconds is not None
        ]
        return table(calls + self.unrecorded)

    def _graph(self, nodes: list[Node | None]) -> Graph:
        self._catch_up()
        events, vertices = self.events, self.reader.vertices
        unknown = [node for node in nodes if node is None or node.serial not in vertices]
        if unknown:
            raise ValueError(
                "this tensor is not part of the trace: it is a constant, or it was computed before "
                "or after the trace; compute it inside `with tensorgrad.trace() as t:`"
            )
        if nodes:
            roots = [vertices[node.serial] for node in nodes]  # type: ignore[union-attr]
            chosen = _under(roots)
            recorded = [v for v in vertices.values() if v in chosen]
        else:
            recorded = list(vertices.values())
            used = {operand.source for v in recorded for operand in v.inputs}
            seeds = [event for event in events if event.type == "seed" and not event.inner]
            seeded = dict.fromkeys(event.vertex for event in seeds)
            roots = list(seeded) or [v for v in recorded if v.op is not None and v not in used]
        graph = assembled(recorded, roots)
        drawn = set(graph.vertices)
        graph.events = [event for event in events if event.vertex in drawn]
        return graph


class Memory:
    """A count of the bytes of live arrays; a view counts as part of its base array."""

    def __init__(self) -> None:
        self.live = 0
        self._known: dict[int, weakref.ref[np.ndarray]] = {}

    def ignore(self, value: Any) -> None:
        """Exclude an array, because it existed before the trace."""
        self._register(value, 0)

    def add(self, value: Any) -> None:
        """Count an array until it is freed."""
        self._register(value, None)

    def _register(self, value: Any, nbytes: int | None) -> None:
        if not isinstance(value, np.ndarray):
            return  # NumPy's scalars have no weak references, and hardly any size
        while isinstance(value.base, np.ndarray):
            value = value.base
        key = id(value)
        if key in self._known:
            return
        counted = value.nbytes if nbytes is None else nbytes

        def release(_: Any) -> None:
            self.live -= counted
            del self._known[key]

        self._known[key] = weakref.ref(value, release)
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


def _line() -> tuple[str | None, bool]:
    """Return the line of the user's program that is running, and if a backward pass runs it."""
    frame, in_backward = users_frame()
    if frame is None:
        return None, in_backward
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number, frame.f_globals).strip()
    return f"{os.path.basename(file)}:{number}: {text}".rstrip(": "), in_backward
