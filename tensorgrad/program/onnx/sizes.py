"""Sizes that depend on the batch: traces at several batch sizes, compared and merged into one."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.steps import Step, Var

Dim = Any  # an int, or a BatchSize


@dataclass(frozen=True)
class BatchSize:
    """A number that depends on the batch size N: factor N + offset, or factor / N."""

    factor: Any
    offset: Any = 0
    inverse: bool = False


@dataclass(frozen=True)
class Pattern:
    """An array whose shape depends on the batch: the first integers, one value, or equal rows."""

    shape: tuple[Dim, ...]
    dtype: np.dtype[Any]
    value: Any = None  # None for the first integers


class Merging:
    """Traces of one function at several batch sizes, compared step by step."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes
        self.shapes: dict[Var, tuple[Dim, ...]] = {}

    def steps(self, runs: list[list[Step]]) -> None:
        """Write sizes into the steps of the first run, in place of numbers that depend on N.

        Raises: Untraceable if the runs differ in anything else.
        """
        if len({len(steps) for steps in runs}) > 1:
            raise Untraceable("the function does something else for other batch sizes")
        for step, *others in zip(*runs, strict=True):
            if any(s.form != step.form for s in others):
                raise Untraceable("the function does something else for other batch sizes")
            step.args = self.merged([s.args for s in (step, *others)])
            step.kwargs = self.merged([s.kwargs for s in (step, *others)])
            self.merged([s.outs for s in (step, *others)])

    def merged(self, items: list[Any]) -> Any:
        """Return the tree that corresponding trees have in common."""
        x = items[0]
        if type(x) is Var:
            if x not in self.shapes:
                self.shapes[x] = self.merged([v.shape for v in items])
            return x
        if isinstance(x, (tuple, list)):
            if len({len(item) for item in items}) > 1:
                raise Untraceable("the function does something else for other batch sizes")
            inner = [self.merged(list(parts)) for parts in zip(*items, strict=True)]
            return type(x)(*inner) if hasattr(x, "_fields") else type(x)(inner)
        if isinstance(x, dict):
            return {key: self.merged([item[key] for item in items]) for key in x}
        if isinstance(x, slice):
            parts = self.merged([(item.start, item.stop, item.step) for item in items])
            return slice(*parts)
        if isinstance(x, np.ndarray):
            return self.array(items)
        if isinstance(x, (int, float, np.number)) and not isinstance(x, bool):
            return self.number(items)
        return x

    def number(self, items: list[Any]) -> Any:
        """Return a number, or the size that it is at each batch size.

        Raises: Untraceable if it is another function of the batch size.
        """
        x = items[0]
        if all(item == x or item != item for item in items):
            return x
        (n, m), other = self.sizes[:2], items[1]
        if isinstance(x, (int, np.integer)):
            factor = (int(other) - int(x)) // (m - n)
            size = BatchSize(factor, int(x) - factor * n)
        else:
            share = np.isclose(x * n, other * m)
            size = BatchSize(x * n, inverse=True) if share else BatchSize((other - x) / (m - n))
            size = size if share else BatchSize(size.factor, x - size.factor * n)
        if not all(np.isclose(value_at(size, k), v) for k, v in zip(self.sizes, items)):
            raise Untraceable(
                f"a number of the function is {', '.join(map(str, items))} for the batch sizes "
                f"{', '.join(map(str, self.sizes))}, which is neither a N + b nor a / N"
            )
        return size

    def array(self, items: list[Any]) -> Any:
        """Return a constant array, or the pattern that it follows.

        Raises: Untraceable if it follows none.
        """
        x = items[0]
        if all(item is x or np.array_equal(item, x) for item in items[1:]):
            return x
        shape = self.merged([item.shape for item in items])
        if all(item.size and (item == x.flat[0]).all() for item in items):
            return Pattern(shape, x.dtype, x.flat[0])
        rows = x.ndim > 0 and all(item.shape[1:] == x.shape[1:] for item in items)
        if rows and all((item == x[:1]).all() for item in items):
            return Pattern(shape, x.dtype, x[:1])
        if all(item.ndim == 1 and np.array_equal(item, np.arange(len(item))) for item in items):
            return Pattern(shape, x.dtype)
        raise Untraceable(
            f"a constant array of shape {x.shape} depends on the batch size; make it from the "
            "shape of an argument by np.arange, np.zeros or np.ones, or pass it as an argument"
        )


def value_at(size: BatchSize, n: int) -> Any:
    """Return a size for a batch of n."""
    return size.factor / n if size.inverse else size.factor * n + size.offset
