"""The comparison of two traces: they differ by sizes that follow the arguments, or by mistake."""

import linecache
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.sizes import Length, Unexplained, explained
from tensorgrad.program.steps import Step, Var


class Comparison:
    """Compares two traces, whose variables correspond in the order in which they are met."""

    def __init__(self, lengths: list[Length] = ()) -> None:  # type: ignore[assignment]
        self.lengths = lengths
        self.first: dict[Var, Var] = {}
        self.second: dict[Var, Var] = {}
        self.free: dict[Var, tuple[int | None, ...]] = {}

    def merged(self, x: Any, y: Any) -> Any:
        """Return the first tree, with ArgumentSizes where the second follows other lengths.

        Raises: Unexplained if they differ otherwise.
        """
        if type(x) is not type(y):
            raise Unexplained
        if type(x) is Var:
            return self.variable(x, y)
        if isinstance(x, (tuple, list)):
            return self.sequence(x, y)
        if type(x) is dict:
            if x.keys() != y.keys():
                raise Unexplained
            return {key: self.merged(value, y[key]) for key, value in x.items()}
        if type(x) is slice:
            return slice(*self.merged((x.start, x.stop, x.step), (y.start, y.stop, y.step)))
        if x is y or self.alike_constants(x, y):
            return x
        return explained(x, y, self.lengths)

    def sequence(self, x: Any, y: Any) -> Any:
        if len(x) != len(y):
            raise Unexplained
        items = [self.merged(a, b) for a, b in zip(x, y, strict=True)]
        return type(x)(*items) if hasattr(x, "_fields") else type(x)(items)

    def variable(self, x: Var, y: Var) -> Var:
        """Note that two variables correspond, and which of their axes follow the lengths."""
        if self.first.setdefault(x, y) is not y or self.second.setdefault(y, x) is not x:
            raise Unexplained
        if not self.lengths or x in self.free:
            return x
        kinds = [(v.dtype, v.scalar, v.weak, v.compact, v.c_order, v.view) for v in (x, y)]
        if kinds[0] != kinds[1] or len(x.shape) != len(y.shape):
            raise Unexplained
        self.free[x] = tuple(map(self.axis, x.shape, y.shape))
        return x

    def axis(self, n: int, m: int) -> int | None:
        """Return the number of the length that an axis has, -1 for a size made of some."""
        if n == m:
            return None
        pair = Length(n, m)
        return self.lengths.index(pair) if pair in self.lengths else -1

    def alike_constants(self, x: Any, y: Any) -> bool:
        if isinstance(x, (np.ndarray, np.generic)):
            return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
        if isinstance(x, TensorBase):
            return self.alike_constants(x._value, y._value)
        code = getattr(x, "__code__", None)
        if code is not None:  # of functions made by the same line
            return code is getattr(y, "__code__", None) and self.alike_cells(x, y)
        return bool(x == y) or (x != x and y != y)

    def alike_cells(self, x: Any, y: Any) -> bool:
        """Return False if two functions use different numbers from outside."""
        pairs = zip(x.__closure__ or (), y.__closure__ or (), strict=True)
        plain = (int, float, str, tuple)
        return not any(
            isinstance(a.cell_contents, plain) and a.cell_contents != b.cell_contents
            for a, b in pairs
        )

    def step(self, a: Step, b: Step) -> tuple[Any, Any]:
        """Return the arguments of two steps that are the same call."""
        if a.form != b.form or a.errors != b.errors:
            raise Unexplained
        self.merged((a.callee, a.outs, a.writes), (b.callee, b.outs, b.writes))
        return self.merged(a.args, b.args), self.merged(a.kwargs, b.kwargs)


def merge(a: Any, b: Any, lengths: list[Length] = ()) -> None:  # type: ignore[assignment]
    """Write the ArgumentSizes, by which two traces on other lengths differ, into the first.

    Raises: Untraceable with the line of the first other difference.
    """
    compare, found = Comparison(lengths), []
    step = None
    try:
        compare.merged(
            (a.inputs, [v for _, v in a.externals]), (b.inputs, [v for _, v in b.externals])
        )
        for step, other in zip(a.steps, b.steps, strict=False):
            found.append(compare.step(step, other))
        if len(a.steps) != len(b.steps):
            raise Unexplained
        results = compare.merged(a.results, b.results)
        compare.merged(a.outputs, b.outputs)
    except Unexplained:
        raise Untraceable(differs(step)) from None
    a.replace(found, results)
    for v, axes in compare.free.items():
        v.free = axes


def differs(step: Step | None) -> str:
    """Return the message about a step that differs between two runs."""
    text = (
        "two runs of the function on the same arguments differ: it uses random numbers, the time, "
        "or something that it changes; pass such values as arguments, or draw them in a function "
        "declared by tg.impure"
    )
    if step is None or step.place is None:
        return text
    file, line = step.place
    return f'{text}\n  File "{file}", line {line}\n    {linecache.getline(file, line).strip()}'
