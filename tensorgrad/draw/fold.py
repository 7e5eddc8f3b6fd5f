"""Groups of vertices, for a graph that is too large to draw or is drawn down to a given depth."""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from tensorgrad.draw.model import Graph, Vertex
from tensorgrad.engine.state import ScopePath

RANKS = 40  # the longest path, in nodes, of a picture that modules need not be closed for
STRIP = 120  # the longest path of a picture that closing modules does not shorten enough
STRETCHES = 16  # the number of groups for a graph without enough modules


@dataclass(slots=True, eq=False)
class Group:
    """Vertices drawn as one node."""

    scope: ScopePath | None  # the module around it
    members: list[Vertex] = field(default_factory=list)
    places: list[ScopePath] = field(default_factory=list)  # the modules closed in it, if any

    @property
    def title(self) -> str:
        if not self.places:
            ops = Counter(v.op.name for v in self.members if v.op is not None).most_common(4)
            return ", ".join(name for name, _ in ops[:3]) + (", …" if len(ops) > 3 else "")
        first, last = self.places[0], self.places[-1]
        if first is last:
            return f"{first.name} {first.kind}".strip()
        names = f"{first.name} … {last.name} " if first.name and last.name else ""
        return f"{names}{first.kind} ×{len(self.places)}"

    @property
    def operations(self) -> int:
        return sum(v.kind == "op" for v in self.members)

    @property
    def parameters(self) -> int:
        """The number of elements in its parameters."""
        return sum(
            v.nbytes // v.dtype.itemsize for v in self.members if v.kind in ("parameter", "leaf")
        )


Item = Vertex | Group


@dataclass(slots=True, eq=False)
class Edge:
    """One operand of a call, or all operands between two items of which at least one is a group."""

    tail: Item
    head: Item
    slot: int | None
    saved: bool = False
    count: int = 1


@dataclass(slots=True, eq=False)
class View:
    """The items to draw, in recording order, and the edges between them."""

    items: list[Item]
    edges: list[Edge]
    owner: dict[Vertex, Item]
    notes: list[str]


def view(graph: Graph, depth: int | None, max_nodes: int) -> View:
    """Close the modules below `depth`, and more of them if there are too many nodes.

    Without a `depth`, modules are also closed to shorten a graph that would be a long strip.
    """
    levels = {v: 0 if v.scope is None else len(v.scope.path) for v in graph.vertices}
    deepest = max(levels.values(), default=0)
    wanted = deepest if depth is None else min(depth, deepest)

    def fits(level: int, ranks: int = RANKS) -> bool:
        owner = _close(graph, levels, level, False)
        length = 0 if depth is not None else _length(graph, owner)
        return len(set(owner.values())) <= max_nodes and length <= ranks

    shown = _largest(wanted, fits)
    if shown is None:
        shown = _largest(wanted, lambda level: fits(level, STRIP))
    notes = list(graph.notes)
    if shown is None:
        owner = _cut(graph)
        notes.append(
            f"{_operations(graph)} are too many to draw: operations that were recorded one after "
            "another are drawn as one node. save('graph.html') shows them all"
        )
    else:
        owner = _close(graph, levels, shown, True)
        if shown < wanted:
            notes.append(
                f"{_operations(graph)} are too many to draw: modules below level {shown} are "
                "closed. save('graph.html') shows them all"
            )
    return View(list(dict.fromkeys(owner.values())), _edges(graph, owner), owner, notes)


def _operations(graph: Graph) -> str:
    return f"{sum(v.kind == 'op' for v in graph.vertices):,} operations"


def _largest(top: int, good: Callable[[int], bool]) -> int | None:
    """Return the largest good level up to `top`, if every level below a good one is good."""
    if good(top):
        return top
    low, high = -1, top
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if good(middle) else (low, middle)
    return None if low < 0 else low


