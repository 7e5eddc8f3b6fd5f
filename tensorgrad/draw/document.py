"""The graph as the JSON document that the page reads.

Values that are null, false or empty are omitted. Statistics, sources and formulas are in tables and
are referred to by position or key, so that nothing is stored twice.
"""

import json
from collections import Counter
from typing import Any

from tensorgrad.draw.formulas import formula
from tensorgrad.draw.model import Event, Graph, Operand, Vertex
from tensorgrad.draw.sandbox import sandbox
from tensorgrad.draw.stats import Stats
from tensorgrad.engine.state import ScopePath

Document = dict[str, Any]


def document(
    graph: Graph,
    title: str | None = None,
    direction: str = "LR",
    depth: int | None = None,
    history: str | None = None,
) -> Document:
    """Return the whole graph, never folded, as plain dicts, lists, numbers and strings."""
    writer = Writer(graph)
    nodes = [writer.node(vertex) for vertex in graph.vertices]
    events = [writer.event(event) for event in graph.events]
    return {
        "format": "tensorgrad-graph",
        "version": 1,
        "title": title or "computation graph",
        "direction": "TB" if direction in ("TB", "BT") else "LR",
        **({} if depth is None else {"depth": depth}),
        **({"history": history} if history else {}),
        "roots": [writer.ids[root] for root in graph.roots],
        "notes": graph.notes,
        "stats": writer.stats,
        "sources": list(writer.sources),
        "formulas": writer.formulas,
        "modules": writer.modules,
        "nodes": nodes,
        "events": events,
        **({"lines": writer.lines(graph.lines)} if graph.lines else {}),
        "sandbox": sandbox(graph, writer.ids),
    }


class Writer:
    """A writer of nodes and events that fills the tables on its way."""

    def lines(self, lines: list[tuple[str, Vertex | None]]) -> list[dict[str, str]]:
        """Return lines of text, each with the node that it belongs to, if any."""
        return [
            {"text": text} if vertex is None else {"text": text, "node": self.ids[vertex]}
            for text, vertex in lines
        ]

    def __init__(self, graph: Graph) -> None:
        self.ids = graph.names()
        self.stats: list[Stats] = []
        self.positions: dict[int, int] = {}  # by the identity of the stats, which the graph holds
        self.sources: dict[str, int] = {}
        self.formulas: dict[str, dict[str, Any]] = {}
        self.keys: dict[tuple[str | None, ...], str] = {}  # by the content of the formula
        self.counts: Counter[str] = Counter()  # of formulas, by op
        self.modules: list[dict[str, Any]] = []
        self.places: dict[ScopePath, str] = {}
        for vertex in graph.vertices:  # operations only, because parameters are older than any call
            if vertex.op is not None:
                self.module(vertex.scope)

    def node(self, vertex: Vertex) -> dict[str, Any]:
        details = {
            "op": vertex.op and vertex.op.name,
            "name": vertex.name,
            "module": self.module(vertex.scope),
            "inputs": [self.operand(operand) for operand in vertex.inputs],
            "keywords": vertex.keywords,
            "out_saved": vertex.out_saved and not vertex.saves_residuals,
            "residuals_saved": vertex.out_saved and vertex.saves_residuals,
            "freed": vertex.freed,
            "path": vertex.path,
            "in_backward": vertex.in_backward,
            "formula": self.formula(vertex),
            "source": self.source(vertex.source),
            "value": self.statistics(vertex.value),
            "grad": self.statistics(vertex.grad),
            "forward_seconds": _microseconds(vertex.forward_seconds),
            "backward_seconds": _microseconds(vertex.backward_seconds),
        }
        required = {
            "id": self.ids[vertex],
            "kind": vertex.kind,
            "shape": list(vertex.shape),
            "dtype": str(vertex.dtype),
            "bytes": vertex.nbytes,
        }
        return required | _nonempty(details)

    def operand(self, operand: Operand) -> dict[str, Any]:
        if operand.source is None:
            return {"text": operand.text}
        return {"node": self.ids[operand.source]} | ({"saved": True} if operand.saved else {})

    def event(self, event: Event) -> dict[str, Any]:
        details = {
            "slot": event.slot,
            "to": None if event.to is None else self.ids[event.to],
            "contribution": self.statistics(event.contribution),
            "accumulated": self.statistics(event.accumulated),
            "grad": self.statistics(event.grad),
            "value": self.statistics(event.value),
            "seconds": _microseconds(event.seconds),
        }
        required = {
            "type": event.type,
            "node": self.ids[event.vertex],
            "live_bytes": event.live_bytes,
        }
        return required | {name: value for name, value in details.items() if value is not None}

    def statistics(self, stats: Stats | None) -> int | None:
        if stats is None:
            return None
        position = self.positions.setdefault(id(stats), len(self.stats))
        if position == len(self.stats):
            self.stats.append(stats)
        return position

    def source(self, source: str | None) -> int | None:
        return None if source is None else self.sources.setdefault(source, len(self.sources))

    def formula(self, vertex: Vertex) -> str | None:
        """Return the key of the formula of a call: its op's name, and a number from the second on.

        Calls of one op have several, because sums over broadcast axes are part of them. A call has
        none if backward has freed its inputs.
        """
        if vertex.op is None or vertex.freed:
            return None
        written = formula(vertex)
        content = written["text"], *written["operands"], *written["rules"]
        if content not in self.keys:
            same = self.counts[vertex.op.name]
            self.counts[vertex.op.name] += 1
            self.keys[content] = key = f"{vertex.op.name}{f' {same + 1}' if same else ''}"
            self.formulas[key] = written
        return self.keys[content]

    def module(self, place: ScopePath | None) -> str | None:
        if place is None:
            return None
        if place not in self.places:
            for part in place.path:
                if part not in self.places:
                    self.places[part] = f"m{len(self.modules)}"
                    outer = {} if part.outer is None else {"parent": self.places[part.outer]}
                    self.modules.append(
                        {"id": self.places[part], **outer, "name": part.name, "kind": part.kind}
                    )
        return self.places[place]


def _nonempty(details: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in details.items() if v or (v == 0 and v is not False)}


def _microseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 7)


def encoded(data: Document) -> str:
    """Encode the document as JSON, in which NaN and infinity are already strings."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
