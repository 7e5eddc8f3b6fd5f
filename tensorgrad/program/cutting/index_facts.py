"""Facts about parts of arrays."""

from typing import Any

import numpy as np

from tensorgrad.program.cutting.facts import ANY, Arr, Integer, Known, Seq, part_facts


def item(x: Arr, index: Any) -> Any:
    """Return the fact about a part of an array; the index is the fact about what is in brackets."""
    parts = part_facts(index) if is_tuple(index) else (index,)
    if any(type(p) is Known and isinstance(p.value, str) for p in parts):
        return ANY  # a field
    if not all(map(is_basic, parts)):
        return Arr(x.dtype, None, "")
    if x.shape is None:
        return Arr(x.dtype, None, "")
    taken = sum(not is_new(p) and not is_dots(p) for p in parts)
    dots = (Known(slice(None)),) * (len(x.shape) - taken)
    full: list[Any] = []
    for p in parts:
        full += dots if is_dots(p) else [p]
    full += [] if any(map(is_dots, parts)) else dots
    axes, shape = iter(x.shape), []
    for p in full:
        if is_new(p):
            shape.append(1)
        elif is_slice(p):
            shape.append(length_of_part(next(axes, Integer(None, 0)), p))
        else:
            next(axes, None)
    kind = "array" if shape or any(map(is_dots, parts)) else "generic"
    return Arr(x.dtype, tuple(shape), kind)


def length_of_part(n: Any, part: Any) -> Any:
    """Return the length of a slice of an axis."""
    if type(part) is Known and isinstance(n, int) and part.value is not None:
        return len(range(*part.value.indices(n)))
    if type(part) is not Known or not isinstance(n, Integer):
        return Integer(None, 0)
    start, stop, step = part.value.start, part.value.stop, part.value.step
    if part.value == slice(None):
        return n
    whole = start in (None, 0) and step in (None, 1) and isinstance(stop, int)
    return stop if whole and 0 <= stop <= (n.low or 0) else Integer(None, 0)


def is_tuple(x: Any) -> bool:
    return (type(x) is Seq and x.kind is tuple) or (type(x) is Known and isinstance(x.value, tuple))


def is_slice(x: Any) -> bool:
    return (type(x) is Seq and x.kind is slice) or (type(x) is Known and isinstance(x.value, slice))


def is_new(x: Any) -> bool:
    return type(x) is Known and x.value is None


def is_dots(x: Any) -> bool:
    return type(x) is Known and x.value is Ellipsis


def is_basic(x: Any) -> bool:
    """Return True for what takes a part of an array by position: no arrays of indices or masks."""
    if is_new(x) or is_dots(x) or is_slice(x) or type(x) is Integer:
        return True
    whole = type(x) is Known and isinstance(x.value, (int, np.integer))
    return whole and not isinstance(x.value, bool)
