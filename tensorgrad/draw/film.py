"""Films: the stepping through a run as an animated picture, one moment for each event."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tensorgrad.draw.dot import call_text
from tensorgrad.draw.film_layout import CARD, is_input, placed
from tensorgrad.draw.fold import Edge, Item, Vertex, view
from tensorgrad.draw.model import Event, Graph
from tensorgrad.draw.stats import Stats, stats_text

# The height of a film in its own pixels; others are larger or smaller pictures of it.
PICTURE_LINES = 720.0
HEAD, FOOT, EDGE = 56.0, 92.0, 26.0  # heights of title and narration; space around the graph
# Scales of cards; a graph that needs a smaller one is followed.
LARGEST_SCALE, SMALLEST_SCALE = 1.5, 0.92
CARDS = 60  # at most; of larger graphs modules are closed
MOMENTS = 400  # at most; of longer runs events are left out
FEW_NUMBERS = 4  # numbers that stand on a card


class Look(NamedTuple):
    """The text on a card, and its state: "waiting", "done" or "now"."""

    title: str
    value: str
    grad: str
    state: str


@dataclass(eq=False)
class Card:
    """A node or a closed module: its place, and its look at each moment."""

    kind: str  # "op", "parameter", "leaf", "constant" or "group"
    x: float
    y: float
    looks: list[Look] = field(default_factory=list)


@dataclass(eq=False)
class Wire:
    """An edge: a curve of four points, and its state at each moment."""

    points: tuple[tuple[float, float], ...]
    states: list[str] = field(default_factory=list)  # "waiting", "forward" or "backward"


@dataclass
class Moment:
    """The words of a moment, and the place where something moves."""

    phase: str
    said: str
    wire: Wire | None = None  # along which a gradient moves, from its end to its begin
    camera: tuple[float, float] = (0.0, 0.0)  # the place of the graph's corner in the picture


@dataclass(eq=False)
class Film:
    """Cards, wires and moments, in pixels of a picture of 720 lines."""

    title: str
    width: float
    scale: float
    cards: list[Card]
    wires: list[Wire]
    moments: list[Moment]


def film_of(graph: Graph, title: str | None, depth: int | None, ratio: float) -> Film:
    """Make the film of a traced run, for pictures of this ratio of width to height.

    Raises: ValueError if the graph has no events.
    """
    if not graph.events:
        raise ValueError(
            "a film shows the events of a run, and this graph has none; draw it from a trace: "
            "`with tensorgrad.trace() as t:` and t.draw().animate(path)"
        )
    folded = view(graph, depth, CARDS)
    width = PICTURE_LINES * ratio
    room = width - 2 * EDGE, PICTURE_LINES - HEAD - FOOT - 2 * EDGE
    places, size = placed(folded.items, folded.edges, room[0])
    fitting = min(room[0] / size[0], room[1] / size[1], LARGEST_SCALE)
    story = Story(graph, folded.owner, folded.edges, places)
    film = Film(
        title or "computation graph",
        width,
        max(fitting, SMALLEST_SCALE),
        story.cards(),
        story.wires(),
        [],
    )
    story.tell(film)
    _follow(film, size, room)
    return film


class Story:
    """The events of a run, told one after another on the cards and wires."""

    def __init__(
        self, graph: Graph, owner: dict[Vertex, Item], edges: list[Edge], places: Any
    ) -> None:
        self.events, self.owner, self.edges = graph.events, owner, edges
        self.card = {
            item: Card(item.kind if isinstance(item, Vertex) else "group", *place)
            for item, place in places.items()
        }
        self.wire = {}
        for edge in edges:
            a, b = places[edge.tail], places[edge.head]
            self.wire[edge.tail, edge.head] = Wire(_curve(a, b))
        self.values: dict[Item, tuple[Vertex, Stats | None]] = {
            item: (item, item.value)
            for item in places
            if is_input(item) and isinstance(item, Vertex)
        }
        self.grads: dict[Item, tuple[Vertex, Stats | None]] = {}
        self.backward: set[tuple[Item, Item]] = set()

    def cards(self) -> list[Card]:
        return list(self.card.values())

    def wires(self) -> list[Wire]:
        return list(self.wire.values())

    def tell(self, film: Film) -> None:
        """Add the moments to a film: one before the first event, and one after each."""
        count = len(self.events)
        kept = {round(k * count / MOMENTS) for k in range(MOMENTS + 1)} if count > MOMENTS else None
        self._show(None)
        film.moments.append(Moment("forward", "Before the first operation"))
        for k, event in enumerate(self.events, 1):
            self._happen(event)
            if kept is None or k in kept:
                self._show(event)
                film.moments.append(self._moment(event))

    def _happen(self, event: Event) -> None:
        """Change the values and gradients as an event does."""
        item = self.owner[event.vertex]
        if event.type == "forward":
            self.values[item] = event.vertex, event.vertex.value
        elif event.type == "update":
            self.values[item] = event.vertex, event.value
        elif event.type == "zero":
            self.grads.pop(item, None)
        elif event.type == "leaf":
            self.grads[item] = event.vertex, event.grad
        else:
            to = event.to or event.vertex
            self.grads[self.owner.get(to, item)] = to, event.accumulated
            if event.to in self.owner:
                self.backward.add((self.owner[event.to], item))

    def _show(self, event: Event | None) -> None:
        """Give each card and wire its look after an event."""
        now = set() if event is None else {self.owner.get(v) for v in (event.to or event.vertex,)}
        for item, card in self.card.items():
            state = "now" if item in now else "done" if item in self.values else "waiting"
            value = _on_card(*self.values[item]) if item in self.values else ""
            grad = _on_card(*self.grads[item]) if item in self.grads else ""
            card.looks.append(
                Look(_title(item), value, f"∂ {grad}" if item in self.grads else "", state)
            )
        for ends, wire in self.wire.items():
            known = ends[0] in self.values and ends[1] in self.values
            wire.states.append(
                "backward" if ends in self.backward else "forward" if known else "waiting"
            )

    def _moment(self, event: Event) -> Moment:
        to = None if event.to is None else self.owner.get(event.to)
        item = self.owner[event.vertex]
        phases = {"forward": "forward", "update": "update", "zero": "update"}
        wire = None if to is None else self.wire.get((to, item))
        said = said_of(event, _name(item), _name(to))
        return Moment(phases.get(event.type, "backward"), said, wire)


def said_of(event: Event, name: str, to: str) -> str:
    """Say what an event does, as the page does."""
    shape = (event.to or event.vertex).shape
    numbers = {"leaf": event.grad, "update": event.value, "forward": event.vertex.value}
    stats = numbers.get(event.type, event.contribution)
    text = "" if stats is None else stats_text(stats, shape).replace("-", "−")
    if event.type == "forward":
        return f"Forward: {name} is computed{text and ': ' + text}"
    if event.type == "seed":
        return f"Backward starts at {name}{text and ' with ' + text}"
    if event.type == "leaf":
        return f"{name}.grad is written{text and ': ' + text}"
    if event.type == "update":
        return f"Update: {name} gets new values{text and ': ' + text}"
    if event.type == "zero":
        return f"zero_grad: {name}.grad is cleared"
    return f"Backward: {name} sends {text or 'a gradient'}{to and ' to ' + to}"


def _title(item: Item) -> str:
    if not isinstance(item, Vertex):
        return item.title
    if item.op is None:
        return _name(item)
    return " = ".join(filter(None, (item.name, call_text(item))))


def _name(item: Item | None) -> str:
    """Name an item in a sentence, a leaf with its module."""
    if not isinstance(item, Vertex):
        return "" if item is None else item.title
    if item.op is not None:
        return item.name or call_text(item)
    module = item.path or (item.scope.name if item.scope is not None else "")
    return ".".join(filter(None, (module, item.name))) or item.kind


def _on_card(vertex: Vertex, stats: Stats | None) -> str:
    """Write an array's few numbers, or its mean and deviation, or its shape if none are known."""
    if stats is None:
        return str(vertex.shape)
    if stats["size"] <= FEW_NUMBERS or "mean" not in stats:
        return stats_text(stats, vertex.shape).replace("-", "−")
    return f"{stats['mean']:.2g} ± {stats.get('std', 0.0):.2g}".replace("-", "−")


