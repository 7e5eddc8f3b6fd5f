"""Facts about integers and lengths of axes."""

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.program.cutting.facts import Integer, Known, item_facts, low_of
from tensorgrad.program.cutting.joins import alike_sizes


def axis_fact(n: Any) -> Any:
    """Return the fact about the length of an axis."""
    return Known(n) if isinstance(n, int) else n


def axis_of(x: Any) -> Any:
    """Return the length of an axis from the fact about it."""
    if type(x) is Known and type(x.value) is int and x.value >= 0:
        return x.value
    return x if type(x) is Integer else Integer(None, 0)


def asked_shape(x: Any) -> Any:
    """Return the axes that a function is asked for, or None if their number is not known."""
    if type(x) is Integer or (type(x) is Known and isinstance(x.value, (int, np.integer))):
        return (axis_of(x),)
    items = item_facts(x)
    return None if items is None else tuple(map(axis_of, items))


def times(a: Any, b: Any) -> Any:
    """Return the fact about the product of two integers."""
    return whole("*", a, b)


def elements_of(shape: Any) -> Any:
    """Return the fact about the number of elements."""
    return functools.reduce(times, map(axis_fact, shape), Known(1))


WHOLE_NUMBERS: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv,
    "%": operator.mod,
}  # fmt: skip


def whole(symbol: str, a: Any, b: Any) -> Any:
    """Return the fact about an operation on two integers, of which one is not known."""
    if type(a) is Known and type(b) is Known:
        return Known(WHOLE_NUMBERS[symbol](a.value, b.value))
    for x, other in ((a, b), (b, a)):
        if symbol == "*" and type(x) is Known and x.value == 1:
            return other
    if symbol == "+" and Known in (type(a), type(b)) and 0 in (low_of(a), low_of(b)):
        known, other = (a, b) if type(a) is Known else (b, a)
        if known.value == 0:
            return other
    keys = [x.key if type(x) is Integer else x.value for x in (a, b)]
    key = None if None in keys else (symbol, *keys)
    lows = low_of(a), low_of(b)
    return Integer(key, least(symbol, lows, b))


def least(symbol: str, lows: Any, divisor: Any) -> int | None:
    """Return the least that the result of an operation on integers can be."""
    low, other = lows
    if symbol == "%" and other is not None and other > 0:
        return 0
    if low is None or other is None or low < 0:
        return None
    if symbol in "+*" and other >= 0:
        return WHOLE_NUMBERS[symbol](low, other)
    if symbol == "//" and other > 0:
        return low // divisor.value if type(divisor) is Known else 0
    return low - other if symbol == "-" and type(divisor) is Known else None


def broadcast(shapes: list[Any]) -> Any:
    """Return the shape that arrays of these shapes have together, or None."""
    if None in shapes:
        return None
    n = max(map(len, shapes), default=0)
    full = [(1,) * (n - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(functools.reduce(wider, axes) for axes in zip(*full, strict=True))


def wider(n: Any, m: Any) -> Any:
    """Return the length of an axis that is broadcast from two."""
    if isinstance(n, int) and isinstance(m, int):
        return m if n == 1 else n
    if n == 1 or m == 1:
        return m if n == 1 else n
    if isinstance(n, int) or isinstance(m, int):
        return n if isinstance(n, int) else m
    return n if alike_sizes(n, m) else Integer(None, 0)
