"""The comparison of two traces: they differ by sizes that follow the arguments, or by mistake."""

from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.branches import Branches
from tensorgrad.program.guards import PLAIN_VALUES, is_same
from tensorgrad.program.names import with_line
from tensorgrad.program.sizes import ArgumentSize, Length, SizedArray, Unexplained, explained
from tensorgrad.program.steps import Step, Var
from tensorgrad.program.tracing import Tracing


class Comparison:
    """Compares two traces, whose variables correspond in the order in which they are met."""

    def __init__(self, lengths: list[Length], known: bool = False) -> None:
        self.lengths = lengths
        self.known = known  # if the first has its sizes
        self.first: dict[Var, Var] = {}
        self.second: dict[Var, Var] = {}
        self.free: dict[Var, tuple[int | None, ...]] = {}
        self.found: list[tuple[Step, Any, Any]] = []  # the steps with their arguments
        self.last: Step | None = None  # that was compared

    def merged(self, x: Any, y: Any) -> Any:
        """Return the first tree, with ArgumentSizes where the second follows other lengths.

        Raises: Unexplained if they differ otherwise.
        """
        if type(x) in (ArgumentSize, SizedArray):
            return self.sized(x, y)
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
        if x is y or (self.alike_constants(x, y) and is_fortran(x) is is_fortran(y)):
            return x
        if self.known:
            raise Unexplained
        return explained(x, y, self.lengths)

    def sized(self, x: Any, y: Any) -> Any:
        """Return a size that the first has, if it is the second's."""
        value = x.value([length.second for length in self.lengths])
        if type(value) is not type(y) or not self.alike_constants(value, y):
            raise Unexplained
        return x

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
        if isinstance(x, np.ndarray):
            return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
        if isinstance(x, TensorBase):
            return self.alike_constants(x._value, y._value)
        code = getattr(x, "__code__", None)
        if code is not None:  # of functions made by the same line
            return code is getattr(y, "__code__", None) and self.alike_cells(x, y)
        return is_same(x, y) if isinstance(x, PLAIN_VALUES) else bool(x == y)

    def alike_cells(self, x: Any, y: Any) -> bool:
        """Return False if two functions use different numbers from outside."""
        pairs = zip(x.__closure__ or (), y.__closure__ or (), strict=True)
        plain = (int, float, str, tuple)
        return not any(
            isinstance(a.cell_contents, plain) and a.cell_contents != b.cell_contents
            for a, b in pairs
        )

    def step(self, a: Step, b: Step) -> None:
        """Note the arguments of two steps that are the same call."""
        if a.form != b.form or a.errors != b.errors:
            raise Unexplained
        if a.form == "check":
            args, kwargs = self.check(a.args, b.args), a.kwargs
        else:
            args, kwargs = self.merged(a.args, b.args), self.merged(a.kwargs, b.kwargs)
        if a.form == "branch":
            self.branches(a.callee, b.callee)
        else:
            self.merged(a.callee, b.callee)
        self.merged((a.outs, a.writes), (b.outs, b.writes))
        self.found.append((a, args, kwargs))

    def check(self, a: Any, b: Any) -> Any:
        """Return the arguments of a check, of which the message only shows some objects."""
        if len(a) != len(b):
            raise Unexplained
        return tuple(x if read_alike(x, y) else self.merged(x, y) for x, y in zip(a, b))

    def branches(self, a: Branches, b: Branches) -> None:
        """Compare all ways through two functions."""
        self.merged(a.parameters, b.parameters)
        for x, y in zip(a.root.walk(), b.root.walk(), strict=True):
            self.steps(x.steps, y.steps)
            self.merged((x.decision, x.result), (y.decision, y.result))

    def steps(self, first: list[Step], second: list[Step]) -> None:
        """Compare lists of steps."""
        for self.last, other in zip(first, second, strict=False):
            self.step(self.last, other)
        if len(first) != len(second):
            raise Unexplained


def is_fortran(x: Any) -> bool:
    """Return True for an array that lies in memory in the order of Fortran only."""
    return isinstance(x, np.ndarray) and x.flags.fnc


def read_alike(x: Any, y: Any) -> bool:
    """Return True for two objects without values that have the same text, such as two losses."""
    identity = type(x) is type(y) and type(x).__eq__ is object.__eq__ and type(x) is not Var
    return identity and repr(x) == repr(y)


def merge(a: Tracing, b: Tracing, lengths: list[Length]) -> None:
    """Write the sizes, by which two traces on other lengths differ, into the first.

    Raises: Untraceable with the line of the first other difference.
    """
    compare, results = compared(a, b, Comparison(lengths))
    for step, args, kwargs in compare.found:
        step.args, step.kwargs = args, kwargs
    a.results, a.lengths = results, lengths
    for v, axes in compare.free.items():
        v.free = axes


def compared(a: Tracing, b: Tracing, compare: Comparison) -> tuple[Comparison, Any]:
    """Compare two traces, and return the results of the first, with sizes.

    Raises: Untraceable with the line of the first difference.
    """
    try:
        compare.merged(
            (a.inputs, [v for _, v in a.externals]), (b.inputs, [v for _, v in b.externals])
        )
        compare.steps(a.steps, b.steps)
        results = compare.merged(a.results, b.results)
        compare.merged(a.outputs, b.outputs)
    except Unexplained:
        raise Untraceable(differs(compare.last)) from None
    return compare, results


def differs(step: Step | None) -> str:
    """Return the message about a step that differs between two runs."""
    text = (
        "two runs of the function on the same arguments differ: it uses random numbers, the time, "
        "or something that it changes; pass such values as arguments, or draw them in a function "
        "declared by tg.impure"
    )
    return with_line(text, None if step is None else step.place)
