"""Results of functions without a gradient, such as comparisons, that later calls get as arguments.

The graph has them as constants. But they change with the inputs that they were computed from, so a
page that computes the graph again must know them.
"""

import weakref
from typing import Any

import numpy as np

from tensorgrad.engine.base import needs_grad, unwrap
from tensorgrad.engine.record import name_of

MOST_SCALARS = 10_000  # which cannot be referred to weakly, and are held


class UnrecordedResults:
    """The results that depend on recorded tensors, with the name of the function."""

    def __init__(self) -> None:
        self.arrays: dict[int, tuple[weakref.ref[np.ndarray], str]] = {}
        self.scalars: dict[int, tuple[Any, str]] = {}

    def note(self, function: Any, args: Any, result: Any) -> None:
        """Register a result, if a tensor with a gradient or an earlier result is among the args."""
        if needs_grad(args) or self.among(_flat(unwrap(args))):
            for part in _flat(result):
                self._add(unwrap(part), name_of(function))

    def _add(self, value: Any, name: str) -> None:
        if isinstance(value, np.ndarray):
            self.arrays[id(value)] = weakref.ref(value), name
        elif isinstance(value, np.generic) and len(self.scalars) < MOST_SCALARS:
            self.scalars[id(value)] = value, name

    def among(self, values: Any) -> str:
        """Return the name of the function that computed one of the values; "" if none did."""
        for value in values:
            reference, name = self.arrays.get(id(value), (None, ""))
            if reference is not None and reference() is value:
                return name
            held, name = self.scalars.get(id(value), (None, ""))
            if held is not None and held is value:
                return name
        return ""


def _flat(value: Any) -> list[Any]:
    """Return the values in nested tuples, lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (tuple, list)):
        return [x for part in value for x in _flat(part)]
    return [value]
