"""Simplifications of recorded steps that leave every bit as it is."""

import copy
from typing import Any

import numpy as np

from tensorgrad.program.steps import Step, Var, substituted_in, variables

EMPTY = ()
OF_ELEMENTS = {"+", "-", "*", "/"}


def simplified(steps: list[Step], outputs: list[Var], given: set[Var]) -> list[Step]:
    """Return the steps that the outputs need, without copies that nothing can tell from the array.

    `given` are the variables that come from outside. The outputs are replaced in place.
    """
    steps = fresh_updates(needed(steps, outputs))
    steps = without_broadcasts(steps)
    steps = without_copies(steps, outputs, given)
    return needed(merged_updates(steps), outputs)


def needed(steps: list[Step], outputs: list[Var]) -> list[Step]:
    """Return the steps that the outputs depend on, and those that write into what they need."""
    wanted = {v.root for v in outputs} | set(outputs)
    found: list[Step] = []
    for step in reversed(steps):
        made = list(step.made())
        if (
            not step.pure
            or any(v in wanted for v in made)
            or any(v.root in wanted for v in step.writes)
        ):
            found.append(step)
            for v in step.reads():
                wanted.add(v)
                wanted.add(v.root)
    return found[::-1]


def without_copies(steps: list[Step], outputs: list[Var], given: set[Var]) -> list[Step]:
    """Leave out copies of arrays that nobody writes to."""
    written = {v.root: i for i, step in enumerate(steps) for v in step.writes}  # at last
    same: dict[Var, Var] = {}
    returned = list(outputs)
    found: list[Step] = []

    def resolve(x: Any) -> Any:
        return same.get(x, x) if type(x) is Var else x

    for i, step in enumerate(steps):
        step.args = substituted_in(step.args, resolve)
        step.kwargs = substituted_in(step.kwargs, resolve)
        source = copied(step, found)
        out = step.outs
        if source is None or written.get(source.root, -1) > i or out.root in written:
            found.append(step)
            continue
        if out in returned:
            others = [resolve(v).root for v in returned if v is not out]
            if (
                source.root in given
                or source.root in others
                or (source.view and step.form != "item")
            ):
                found.append(step)
                continue
        if out.hint is not None and (source.hint is None or out.hint.rank > source.hint.rank):
            source.hint = out.hint
        same[out] = out.same = source
    outputs[:] = [resolve(v) for v in outputs]
    return found


def unchanged(symbol: str, a: Any, b: Any, out: Var) -> Var | None:
    """Return the operand that a product with one, or the first power, leaves as it is."""
    if symbol == "*" and type(b) is Var and is_one(a):
        a, b = b, a
    if symbol not in ("*", "**") or type(a) is not Var or not is_one(b):
        return None
    alike = a.dtype == out.dtype and a.shape == out.shape and a.scalar == out.scalar
    return a if alike and a.compact and not a.weak and a.dtype.kind == "f" else None


def is_one(x: Any) -> bool:
    """Return True for the number one."""
    return (
        isinstance(x, (int, float, np.generic)) and not isinstance(x, (bool, np.bool_)) and x == 1
    )


def copied(step: Step, before: list[Step]) -> Var | None:
    """Return the array of which a step is a copy, if the copy is equal in all that counts."""
    if step.form == "binary":
        a, b = step.args
        return unchanged(step.callee, a, b, step.outs)
    if not step.args or type(step.args[0]) is not Var or type(step.outs) is not Var:
        return None
    x, out = step.args[0], step.outs
    if out.alias is not None and step.form in ("call", "method", "item", "attribute"):
        return x
    if step.form == "item" and step.args[1] is EMPTY:
        if x.shape:
            return x
        made = before[-1] if before and before[-1].outs is x else None
        if made is not None and made.callee is np.copy and made.args[0].scalar:
            before.pop()
            return None if made.args[0].weak else made.args[0]
        return None
    if not x.compact or x.scalar != out.scalar or x.weak:
        return None
    if step.form == "call" and step.callee is np.copy and len(step.args) == 1 and not step.kwargs:
        return x
    if step.form == "method" and step.callee == "copy" and x.scalar:
        return x
    same_dtype = step.form == "method" and step.callee == "astype" and x.dtype == out.dtype
    return x if same_dtype and len(step.args) == 2 else None


