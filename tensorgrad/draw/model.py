"""The graph as plain records, which describe each node but hold neither arrays nor nodes."""

import functools
import itertools
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tensorgrad.draw.stats import Stats, statistics
from tensorgrad.engine.node import NAMES, Node, ShapeDtype
from tensorgrad.engine.state import ScopePath
from tensorgrad.operands import as_ndarray
from tensorgrad.rules import Op

MOST_NUMBERS = 2000  # that the page's sandbox computes from
LONG = 40  # the largest number of characters for a keyword or an index


@dataclass(slots=True, eq=False)
class Operand:
    """An argument in one slot of a call: another vertex, or a number, index or shape as text."""

    source: "Vertex | None"
    text: str = ""
    saved: bool = False  # its array is saved for backward


@dataclass(slots=True, eq=False)
class Vertex:
    """A description of one node."""

    kind: str  # "op", "parameter", "leaf", "constant"
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    serial: int = -1  # its position in recording order; a constant has none
    op: Op | None = None
    name: str | None = None
    scope: ScopePath | None = None
    inputs: list[Operand] = field(default_factory=list)
    keywords: dict[str, str] = field(default_factory=dict)
    out_saved: bool = False
    freed: bool = False  # a backward pass has freed its inputs
    value: Stats | None = None
    grad: Stats | None = None
    source: str | None = None
    path: str = ""  # of a parameter that several calls of a module share: the module's
    in_backward: bool = False  # recorded by the rules of a backward pass
    forward_seconds: float | None = None
    backward_seconds: float | None = None
    numbers: np.ndarray | None = None  # of an input or constant: its first value, if it is small
    unrecorded: str = ""  # the function without gradient whose result is an argument

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=int)) * self.dtype.itemsize

    @property
    def saves_residuals(self) -> bool:
        """True if it saves intermediate results for backward in place of its output."""
        return self.op is not None and self.op.residuals is not None


@dataclass(slots=True, eq=False)
class Event:
    """A step of a traced run."""

    type: str  # "forward", "seed", "backward", "leaf" (.grad), "update" (values), "zero" (no .grad)
    vertex: Vertex
    live_bytes: int  # of the arrays made since the trace began that are alive after this step
    seconds: float | None = None
    slot: int | None = None  # backward: the gradient leaves through this slot of the vertex
    to: Vertex | None = None  # … and flows to this vertex
    contribution: Stats | None = None
    accumulated: Stats | None = None  # the sum of the contributions, up to this one
    grad: Stats | None = None  # leaf: its .grad
    value: Stats | None = None  # update: its new values
    numbers: np.ndarray | None = None  # seed: the gradient that backward started from, if small
    inner: bool = False  # seed: of a pass that a rule runs, as a checkpoint's does


@dataclass(slots=True, eq=False)
class Graph:
    """Vertices in recording order, each after its inputs, and the roots that were requested."""

    vertices: list[Vertex]
    roots: list[Vertex]
    notes: list[str]
    events: list[Event] = field(default_factory=list)  # of a trace, in time order
    lines: list[tuple[str, Vertex | None]] = field(default_factory=list)  # of text beside it

    def names(self) -> dict[Vertex, str]:
        """Name recorded vertices n0, n1, … and constants c0, c1, …, the same in every run."""
        counts = {"n": 0, "c": 0}
        ids = {}
        for vertex in self.vertices:
            letter = "c" if vertex.kind == "constant" else "n"
            ids[vertex] = f"{letter}{counts[letter]}"
            counts[letter] += 1
        return ids


FREED = (
    "backward has freed the inputs of the dotted nodes: draw before backward, call "
    "backward(retain_graph=True), or run both inside `with tensorgrad.trace() as t:` and t.draw()"
)


def read_graph(
    outputs: list[tuple[Node | None, Any]], also: Iterable[Node], *, values: bool, grads: bool
) -> Graph:
    """Read the graph under outputs, given as nodes (None: a constant) with values, and other nodes.

    Takes linear time, without recursion.
    """
    reader = Reader(values)
    roots = []
    for node, value in outputs:
        root = reader.constant(value) if node is None else reader.add(node)
        reader.add_value(root, value)
        roots.append(root)
    for node in also:
        reader.parameter(node)
    if grads:
        for node, vertex in reader.nodes:
            if node.extras is not None and node.extras.grad is not None:
                vertex.grad = statistics(node.extras.grad.data)
    return assembled([*reader.vertices.values()], roots)


def assembled(recorded: Iterable[Vertex], roots: list[Vertex]) -> Graph:
    """Sort vertices by serial number, put constants before their use, and leaves into modules."""
    order: dict[Vertex, None] = {}
    for vertex in sorted(recorded, key=lambda v: v.serial):
        for operand in vertex.inputs:
            if operand.source is not None and operand.source.kind == "constant":
                order[operand.source] = None
        order[vertex] = None
    order |= dict.fromkeys(roots)
    place_leaves(order)
    return Graph(list(order), roots, [FREED] if any(vertex.freed for vertex in order) else [])


