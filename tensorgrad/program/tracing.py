"""Tracing: what one run of a function does, as steps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.program.arrays import TracedArray, Untraceable
from tensorgrad.program.counts import Counts, without_repeated_checks
from tensorgrad.program.guards import PLAIN_VALUES
from tensorgrad.program.recorder import Recorder
from tensorgrad.program.repetitions import without_repetitions
from tensorgrad.program.simplify import simplified
from tensorgrad.program.sizes import Length
from tensorgrad.program.steps import Step, Var, substituted_in


class Result(NamedTuple):
    """One array in what a function returned, and what it is wrapped in."""

    kind: str  # "array", "tensor", "recorded", "constant" if made at the trace, or else "same"
    value: Any  # a Var or a constant


@dataclass
class Tracing:
    """The record of one run of a function."""

    inputs: list[Var]
    externals: list[tuple[Any, Var]]  # a source, and the variable of its value
    steps: list[Step]  # those that the outputs need
    results: Any  # a tree of Result
    gradients: list[tuple[Any, Var | None]]  # the leaves whose .grad changed
    had_gradients: list[tuple[Any, bool]]  # the same leaves, and if they had one before
    writes: list[tuple[Any, Var]]  # a source that was written to, and the variable
    counts: Counts
    outputs: list[Var] = field(init=False)  # the variables of results, gradients and writes
    lengths: list[Length] = field(default_factory=list)  # of the axes that may have others

    def __post_init__(self) -> None:
        outputs = [r.value for r in results_in(self.results) if type(r.value) is Var]
        outputs += [v for _, v in self.gradients if v is not None]
        outputs += [v for _, v in self.writes]
        given = {*self.inputs, *(v for _, v in self.externals)}
        steps = without_repetitions(simplified(self.steps, outputs, given), outputs)
        self.steps = without_repeated_checks(steps) if self.counts.checked else steps
        self.outputs = outputs

    def all_steps(self) -> Iterator[Step]:
        """Yield the steps, and those in their branches."""
        for step in self.steps:
            yield step
            if step.form == "branch":
                yield from (inner for branch in step.callee.root.walk() for inner in branch.steps)


def results_in(tree: Any) -> Iterator[Result]:
    """Yield the results in a tree."""
    if type(tree) is Result:
        yield tree
    elif tree is not None:
        for x in tree.values() if isinstance(tree, dict) else tree:
            yield from results_in(x)


def results_of(result: Any, recorder: Recorder, outside: set[int]) -> Any:
    """Return the tree of what a function returned; `outside` are arrays that it only hands on."""

    def leaf(x: Any) -> Result:
        if isinstance(x, TensorBase):
            value = x._value
            freed = x.node is None or x.node.parents is None  # by a backward inside the function
            kind = "tensor" if freed else "recorded"
            if type(value) is TracedArray:
                return Result(kind, value.variable)
            return Result("same", x)
        if type(x) is TracedArray:
            return Result("array", recorder.variable_of(x))
        if isinstance(x, (np.ndarray, *PLAIN_VALUES)):
            fresh = isinstance(x, np.ndarray) and id(x) not in outside
            return Result("constant" if fresh else "same", x)
        raise Untraceable(
            f"the function returns a {type(x).__name__}; return arrays, in tuples, lists and dicts"
        )

    return substituted_in(result, leaf)
