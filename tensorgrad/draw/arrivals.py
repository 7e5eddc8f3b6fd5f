"""Gradients while their contributions arrive, also when one backward runs inside another."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorgrad.draw.model import Event, Vertex


@dataclass(slots=True)
class GradientSum:
    """What has arrived at a vertex so far."""

    g: Any  # None if no values are recorded
    last: Event
    count: int = 1


@dataclass(slots=True)
class Pass:
    """One backward: the gradients that are not complete, and whose rules are being applied."""

    sums: dict[Vertex, GradientSum] = field(default_factory=dict)
    applied: Vertex | None = None
    slots: int = 0  # of its operands, those whose rules were not applied yet

    @property
    def unfinished(self) -> bool:
        return self.slots > 0 or any(vertex.op is not None for vertex in self.sums)


class Arrivals:
    """The backwards that run: a rule can run one of its own, as that of a checkpoint does.

    What arrives in an inner one is not counted in the outer one, to which its result goes.
    """

    def __init__(self) -> None:
        self.passes = [Pass()]

    def begin(self) -> None:
        if self.passes[-1].unfinished:
            self.passes.append(Pass())

    def turn(self, vertex: Vertex, parents: Sequence[Any]) -> GradientSum | None:
        """A rule of the vertex was applied; if it is its first, the complete gradient there."""
        while len(self.passes) > 1 and not self._runs(vertex):
            self.passes.pop()  # the inner one has ended
        now, complete = self.passes[-1], None
        if now.applied is not vertex:
            now.applied, complete = vertex, now.sums.pop(vertex, None)
            now.slots = sum(parent is not None for parent in parents)
        now.slots -= 1
        return complete

    def _runs(self, vertex: Vertex) -> bool:
        return vertex in self.passes[-1].sums or self.passes[-1].applied is vertex

    def add(self, vertex: Vertex, g: Any, event: Event) -> GradientSum:
        """One more contribution; leaves add up over backwards that follow one another."""
        sums = self.passes[-1].sums
        if vertex in sums:
            there = sums[vertex]
            there.g = None if g is None else there.g + g
            there.count, there.last = there.count + 1, event
        else:
            sums[vertex] = GradientSum(g, event)
        return sums[vertex]

    def left(self) -> dict[Vertex, GradientSum]:
        """What arrived where no rule was applied afterwards: in leaves, and in targets."""
        sums: dict[Vertex, GradientSum] = {}
        for part in self.passes:
            sums |= part.sums
        return sums
