"""Simplifications of recorded steps that leave every bit as it is."""

import copy
from typing import Any

import numpy as np

from tensorgrad.program.sizes import is_repeated
from tensorgrad.program.steps import Step, Var, substituted_in, variables

EMPTY = ()
MOST_LOOKED_AT = 1 << 16  # bytes of a constant that is looked through
OF_ELEMENTS = {"+", "-", "*", "/"}


def simplified(steps: list[Step], outputs: list[Var], given: set[Var]) -> list[Step]:
    """Return the steps that the outputs need, without copies that nothing can tell from the array.

    `given` are the variables that come from outside. The outputs are replaced in place.
    """
    steps = fresh_updates(needed(steps, outputs))
    steps = with_kept_axes(without_broadcasts(steps), outputs)
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
            or may_raise(step)
            or any(v in wanted for v in made)
            or any(v.root in wanted for v in step.writes)
        ):
            found.append(step)
            for v in step.reads():
                wanted.add(v)
                wanted.add(v.root)
    return found[::-1]


def may_raise(step: Step) -> bool:
    """Return True for what may be called for its error alone, as Cholesky's of definiteness."""
    if step.backward or step.form != "call":
        return False
    return (getattr(step.callee, "__module__", None) or "").startswith("numpy.linalg")


def without_copies(steps: list[Step], outputs: list[Var], given: set[Var]) -> list[Step]:
    """Leave out copies of arrays that nobody writes to."""
    written = {v.root: i for i, step in enumerate(steps) for v in step.writes}  # at last
    same: dict[Var, Var] = {}
    ones: set[Var] = set()  # powers of zero, whose elements are all one
    returned = list(outputs)
    found: list[Step] = []

    def resolve(x: Any) -> Any:
        while type(x) is Var and x in same:
            x = same[x]
        return x

    for i, step in enumerate(steps):
        step.args = substituted_in(step.args, resolve)
        step.kwargs = substituted_in(step.kwargs, resolve)
        source = resolve(copied(step, found, ones))
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


def with_kept_axes(steps: list[Step], outputs: list[Var]) -> list[Step]:
    """Write a sum that is reshaped to keep its axes as a sum with keepdims=True."""
    uses = uses_of(steps, outputs)
    sums: dict[Var, Step] = {}
    for step in steps:
        if step.form == "call" and step.callee == np.add.reduce and set(step.kwargs) == {"axis"}:
            sums[step.outs] = step
        x: Any = step.args[0] if step.args else None
        summed = type(x) is Var and x in sums and uses[x] == 1
        if summed and step.form == "method" and step.callee == "reshape":
            made = sums[x]
            if step.args[1:] == (kept_shape(made),):
                step.form, step.callee, step.args = "call", made.callee, made.args
                step.kwargs = {**made.kwargs, "keepdims": True}
                for v in (v for later in steps for v in later.made() if v.root is x):
                    v.root = step.outs
    return steps


def kept_shape(step: Step) -> tuple[int, ...] | None:
    """Return the shape that a sum would have if it kept its axes."""
    x, axis = step.args[0], step.kwargs["axis"]
    if type(x) is not Var or axis is None:
        return None
    axes = {k % len(x.shape) for k in (axis if isinstance(axis, tuple) else (axis,))}
    return tuple(1 if k in axes else n for k, n in enumerate(x.shape))


def unchanged(symbol: str, a: Any, b: Any, out: Var, ones: set[Var]) -> Var | None:
    """Return the operand that a product with one, or the first power, leaves as it is."""
    if symbol == "*" and type(b) is Var and is_one(a, ones):
        a, b = b, a
    if symbol not in ("*", "**") or type(a) is not Var or not is_one(b, ones):
        return None
    alike = a.dtype == out.dtype and a.shape == out.shape and a.scalar == out.scalar
    return a if alike and a.compact and not a.weak and a.dtype.kind == "f" else None


def is_one(x: Any, ones: set[Var]) -> bool:
    """Return True for the number one, and for arrays that repeat it."""
    if type(x) is Var:
        return x in ones
    return (
        isinstance(x, (int, float, np.generic)) and not isinstance(x, (bool, np.bool_)) and x == 1
    )


def copied(step: Step, before: list[Step], ones: set[Var]) -> Var | None:
    """Return the array of which a step is a copy, if the copy is equal in all that counts."""
    if step.form == "binary":
        a, b = step.args
        if step.callee == "**" and type(b) in (int, float) and b == 0:
            ones.add(step.outs)
        return unchanged(step.callee, a, b, step.outs, ones)
    if not step.args or type(step.args[0]) is not Var or type(step.outs) is not Var:
        return None
    if step.outs.alias is not None and step.form in ("call", "method", "item", "attribute"):
        return step.outs.alias
    return copied_by_name(step.args[0], step.outs, step, before)


def copied_by_name(x: Var, out: Var, step: Step, before: list[Step]) -> Var | None:
    """Return the array of which a call is a copy, as its name says."""
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
        and not t.shares
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
    """Leave out np.broadcast_to before arithmetic with an array of that shape."""
    spread: dict[Var, Any] = {}
    for step in steps:
        if step.form in ("binary", "in place") and step.callee in OF_ELEMENTS:
            a, b = step.args
            if type(b) is Var and b in spread and repeats_as(a, spread[b], b):
                b = spread[b]
            elif step.form == "binary" and type(a) is Var and a in spread:
                a = spread[a] if repeats_as(b, spread[a], a) else a
            step.args = (number_of(a, b), number_of(b, a))
        elif step.form == "call" and step.callee is np.broadcast_to:
            x = step.args[0]
            if isinstance(x, np.generic) or (type(x) is Var and not x.weak):
                spread[step.outs] = x
    return steps


def repeats_as(other: Any, x: Any, whole: Var) -> bool:
    """Return True if arithmetic with the other operand repeats x as np.broadcast_to did."""
    if shape_of(other) != whole.shape:
        return False
    number = isinstance(x, np.generic) or x.scalar
    return number or (type(other) is Var and other.c_order)


def number_of(x: Any, other: Any) -> Any:
    """Return the number that a constant array repeats, if the other operand has the whole shape."""
    if type(x) is not np.ndarray or x.size < 2 or type(other) is not Var or not other.c_order:
        return x
    shape = shape_of(other)
    small = x.nbytes <= MOST_LOOKED_AT or not any(x.strides)  # larger ones from outside may change
    fits = shape is not None and x.ndim <= len(shape) and small
    if not fits or np.broadcast_shapes(x.shape, shape) != shape or not is_repeated(x):
        return x
    return x.flat[0]


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