def _curve(a: tuple[float, float], b: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    """Return the curve from the right side of one card to the left side of another."""
    x0, y0, x1, y1 = a[0] + CARD[0], a[1] + CARD[1] / 2, b[0], b[1] + CARD[1] / 2
    bend = max(26.0, abs(x1 - x0) / 2) if x1 > x0 else 70.0
    return (x0, y0), (x0 + bend, y0), (x1 - bend, y1), (x1, y1)


def _follow(film: Film, size: tuple[float, float], room: tuple[float, float]) -> None:
    """Place the graph in the middle of each picture, or so that what happens is in sight."""
    begins = EDGE, HEAD + EDGE
    corner = [
        begin + (space - film.scale * length) / 2
        for begin, space, length in zip(begins, room, size)
    ]
    corner = [max(c, begin) for c, begin in zip(corner, begins)]
    for k, moment in enumerate(film.moments):
        for card in film.cards:
            if card.looks[k].state == "now":
                for axis, (at, begin) in enumerate(zip((card.x, card.y), begins)):
                    near, far = (
                        begin - film.scale * at,
                        begin + room[axis] - film.scale * (at + CARD[axis]),
                    )
                    if film.scale * size[axis] > room[axis]:
                        corner[axis] = min(max(corner[axis], near), far)
        moment.camera = corner[0], corner[1]


def moments_at(film: Film, seconds: float, rate: float) -> Iterator[tuple[int, float]]:
    """Yield for each frame its moment and, from 0 to 1, how much of it is over."""
    frames = max(1, round(seconds * rate))
    for frame in range(frames):
        at = frame / frames * len(film.moments)
        yield int(at), at - int(at)
