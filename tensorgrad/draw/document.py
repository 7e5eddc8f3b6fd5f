"""The graph as the JSON document that the page reads.

Whatever would be null, false or empty is left out. Statistics, sources and formulas stand in tables
and are referred to, so that what is told twice is stored once.
"""

import json
from typing import Any

from tensorgrad.draw.formulas import formula
from tensorgrad.draw.model import Event, Graph, Operand, Vertex
from tensorgrad.draw.stats import Stats
from tensorgrad.engine.state import ScopePath

Document = dict[str, Any]


def document(
    graph: Graph, title: str | None = None, direction: str = "LR", depth: int | None = None
) -> Document:
    """The graph as plain data: dicts, lists, numbers and strings, all of it and never folded."""
    writer = Writer(graph)
    nodes = [writer.node(vertex) for vertex in graph.vertices]
    events = [writer.event(event) for event in graph.events]
    return {
        "format": "tensorgrad-graph",
        "version": 1,
        "title": title or "computation graph",
        "direction": "TB" if direction in ("TB", "BT") else "LR",
        **({} if depth is None else {"depth": depth}),
        "roots": [writer.ids[root] for root in graph.roots],
        "notes": graph.notes,
        "stats": writer.stats,
        "sources": list(writer.sources),
        "formulas": writer.formulas,
        "modules": writer.modules,
        "nodes": nodes,
        "events": events,
    }


class Writer:
    """Fills the tables while nodes and events are written."""

    def __init__(self, graph: Graph) -> None:
        self.ids = graph.names()
        self.stats: list[Stats] = []
        self.positions: dict[int, int] = {}  # by the identity of the stats, which the graph holds
        self.sources: dict[str, int] = {}
        self.formulas: dict[str, dict[str, Any]] = {}
        self.keys: dict[Any, str] = {}
        self.modules: list[dict[str, Any]] = []
        self.places: dict[ScopePath, str] = {}
        for vertex in graph.vertices:  # in the order of their calls: parameters are older
            if vertex.op is not None:
                self.module(vertex.scope)

    def node(self, vertex: Vertex) -> dict[str, Any]:
        told = {
            "op": vertex.op and vertex.op.name,
            "name": vertex.name,
            "module": self.module(vertex.scope),
            "inputs": [self.operand(operand) for operand in vertex.inputs],
            "keywords": vertex.keywords,
            "out_saved": vertex.out_saved and not vertex.keeps,
            "kept": vertex.out_saved and vertex.keeps,
            "freed": vertex.freed,
            "formula": self.formula(vertex),
            "source": self.source(vertex.source),
            "value": self.statistics(vertex.value),
            "grad": self.statistics(vertex.grad),
            "forward_seconds": _microseconds(vertex.forward_seconds),
            "backward_seconds": _microseconds(vertex.backward_seconds),
        }
        fixed = {
            "id": self.ids[vertex],
            "kind": vertex.kind,
            "shape": list(vertex.shape),
            "dtype": str(vertex.dtype),
            "bytes": vertex.nbytes,
        }
        return fixed | _given(told)

    def operand(self, operand: Operand) -> dict[str, Any]:
        if operand.source is None:
            return {"text": operand.text}
        return {"node": self.ids[operand.source]} | ({"saved": True} if operand.saved else {})

    def event(self, event: Event) -> dict[str, Any]:
        told = {
            "slot": event.slot,
            "to": None if event.to is None else self.ids[event.to],
            "contribution": self.statistics(event.contribution),
            "accumulated": self.statistics(event.accumulated),
            "grad": self.statistics(event.grad),
            "seconds": _microseconds(event.seconds),
        }
        fixed = {"type": event.type, "node": self.ids[event.vertex], "live_bytes": event.live_bytes}
        return fixed | {name: value for name, value in told.items() if value is not None}

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
        """The key of its op's formula; two ops of one name have two keys."""
        op = vertex.op
        if op is None:
            return None
        if op not in self.keys:
            key = op.name
            while key in self.formulas:
                key += "'"
            self.keys[op] = key
            self.formulas[key] = formula(op)
        return self.keys[op]

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


def _given(told: dict[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in told.items() if v or (v == 0 and v is not False)}


def _microseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 7)


def encoded(data: Document) -> str:
    """As JSON. Numbers that are not finite have been made words before."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