def fresh_updates(steps: list[Step]) -> list[Step]:
    """Write `t = a @ b`, `t += c` as `t = a @ b + c`."""
    found: list[Step] = []
    for step in steps:
        made = found[-1] if found else None
        if step.form == "in place" and made is not None and is_fresh(made, step):
            t, other = step.args
            before = copy.copy(t)
            before.root, before.hint, before.gradient_of = before, None, None
            made.outs, step.form, step.writes, step.args = before, "binary", (), (before, other)
        found.append(step)
    return found


def is_fresh(made: Step, update: Step) -> bool:
    """Return True if a step made the array that the next one updates, which nothing else shares.

    A sum would lie in memory as the update does if both arrays do in the order of C.
    """
    t, other = update.args
    shape = np.shape(other) if type(other) is not Var else other.shape
    in_order = t.c_order and type(other) is Var and other.c_order
    fits = shape == () or (in_order and shape == t.shape[len(t.shape) - len(shape) :])
    return (
        made.outs is t
        and not made.writes
        and not t.view
        and t.root is t
        and other is not t
        and fits
        and getattr(other, "dtype", t.dtype) == t.dtype
        and made.group is update.group
        and made.errors == update.errors
    )


def merged_updates(steps: list[Step]) -> list[Step]:
    """Write `t = x[i]`, `t -= v`, `x[i] = t` as `x[i] -= v`."""
    found: list[Step] = []
    for step in steps:
        if step.form == "set item" and len(found) >= 2:
            update, read = found[-1], found[-2]
            x, index, value = step.args
            if (
                update.form in ("in place", "binary")
                and read.form == "item"
                and read.args[0] is x
                and index_equal(read.args[1], index)
                and update.args[0] is read.outs
                and value is update.outs
            ):
                merged = Step("update item", update.callee, (x, index, update.args[1]), {})
                merged.writes, merged.group, merged.scope = step.writes, step.group, step.scope
                merged.place, merged.errors = step.place, step.errors
                merged.backward = step.backward
                found[-2:] = [merged]
                continue
        found.append(step)
    return found


def index_equal(a: Any, b: Any) -> bool:
    """Return True for one and the same index."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(index_equal, a, b))
    return a is b or (isinstance(a, (int, slice)) and a == b)


def without_broadcasts(steps: list[Step]) -> list[Step]:
    """Leave out np.broadcast_to of a number before arithmetic with an array of that shape."""
    numbers: dict[Var, Any] = {}
    for step in steps:
        if step.form == "binary" and step.callee in OF_ELEMENTS:
            a, b = step.args
            if type(a) is Var and a in numbers and shape_of(b) == a.shape:
                step.args = (numbers[a], b)
            elif type(b) is Var and b in numbers and shape_of(a) == b.shape:
                step.args = (a, numbers[b])
            step.args = tuple(
                number_of(x, y) for x, y in zip(step.args, step.args[::-1], strict=True)
            )
        elif step.form == "call" and step.callee is np.broadcast_to:
            x = step.args[0]
            if isinstance(x, np.generic) or (type(x) is Var and x.scalar and not x.weak):
                numbers[step.outs] = x
    return steps


def number_of(x: Any, other: Any) -> Any:
    """Return the number that a constant array repeats, if the other operand has its shape."""
    if type(x) is np.ndarray and x.size > 1 and not any(x.strides) and shape_of(other) == x.shape:
        return x.flat[0]
    return x


def shape_of(x: Any) -> Any:
    """Return the shape of an array."""
    return None if type(x) is Var and x.scalar else getattr(x, "shape", None)


def uses_of(steps: list[Step], outputs: list[Var]) -> dict[Var, int]:
    """Count how often each variable is read."""
    return occurrences([v for step in steps for v in step.reads()] + list(variables(outputs)))


def occurrences(read: list[Var]) -> dict[Var, int]:
    """Count how often each variable occurs."""
    found: dict[Var, int] = {}
    for v in read:
        found[v] = found.get(v, 0) + 1
    return found
