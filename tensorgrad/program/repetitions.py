"""Repetitions: what several steps compute from the same arrays is computed once."""

from collections.abc import Callable, Hashable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from tensorgrad.program.steps import USERS, Step, Var, substituted_in

FORMS = {"binary", "unary", "call", "method", "attribute", "item"}
SHORT_BLOCK = 3  # steps of a rule that stand in the program itself, not in a function above it


def without_repetitions(steps: list[Step], outputs: list[Var]) -> list[Step]:
    """Leave out steps whose results an earlier step has, if nobody could tell the two arrays apart.

    Neither is written to, nor is an operand between the two, and the later one is not returned.
    Forward, backward, and the gradient of a checkpoint share nothing with each other, which would
    keep an array for longer than eager calls do.
    """
    writes = written_last(steps)
    returned = {v.root for v in outputs} | set(outputs)
    first: dict[Hashable, tuple[int, Var]] = {}
    same: dict[Var, Var] = {}
    found: list[Step] = []
    for i, step, short in numbered(steps):
        step.args = substituted_in(step.args, lambda x: same.get(x, x) if type(x) is Var else x)
        step.kwargs = substituted_in(step.kwargs, lambda x: same.get(x, x) if type(x) is Var else x)
        out = step.outs
        if short and may_be_shared(step) and out.root not in writes:
            key = key_of(step)
            before = first.setdefault(key, (i, out))
            untouched = all(writes.get(v.root, -1) < before[0] for v in step.reads())
            if before[1] is not out and untouched and out.root not in returned:
                keep_hint(before[1], out)
                same[out] = out.same = before[1]
                continue
            first[key] = before if untouched else (i, out)
        found.append(step)
    return found


def numbered(steps: list[Step]) -> Iterator[tuple[int, Step, bool]]:
    """Yield each step with its number, and if it stands in the program's own lines."""
    i = 0
    for group, together in groupby(steps, key=lambda step: step.group):
        block = list(together)
        for step in block:
            yield i, step, group is None or len(block) <= SHORT_BLOCK
            i += 1


def written_last(steps: list[Step]) -> dict[Var, int]:
    """Return for each array the number of the last step that writes to it."""
    return {v.root: i for i, step in enumerate(steps) for v in step.writes}


def may_be_shared(step: Step) -> bool:
    """Return True for a call that gives one new array, the same for the same operands."""
    return (
        step.form in FORMS
        and step.pure
        and not step.writes
        and type(step.outs) is Var
        and not step.outs.scalar
        and not (step.outs.hint is not None and step.outs.hint.rank >= USERS)
        and any(True for _ in step.reads())
    )


def keep_hint(kept: Var, other: Var) -> None:
    """Give a variable the name of the one that it replaces, if that says more."""
    if other.hint is not None and (kept.hint is None or other.hint.rank > kept.hint.rank):
        kept.hint = other.hint


def key_of(step: Step, of_array: Callable[[np.ndarray], Hashable] = id) -> Hashable:
    """Return what is equal for steps that compute the same."""
    errors = None if step.errors is None else tuple(sorted(step.errors.items()))
    callee = step.callee if isinstance(step.callee, Hashable) else id(step.callee)
    operands = told_apart(step.args, of_array), told_apart(step.kwargs, of_array)
    return step.form, callee, operands, errors, step.backward, step.pull


def told_apart(x: Any, of_array: Callable[[np.ndarray], Hashable]) -> Hashable:
    """Return what tells constants and variables apart, also 1 and True, or 0.0 and -0.0."""
    if isinstance(x, slice):
        return slice, *(told_apart(k, of_array) for k in (x.start, x.stop, x.step))
    if isinstance(x, dict):
        return dict, *((key, told_apart(value, of_array)) for key, value in x.items())
    if isinstance(x, (tuple, list)):
        return type(x), *(told_apart(item, of_array) for item in x)
    if isinstance(x, np.generic):
        return x.dtype, x.tobytes()
    if isinstance(x, (int, float, complex, str)):
        return type(x), repr(x)
    return of_array(x) if isinstance(x, np.ndarray) else id(x)
