"""Curves: the numbers of all steps, in a bounded number of points."""

import math
from collections.abc import Mapping
from typing import Any

from nn.dashboard.distributions import rounded

POINTS = 250  # at least so many, as soon as there are as many steps, and fewer than twice as many


class Curves:
    """Means of numbers over groups of consecutive steps, which grow as there are more steps."""

    def __init__(self) -> None:
        self.size = 1  # steps in a group
        self.steps = 0
        self._groups: list[dict[str, tuple[float, int]]] = []  # sums and counts by name

    def add(self, numbers: Mapping[str, float]) -> None:
        """Add the numbers of a step; those that are NaN or infinite are left out."""
        if self.steps % self.size == 0:
            if len(self._groups) == 2 * POINTS:
                self._merge()
            self._groups.append({})
        self.steps += 1
        group = self._groups[-1]
        for name, value in numbers.items():
            if math.isfinite(value):
                total, count = group.get(name, (0.0, 0))
                group[name] = total + value, count + 1

    def _merge(self) -> None:
        """Put two groups at a time together."""
        pairs = zip(self._groups[::2], self._groups[1::2])
        self._groups = [_together(a, b) for a, b in pairs]
        self.size *= 2

    def columns(self) -> dict[str, list[Any]]:
        """Return the mean of each group by name, and, as "step", the number of its last step."""
        ends = [min((k + 1) * self.size, self.steps) for k in range(len(self._groups))]
        names = dict.fromkeys(name for group in self._groups for name in group)
        means = {name: [_rounded_mean(group.get(name)) for group in self._groups] for name in names}
        return {"step": ends, **means}


def _together(
    a: dict[str, tuple[float, int]], b: dict[str, tuple[float, int]]
) -> dict[str, tuple[float, int]]:
    names = dict.fromkeys([*a, *b])
    pairs = {name: (a.get(name, (0.0, 0)), b.get(name, (0.0, 0))) for name in names}
    return {name: (x[0] + y[0], x[1] + y[1]) for name, (x, y) in pairs.items()}


def _rounded_mean(sums: tuple[float, int] | None) -> float | None:
    return None if sums is None else rounded(sums[0] / sums[1])
