"""Partial sums of gradients while contributions arrive, for nested backward passes too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorgrad.draw.model import Event, Vertex
from tensorgrad.draw.stats import Stats


@dataclass(slots=True)
class GradientSum:
    """The sum of the contributions that have arrived at a vertex so far."""

    g: Any  # None if no values are recorded
    last: Event
    count: int = 1

    def share(self, stats: Stats) -> None:
        """Let the last event have these statistics, with a histogram, if they equal its own."""
        last = self.last
        if last.accumulated == {k: v for k, v in stats.items() if k != "histogram"}:
            if last.contribution is last.accumulated:
                last.contribution = stats
            last.accumulated = stats


@dataclass(slots=True)
class Pass:
    """One backward pass: its incomplete gradients, and the vertex whose rules are being applied."""

    sums: dict[Vertex, GradientSum] = field(default_factory=dict)
    applied: Vertex | None = None
    slots: int = 0  # its operands whose rules have not been applied yet

    @property
    def unfinished(self) -> bool:
        return self.slots > 0 or any(vertex.op is not None for vertex in self.sums)


class Arrivals:
    """The running backward passes, nested where a rule runs its own, as a checkpoint's does.

    Contributions of an inner pass do not count in the outer one, which receives its result.
    """

    def __init__(self) -> None:
        self.passes = [Pass()]

    def begin(self) -> None:
        if self.passes[-1].unfinished:
            self.passes.append(Pass())

    @property
    def nested(self) -> bool:
        """True inside a pass that a rule of another pass runs."""
        return len(self.passes) > 1

    def apply_rule(self, vertex: Vertex, parents: Sequence[Any]) -> GradientSum | None:
        """Register that a rule was applied; at a vertex's first, return its complete gradient."""
        while len(self.passes) > 1 and not self._runs(vertex):
            self.passes.pop()  # the inner pass has ended
        now, complete = self.passes[-1], None
        if now.applied is not vertex:
            now.applied, complete = vertex, now.sums.pop(vertex, None)
            now.slots = sum(parent is not None for parent in parents)
        now.slots -= 1
        return complete

    def _runs(self, vertex: Vertex) -> bool:
        return vertex in self.passes[-1].sums or self.passes[-1].applied is vertex

    def add(self, vertex: Vertex, g: Any, event: Event) -> GradientSum:
        """Add a contribution; at a leaf, those of successive backward passes add up."""
        sums = self.passes[-1].sums
        if vertex in sums:
            total = sums[vertex]
            total.g = None if g is None else total.g + g
            total.count, total.last = total.count + 1, event
        else:
            sums[vertex] = GradientSum(g, event)
        return sums[vertex]

    def sum_of(self, vertex: Vertex) -> GradientSum | None:
        """Return the gradient of a vertex to which no rule was applied, such as a leaf's."""
        for part in reversed(self.passes):
            if vertex in part.sums:
                return part.sums[vertex]
        return None

    def forget(self, vertex: Vertex) -> None:
        """Let the next contribution begin a new sum."""
        for part in self.passes:
            part.sums.pop(vertex, None)
