"""Branches: a rule that decides by values, traced along each way that it can take."""

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np

from tensorgrad.program.arrays import stand_ins_in
from tensorgrad.program.repetitions import key_of
from tensorgrad.program.simplify import simplified
from tensorgrad.program.steps import CallGroup, Step, Var, substituted_in, variables

MOST_WAYS = 6  # through one function


class Unequal(Exception):
    """The error about ways that do not start alike."""


class Way:
    """The steps of a function for one set of decisions, with a `decide` step for each of these."""

    def __init__(self, decisions: list[bool], steps: list[Step], result: Any) -> None:
        outputs = list(variables(result))
        self.decisions = decisions
        self.steps = simplified(steps, outputs, inputs_of(steps))
        same = dict(zip(variables(result), outputs, strict=True))
        self.result = substituted_in(result, lambda x: same.get(x, x) if type(x) is Var else x)


class Branch:
    """Steps, and then a result, or a decision between two branches."""

    def __init__(self, ways: list[Way], depth: int = 0) -> None:
        first = ways[0]
        self.steps = segment(first, depth)
        for way in ways[1:]:
            unify(self.steps, way, depth)
        self.decision: Var | None = None
        if len(first.decisions) == depth:
            if len(ways) > 1:
                raise Unequal
            self.result = first.result
            return
        self.decision = self.steps.pop().args[0]
        self.result = None
        self.branches = [
            Branch([w for w in ways if w.decisions[depth] is answer], depth + 1)
            for answer in (True, False)
        ]

    def walk(self) -> Iterator["Branch"]:
        """Yield this branch and those in it."""
        yield self
        for branch in self.branches if self.decision is not None else ():
            yield from branch.walk()


class Branches:
    """A function as a tree of branches."""

    def __init__(self, ways: list[Way], group: CallGroup) -> None:
        self.root, self.group = Branch(ways), group
        self.parameters = self.inputs()

    @property
    def __name__(self) -> str:
        return self.group.name

    def parts(self) -> list[Any]:
        """Return, in the order of the text, what is read."""
        found: list[Any] = []
        for branch in self.root.walk():
            found += [v for step in branch.steps for v in step.reads()]
            found += [branch.decision, *variables(branch.result)]
        return [v for v in found if v is not None]

    def made(self) -> list[Var]:
        """Return all that is made."""
        steps = [step for branch in self.root.walk() for step in branch.steps]
        return [v for step in steps for v in step.made()]

    def inputs(self) -> tuple[Var, ...]:
        """Return the variables that the function reads, those of its own parameters first."""
        made = set(self.made())
        read = dict.fromkeys(v for v in self.parts() if v not in made)
        return tuple(dict.fromkeys([*(v for v in self.group.names if v in read), *read]))

    def makes(self, outs: Any) -> bool:
        """Return True if these are arrays that the function makes."""
        return all(type(v) is Var and v not in self.parameters for v in flat(outs))


def unshared(result: Any, given: Any) -> Any:
    """Return a result with copies of the arrays in it that share memory with given stand-ins'."""
    arrays = [x.value for x in stand_ins_in(given) if isinstance(x.value, np.ndarray)]

    def copied(x: Any) -> Any:
        shared = isinstance(x, np.ndarray) and any(np.may_share_memory(x, y) for y in arrays)
        return x.copy("K") if shared else x

    return substituted_in(result, copied)


def flat(tree: Any) -> list[Any]:
    """Return the parts of a tuple or list, and anything else as the only one."""
    return list(tree) if isinstance(tree, (tuple, list)) else [tree]


def inputs_of(steps: list[Step]) -> set[Var]:
    """Return the variables that steps read and do not make."""
    made = {v for step in steps for v in step.made()}
    return {v for step in steps for v in step.reads() if v not in made}


def segment(way: Way, depth: int) -> list[Step]:
    """Return the steps after a number of decisions, to the next one."""
    ends = [i + 1 for i, step in enumerate(way.steps) if step.form == "decide"]
    bounds = [0, *ends, len(way.steps)]
    return way.steps[bounds[depth] : bounds[depth + 1]]


def unify(steps: list[Step], way: Way, depth: int) -> None:
    """Give the results of a way's steps the variables of those that are alike.

    Raises: Unequal if they are not.
    """
    others = segment(way, depth)
    if len(steps) != len(others):
        raise Unequal
    same: dict[Var, Var] = {}

    def change(x: Any) -> Any:
        return same.get(x, x) if type(x) is Var else x

    def replace(changed: list[Step]) -> None:
        for step in changed:
            step.args = substituted_in(step.args, change)
            step.kwargs = substituted_in(step.kwargs, change)

    for step, other in zip(steps, others, strict=True):
        replace([other])
        made, others_made = list(step.made()), list(other.made())
        if not are_alike(step, other) or len(made) != len(others_made):
            raise Unequal  # each way has left out what only another one needs
        same |= dict(zip(others_made, made, strict=True))
    replace(way.steps)
    way.result = substituted_in(way.result, change)


def are_alike(a: Step, b: Step) -> bool:
    """Return True if two steps compute the same."""
    return key_of(a, of_array=by_value) == key_of(b, of_array=by_value)


def by_value(x: np.ndarray) -> Hashable:
    """Return what is equal for arrays that each way makes anew."""
    return x.dtype, x.shape, x.strides, x.tobytes()


def all_ways(run: Callable[[list[bool]], Way]) -> list[Way]:
    """Return all ways through a function, first that of the values at hand.

    Raises: Unequal if they are too many.
    """
    found: list[Way] = []
    waiting: list[list[bool]] = [[]]
    while waiting:
        forced = waiting.pop(0)
        found.append(way := run(forced))
        later = range(len(forced), len(way.decisions))
        waiting += [[*way.decisions[:j], not way.decisions[j]] for j in later]
        if len(found) + len(waiting) > MOST_WAYS:
            raise Unequal
    return found


def group_name(group: Any) -> str:
    """Return the name of the function for a block."""
    name = getattr(group.source, "__name__", "").strip("_")
    return group.name if name == "<lambda>" or not name else name