class Reader:
    """A converter of nodes to vertices; with `values`, it also takes statistics of their arrays."""

    def __init__(self, values: bool) -> None:
        self.values = values
        self.vertices: dict[int, Vertex] = {}  # by serial number
        self.nodes: list[tuple[Node, Vertex]] = []
        # Constants by the id of their array; the reference shows if the id still means that array.
        self.constants: dict[int, tuple[Vertex, weakref.ref[np.ndarray]]] = {}

    def add(self, node: Node) -> Vertex:
        """Return the vertex of a node, after converting everything under it."""
        if node.serial in self.vertices:
            return self.vertices[node.serial]
        new = {node: None}
        stack = [node]
        while stack:
            for parent in stack.pop().parents or ():
                if parent is not None and parent not in new and parent.serial not in self.vertices:
                    new[parent] = None
                    stack.append(parent)
        for part in sorted(new, key=lambda n: n.serial):
            self.nodes.append((part, self.vertex(part)))
        return self.vertices[node.serial]

    def vertex(self, node: Node, given: Sequence[Any] | None = None) -> Vertex:
        """Convert a node whose parents are converted; `given` are its arguments, if known."""
        vertex = self.vertices[node.serial] = Vertex(
            "leaf" if node.op is None else "op",
            node.shape,
            node.dtype,
            node.serial,
            node.op,
            NAMES.get(node),
            node.scope,
            keywords={name: text(value) for name, value in node.kwargs.items()},
            out_saved=node.out is not None,
            freed=node.parents is None,
        )
        if node.out is not None and not vertex.saves_residuals:
            self.add_value(vertex, node.out)
        if node.parents is not None:
            slots = zip(node.parents, node.args, given or node.args, strict=True)
            vertex.inputs = [self.operand(*slot) for slot in slots]
        return vertex

    def operand(self, parent: Node | None, residual: Any, given: Any) -> Operand:
        """Convert a slot of a call: its node (None: a constant), what is saved, and its value."""
        saved = not isinstance(residual, ShapeDtype)
        if parent is None and not (isinstance(given, (ShapeDtype, np.ndarray)) and given.ndim):
            return Operand(None, text(given))
        source = self.constant(given) if parent is None else self.vertices[parent.serial]
        if not isinstance(given, ShapeDtype):
            self.add_value(source, given)
        return Operand(source, saved=saved)

    def constant(self, given: Any) -> Vertex:
        """Return the vertex of a constant; an array given to several calls is one constant."""
        vertex, array = self.constants.get(id(given), (None, None))
        if vertex is None or array is None or array() is not given:
            vertex = Vertex("constant", given.shape, given.dtype)
            if isinstance(given, np.ndarray):
                self.constants[id(given)] = (vertex, weakref.ref(given))
                vertex.name = NAMES.get(given)
        return vertex

    def parameter(self, node: Node) -> None:
        """Add a leaf that belongs to a module, used or not."""
        self.add(node).kind = "parameter"

    def add_value(self, vertex: Vertex, value: Any) -> None:
        """Add the statistics of a value, if values are wanted and the vertex has none."""
        if self.values and vertex.value is None:
            vertex.value = statistics(value)
            if vertex.op is None:
                vertex.numbers = small_copy(value)


def small_copy(value: Any) -> np.ndarray | None:
    """Return a copy of an array, from which the page can compute again; None if it is large."""
    x = as_ndarray(value)
    return x.copy() if x.size <= MOST_NUMBERS else None


Path = tuple[ScopePath, ...]


def place_leaves(vertices: Iterable[Vertex]) -> None:
    """Place parameters in the innermost module that contains all their uses.

    A module lists its parameters. In a part of the program that does not, they are the named leaves
    that nothing outside of it uses. Uses outside any module, such as a penalty on the
    weights, do not move a parameter.
    """
    uses: dict[Vertex, dict[Path, None]] = {}
    for vertex in vertices:
        path = () if vertex.scope is None else vertex.scope.path
        for operand in vertex.inputs:
            if operand.source is not None and operand.source.kind in ("leaf", "parameter"):
                uses.setdefault(operand.source, {})[path] = None
    listed: dict[ScopePath, set[int] | None] = {}
    for leaf, paths in uses.items():
        if homes := _homes(leaf, list(paths), listed):
            leaf.kind = "parameter"
            if shared := functools.reduce(_common, homes):
                leaf.scope = shared[-1]
            else:  # its module was called several times, or several modules have it
                leaf.path = ".".join(part.name or part.kind for part in homes[0])


def _homes(leaf: Vertex, paths: list[Path], listed: dict[ScopePath, set[int] | None]) -> list[Path]:
    """Return those of the paths under which a leaf is used as a parameter."""
    for part in itertools.chain(*paths):
        if part not in listed:
            listed[part] = _own_serials(part)
    known = [path for path in paths if any(listed[part] is not None for part in path)]
    if known:
        return [p for p in known if any(leaf.serial in (listed[part] or ()) for part in p)]
    if not leaf.name or () in paths:
        return []
    names = {tuple((part.name, part.kind) for part in path) for path in paths}
    return paths if len(names) == 1 or functools.reduce(_common, paths) else []


def _own_serials(part: ScopePath) -> set[int] | None:
    """Return the serial numbers of the parameters that a part lists; None if it lists none."""
    own = None if part.parameters is None else part.parameters()
    return None if own is None else {p.node.serial for p in own if p.node is not None}


def _common(a: Path, b: Path) -> Path:
    n = 0
    while n < min(len(a), len(b)) and a[n] is b[n]:
        n += 1
    return a[:n]


def text(value: Any) -> str:
    """Write a number, index, shape or other plain argument as Python does, not too long."""
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
