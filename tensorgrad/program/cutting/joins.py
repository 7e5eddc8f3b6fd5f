"""Joins of facts, which hold of several values at once, and comparisons of two values."""

from collections.abc import Iterator
from typing import Any

from tensorgrad.program.cutting.facts import (
    ANY,
    MUTABLE,
    ONE_PASS,
    Arr,
    BoundMethod,
    Copied,
    Integer,
    Iter,
    Known,
    OfType,
    Seq,
    is_whole,
    item_facts,
    low_of,
    made,
    part_facts,
    sequence_kind,
    type_of,
)


def equal(a: Any, b: Any) -> bool:
    """Return True if two facts are the same."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if type(a) is Known:
        return same_value(a.value, b.value)
    if type(a) is Arr:
        return same_dtype(a, b) and bool(a[1:] == b[1:])
    if type(a) is Seq:
        return (
            a.kind is b.kind
            and a.site is b.site
            and len(a.items) == len(b.items)
            and all(map(equal, a.items, b.items))
        )
    if type(a) is Iter:
        return a.again is b.again and equal(a.item, b.item)
    if type(a) is BoundMethod:
        return a.name == b.name and equal(a.owner, b.owner)
    return bool(a == b)


def same_value(a: Any, b: Any) -> bool:
    """Return True for equal values of one type, with the same sign of zero."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same_value, a, b))
    if isinstance(a, slice):
        return same_value((a.start, a.stop, a.step), (b.start, b.stop, b.step))
    if isinstance(a, (float, complex)):
        return repr(a) == repr(b)
    return bool(a == b)


def lost(x: Any) -> Iterator[Any]:
    """Yield the lists and functions in a fact, which nobody follows if it is lost."""
    if type(x) is Seq:
        if x.kind in MUTABLE:
            yield x
        for item in x.items:
            yield from lost(item)
    elif type(x) is Copied:
        yield x
    elif type(x) is Iter:
        yield from lost(x.item)
    elif type(x) is BoundMethod:
        yield x
        yield from lost(x.owner)


def what_holds_of(facts: Any) -> Any:
    """Return what holds of each of these values."""
    found = None
    for x in facts:
        found = x if found is None else join(found, x)
    return ANY if found is None else found


TYPES = (str, bool, float, complex, type)


def join(a: Any, b: Any) -> Any:
    """Return what holds of two values."""
    if a is b or equal(a, b):
        return a
    if is_whole(a) and is_whole(b):
        lows = low_of(a), low_of(b)
        return Integer(None, None if None in lows else min(lows))  # type: ignore[type-var]
    if type(a) is Arr and type(b) is Arr:
        return join_arrays(a, b)
    if type(a) is Iter and type(b) is Iter:
        return Iter(join(a.item, b.item), a.again and b.again)
    if type(a) is BoundMethod and type(b) is BoundMethod and a.name == b.name:
        return BoundMethod(a.name, join(a.owner, b.owner))
    if isinstance(type_of(a), type) and type_of(a) is type_of(b) in TYPES:
        return OfType(type_of(a))  # type: ignore[arg-type]
    kinds = {sequence_kind(a), sequence_kind(b)}
    if len(kinds) == 1 and None not in kinds:
        first, second = part_facts(a), part_facts(b)
        sites = {getattr(a, "site", None), getattr(b, "site", None)}
        if len(first) == len(second) and len(sites) == 1:
            return made(map(join, first, second), *kinds, *sites)
    return ANY


def join_arrays(a: Arr, b: Arr) -> Arr:
    """Return what holds of two arrays."""
    shape = None
    if a.shape is not None and b.shape is not None and len(a.shape) == len(b.shape):
        shape = tuple(map(join_axes, a.shape, b.shape))
    return Arr(a.dtype if same_dtype(a, b) else None, shape, a.kind if a.kind == b.kind else "")


def same_dtype(a: Arr, b: Arr) -> bool:
    """Return True if two arrays have one dtype, or both have none; NumPy's float64 equals None."""
    return (a.dtype is None) == (b.dtype is None) and bool(a.dtype == b.dtype)


def join_axes(a: Any, b: Any) -> Any:
    """Return the length that two axes have, or a Integer."""
    if a == b:
        return a
    lows = [x if isinstance(x, int) else x.low or 0 for x in (a, b)]
    return Integer(None, min(lows))


def equal_values(a: Any, b: Any) -> bool | None:
    """Return True if two values are equal, False if not, and None if that is not known."""
    if type(a) is Known and type(b) is Known:
        return bool(a.value == b.value)
    if type(a) is Integer or type(b) is Integer:
        return alike_sizes(a, b)
    if sequence_kind(a) is set and sequence_kind(b) is set:
        return alike_sets(a.items, b.items)
    if sequence_kind(a) is not None and sequence_kind(b) is not None:
        if {set, ONE_PASS} & {sequence_kind(a), sequence_kind(b)}:
            return None
        if (sequence_kind(a) is list) != (sequence_kind(b) is list) or slice in (
            sequence_kind(a),
            sequence_kind(b),
        ):
            return None
        first, second = part_facts(a), part_facts(b)
        if len(first) != len(second):
            return False
        found = [equal_values(x, y) for x, y in zip(first, second, strict=True)]
        return False if False in found else None if None in found else True
    return None


def alike_sets(first: Any, second: Any) -> bool | None:
    """Return True if two sets are equal, False if not, and None if that is not known."""
    if not all(type(x) is Known for x in (*first, *second)):
        return None
    return {x.value for x in first} == {x.value for x in second}


def alike_sizes(a: Any, b: Any) -> bool | None:
    """Return True if two integers are equal, False if not, and None if that is not known."""
    if type(a) is Integer and type(b) is Integer:
        return True if a.key is not None and a.key == b.key else None
    size, other = (a, b) if type(a) is Integer else (b, a)
    if type(other) is Known and isinstance(other.value, (int, float)):
        return False if size.low is not None and other.value < size.low else None
    return False if type(other) is Known and other.value is None else None


def item_of(x: Any) -> Any:
    """Return one fact about each item of something iterable."""
    items = item_facts(x)
    if items:
        return what_holds_of(items)
    if type(x) is Iter:
        return x.item
    if type(x) is Arr and x.shape:
        return Arr(x.dtype, x.shape[1:], "array" if len(x.shape) > 1 else "generic")
    if type(x) is Known and isinstance(x.value, range):
        return Integer(None, min(x.value, default=0))
    return ANY
