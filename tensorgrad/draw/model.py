"""The graph as plain records: what is drawn of each node, free of arrays and of the engine's own objects."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorgrad.draw.stats import Stats, statistics
from tensorgrad.graph import Node
from tensorgrad.rules import Op, Spec
from tensorgrad.state import Place

LONG = 40  # a keyword or an index is told in at most so many characters


@dataclass(slots=True, eq=False)
class Operand:
    """What stands in one slot of a call: another vertex, or a number, index or shape told as text."""

    source: "Vertex | None"
    text: str = ""
    saved: bool = False  # whether the rules keep its array for backward


@dataclass(slots=True, eq=False)
class Vertex:
    """What is told of one node."""

    kind: str  # "op", "parameter", "leaf", "constant"
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    serial: int = -1  # its place in the order of recording; a constant has none
    op: Op | None = None
    name: str | None = None
    scope: Place | None = None
    inputs: list[Operand] = field(default_factory=list)
    keywords: dict[str, str] = field(default_factory=dict)
    out_saved: bool = False
    freed: bool = False  # a backward has consumed it, and what it was made from is forgotten
    value: Stats | None = None
    grad: Stats | None = None
    source: str | None = None
    forward_seconds: float | None = None
    backward_seconds: float | None = None

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=int)) * self.dtype.itemsize


@dataclass(slots=True, eq=False)
class Event:
    """A step of a traced run."""

    type: str  # "forward", "seed", "backward", "leaf"
    vertex: Vertex
    live_bytes: int  # of the arrays made since the trace began, those alive after this step
    seconds: float | None = None
    slot: int | None = None  # backward: the gradient comes out of this slot of the vertex
    to: Vertex | None = None  # … and goes to this one
    contribution: Stats | None = None
    accumulated: Stats | None = None  # the gradient there, with this contribution
    grad: Stats | None = None  # leaf: its .grad


@dataclass(slots=True, eq=False)
class Graph:
    """Every vertex after its inputs, in recording order, and those that were asked for."""

    vertices: list[Vertex]
    roots: list[Vertex]
    notes: list[str]
    events: list[Event] = field(default_factory=list)  # in time order, of a trace

    def names(self) -> dict[Vertex, str]:
        """n0, n1, … for what was recorded, c0, c1, … for constants: the same again for the same program."""
        counts = {"n": 0, "c": 0}
        ids = {}
        for vertex in self.vertices:
            letter = "c" if vertex.kind == "constant" else "n"
            ids[vertex] = f"{letter}{counts[letter]}"
            counts[letter] += 1
        return ids


FREED = (
    "A backward has freed a part of this graph (drawn with a dotted outline): draw before backward, call "
    "backward(retain_graph=True), or draw a trace: with tensorgrad.trace() as t: …; t.draw()"
)


def read(
    outputs: list[tuple[Node | None, Any]], *, values: bool = False, grads: bool = False
) -> Graph:
    """The graph under outputs, each a node (None: a constant) with its value. Linear in time, and iterative."""
    reader = Reader()
    reader.add(node for node, _ in outputs if node is not None)
    roots = []
    for node, value in outputs:
        if node is None:
            reader.loose.append(constant(value))
        roots.append(reader.vertices[node] if node is not None else reader.loose[-1])
        if node is not None and values:
            reader.arrays[node] = value
    if values:
        for node, value in reader.arrays.items():
            reader.vertices[node].value = statistics(value)
        for vertex, value in reader.constants.values():
            vertex.value = statistics(value)
    if grads:
        for node, vertex in reader.vertices.items():
            if node.notes is not None and node.notes.grad is not None:
                vertex.grad = statistics(node.notes.grad.data)
    graph = Graph(in_order(reader.vertices.values()) + reader.loose, roots, notes=[])
    if any(vertex.freed for vertex in graph.vertices):
        graph.notes.append(FREED)
    return graph


def in_order(recorded: Iterable[Vertex]) -> list[Vertex]:
    """Vertices by their serial numbers, each constant before its first use, every leaf in its module."""
    order: dict[Vertex, None] = {}
    for vertex in sorted(recorded, key=lambda v: v.serial):
        for operand in vertex.inputs:
            if operand.source is not None and operand.source.kind == "constant":
                order[operand.source] = None
        order[vertex] = None
    place_leaves(order)
    return list(order)


class Reader:
    """Makes vertices of nodes, each once, whenever they are met."""

    def __init__(self) -> None:
        self.vertices: dict[Node, Vertex] = {}
        self.arrays: dict[Node, Any] = {}  # the values that the graph happens to keep
        self.constants: dict[int, tuple[Vertex, Any]] = {}
        self.loose: list[Vertex] = []

    def add(self, nodes: Iterable[Node]) -> None:
        """Everything under the nodes that is not there yet."""
        new = {node: None for node in nodes if node not in self.vertices}
        stack = list(new)
        while stack:
            for parent in stack.pop().parents or ():
                if parent is not None and parent not in new and parent not in self.vertices:
                    new[parent] = None
                    stack.append(parent)
        for node in sorted(new, key=lambda n: n.serial):
            self.vertices[node] = self.vertex(node)

    def vertex(self, node: Node) -> Vertex:
        notes = node.notes
        vertex = Vertex(
            "leaf" if node.op is None else "op",
            node.shape,
            node.dtype,
            node.serial,
            node.op,
            None if notes is None else notes.name,
            node.scope,
            keywords={name: text(value) for name, value in node.kwargs.items()},
            out_saved=node.out is not None,
            freed=node.parents is None,
        )
        if node.out is not None:
            self.arrays[node] = node.out
        if node.parents is not None:
            vertex.inputs = [
                self.operand(parent, kept)
                for parent, kept in zip(node.parents, node.args, strict=True)
            ]
        return vertex

    def operand(self, parent: Node | None, kept: Any) -> Operand:
        """A slot of a call, from its node (None: a constant) and what the call keeps of it."""
        if parent is not None:
            if isinstance(kept, Spec):
                return Operand(self.vertices[parent])
            self.arrays[parent] = kept
            return Operand(self.vertices[parent], saved=True)
        if isinstance(kept, Spec):
            return Operand(Vertex("constant", kept.shape, kept.dtype))
        if isinstance(kept, np.ndarray) and kept.ndim:
            # One array given twice is one constant. It is held here, so that its id stays its own.
            vertex, _ = self.constants.setdefault(id(kept), (constant(kept), kept))
            return Operand(vertex, saved=True)
        return Operand(None, text(kept))


def constant(value: Any) -> Vertex:
    return Vertex("constant", value.shape, value.dtype)


def place_leaves(vertices: Iterable[Vertex]) -> None:
    """Put each named leaf that modules use into the innermost that holds all of those uses: a parameter.

    Uses outside of modules, such as a penalty on the weights, do not count.
    """
    users: dict[Vertex, list[Place]] = {}
    for vertex in vertices:
        for operand in vertex.inputs:
            leaf = operand.source
            if leaf is not None and leaf.kind in ("leaf", "parameter") and vertex.scope and leaf.name:
                path = list(vertex.scope.path)
                users[leaf] = _common(users[leaf], path) if leaf in users else path
    for leaf, shared in users.items():
        if shared:
            leaf.kind, leaf.scope = "parameter", shared[-1]


def _common(a: list[Place], b: list[Place]) -> list[Place]:
    n = 0
    while n < min(len(a), len(b)) and a[n] is b[n]:
        n += 1
    return a[:n]


def text(value: Any) -> str:
    """A number, an index, a shape or another plain argument, as one would write it, cut to a readable length."""
    written = _written(value)
    return written if len(written) <= LONG else written[: LONG - 1] + "…"


def _written(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        return f"array of shape {value.shape}"
    if isinstance(value, (np.generic, np.ndarray)):
        return str(value)
    if isinstance(value, slice):
        start, stop, step = ("" if v is None else _written(v) for v in _bounds(value))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if isinstance(value, (tuple, list)):
        shown = ", ".join(_written(v) for v in value[:LONG])
        if isinstance(value, list):
            return f"[{shown}]"
        return f"({shown},)" if len(value) == 1 else f"({shown})"
    if value is Ellipsis:
        return "..."
    if isinstance(value, type):
        return value.__name__
    return str(value)


def _bounds(value: slice) -> tuple[Any, Any, Any]:
    return value.start, value.stop, value.step