def _length(graph: Graph, owner: dict[Vertex, Item]) -> int:
    """Return the number of items on the longest path."""
    ranks = dict.fromkeys(owner.values(), 1)
    for vertex in graph.vertices:
        item = owner[vertex]
        for operand in vertex.inputs:
            if operand.source is not None and owner[operand.source] is not item:
                ranks[item] = max(ranks[item], ranks[owner[operand.source]] + 1)
    return max(ranks.values(), default=0)


def _close(
    graph: Graph, levels: dict[Vertex, int], level: int, repeats: bool
) -> dict[Vertex, Item]:
    """Map every vertex to the item that shows it if modules deeper than `level` are closed."""
    owner: dict[Vertex, Item] = {}
    groups: dict[ScopePath, Group] = {}
    for vertex in graph.vertices:
        if levels[vertex] <= level or vertex.scope is None:
            owner[vertex] = vertex
            continue
        place = vertex.scope.path[level]
        group = groups.setdefault(place, Group(place.outer, [], [place]))
        group.members.append(vertex)
        owner[vertex] = group
    if repeats:
        _merge_repeated(graph, owner)
    return owner


def _merge_repeated(graph: Graph, owner: dict[Vertex, Item]) -> None:
    """Draw identical modules as one if they run in succession, with no operation between them."""
    runs: list[Item] = []
    for vertex in graph.vertices:
        if vertex.kind == "op" and (not runs or runs[-1] is not owner[vertex]):
            runs.append(owner[vertex])
    times = Counter(runs)
    growing: Group | None = None
    pattern: Hashable = None
    for item in runs:
        if not isinstance(item, Group) or times[item] > 1:
            growing = None
            continue
        own = item.scope, item.places[0].kind, signature(item)
        if growing is None or own != pattern:
            growing, pattern = item, own
            continue
        growing.members += item.members
        growing.places += item.places
        owner |= dict.fromkeys(item.members, growing)


def signature(group: Group) -> Hashable:
    """Return a description of what a module computes, without its position and names."""
    inside = {vertex: i for i, vertex in enumerate(group.members)}
    return tuple(
        (
            v.kind,
            v.op,
            v.shape,
            v.dtype,
            tuple(v.keywords.items()),
            tuple((inside.get(o.source, -1) if o.source else o.text) for o in v.inputs),
        )
        for v in group.members
    )


def _cut(graph: Graph) -> dict[Vertex, Item]:
    """Cut the recording order into groups, and leave the last few vertices as they are.

    Groups of neighbours in a topological order form an acyclic picture of any graph.
    """
    order: dict[Vertex, None] = {}  # every leaf just before its first use
    for vertex in graph.vertices:
        if vertex.op is not None or vertex in graph.roots:
            for operand in vertex.inputs:
                if operand.source is not None:
                    order[operand.source] = None
            order[vertex] = None
    vertices = list(order)
    ends = vertices[-STRETCHES // 2 :]
    rest = vertices[: -STRETCHES // 2]
    owner: dict[Vertex, Item] = {}
    size = -(-len(rest) // STRETCHES)
    for start in range(0, len(rest), size):
        group = Group(None, rest[start : start + size])
        owner |= dict.fromkeys(group.members, group)
    return owner | {vertex: vertex for vertex in ends}


def _edges(graph: Graph, owner: dict[Vertex, Item]) -> list[Edge]:
    edges: list[Edge] = []
    bundles: dict[tuple[Item, Item], Edge] = {}
    for head in graph.vertices:
        for slot, operand in enumerate(head.inputs):
            if operand.source is None:
                continue
            a, b = owner[operand.source], owner[head]
            if isinstance(a, Vertex) and isinstance(b, Vertex):
                edges.append(Edge(a, b, slot, operand.saved))
            elif a is not b and (a, b) in bundles:
                bundles[a, b].count += 1
            elif a is not b:
                bundles[a, b] = Edge(a, b, None)
                edges.append(bundles[a, b])
    return edges
