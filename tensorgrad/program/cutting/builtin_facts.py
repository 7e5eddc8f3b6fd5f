"""Facts about what Python's own functions return, and operators."""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorgrad.program.cutting import array_facts, size_facts
from tensorgrad.program.cutting.facts import (
    ANY,
    ONE_PASS,
    Arr,
    Integer,
    Iter,
    Known,
    Seq,
    fact_of,
    is_whole,
    item_facts,
    low_of,
    made,
    truth,
    type_of,
)
from tensorgrad.program.cutting.joins import item_of, join

# Functions without effects, which are called where all arguments are known.
PURE = {
    len, min, max, abs, sum, any, all, tuple, int, float, bool, str, complex, divmod, round, repr,
    range, slice, isinstance, issubclass, math.prod, math.sqrt, math.log, math.exp, math.floor,
    math.ceil, math.gamma, math.lgamma, math.comb, math.factorial, math.isnan, math.isinf, pow,
    math.log2, math.log10, math.isfinite, math.gcd, operator.index, np.result_type, np.dtype,
    np.promote_types, np.min_scalar_type, np.finfo, np.iinfo, np.issubdtype, np.can_cast, np.ndim,
    np.shape, np.size, np.isscalar, hasattr,
}  # fmt: skip
PLAIN_KINDS = (np.dtype, type, slice, np.finfo, np.iinfo, tuple, int, float, complex, np.generic)
LONGEST = 10_000  # of a tuple or text that is made before the program runs


ZERO, NONE_OF = Known(0), Known(())


def pure_call(function: Any, args: Any, kwargs: Any) -> Any:
    """Return the fact about a call whose arguments are known; ANY if it has effects or raises."""
    try:
        return small(function(*(x.value for x in args), **{k: x.value for k, x in kwargs.items()}))
    except Exception:  # the program raises it where it is called
        return ANY


def small(x: Any) -> Any:
    """Return the fact about a value; ANY if it is so large that nobody writes it."""
    if isinstance(x, (np.finfo, np.iinfo, range)):
        return Known(x)
    too_long = isinstance(x, (tuple, str, bytes)) and len(x) > LONGEST
    too_large = type(x) is int and x.bit_length() > LONGEST
    return ANY if too_long or too_large else fact_of(x)


def of_builtin(function: Any, args: Any, kwargs: Any) -> Any:
    """Return the fact about a call of one of Python's functions."""
    if all(type(x) is Known for x in (*args, *kwargs.values())) and is_pure(function):
        return pure_call(function, args, kwargs)
    handler = HANDLERS.get(function)
    try:
        return ANY if handler is None or (kwargs and function is not zip) else handler(*args)
    except TypeError:  # of a number of arguments that the function does not take
        return ANY


def is_pure(function: Any) -> bool:
    """Return True for a function without effects."""
    if isinstance(function, type):
        return function in PURE or issubclass(function, np.generic)
    return function in PURE


def length(x: Any) -> Any:
    items = item_facts(x)
    if items is not None:
        return Known(len(items))
    if type(x) is Arr and x.shape:
        return size_facts.axis_fact(x.shape[0])
    return Integer(None, 0)


def tuple_fact(x: Any = NONE_OF) -> Any:
    items = item_facts(x)
    return ANY if items is None else made(items)


def zipped(*parts: Any) -> Any:
    found = [item_facts(x) for x in parts]
    if all(items is not None for items in found):
        return Seq([made(row) for row in zip(*found, strict=False)], ONE_PASS)
    return Iter(made(item_of(x) for x in parts))


def enumerated(x: Any, start: Any = ZERO) -> Any:
    items = item_facts(x)
    if items is None or type(start) is not Known:
        return Iter(made([Integer(None, low_of(start)), item_of(x)]))
    parts = [made([Known(start.value + i), item]) for i, item in enumerate(items)]
    return Seq(parts, ONE_PASS)


def some_range(*ends: Any) -> Any:
    """Return the fact about a range whose ends are not all known."""
    if not all(map(is_whole, ends)):
        return Iter(Integer(), True)
    start = low_of(ends[0]) if len(ends) > 1 else 0
    rising = len(ends) < 3 or (low_of(ends[2]) or -1) > 0
    if not rising:
        last = low_of(ends[1])
        start = None if last is None else last + 1  # of a falling one
    return Iter(Integer(None, start), True)


def backwards(x: Any) -> Any:
    items = item_facts(x)
    return Iter(item_of(x)) if items is None else Seq(items[::-1], ONE_PASS)


def largest(*parts: Any) -> Any:
    return extreme(parts, max)


def smallest(*parts: Any) -> Any:
    return extreme(parts, min)


def extreme(parts: Any, function: Any) -> Any:
    """Return the larger, or the smaller, of integers."""
    items = item_facts(parts[0]) if len(parts) == 1 else parts
    if not items or not all(map(is_whole, items)):
        return ANY
    lows = [low_of(x) for x in items]
    if function is max:
        known = [x for x in lows if x is not None]
        low = max(known, default=None)
        by_one = [x for x in items if type(x) is Integer and x.low is not None and x.low == low]
        others = [x for x in items if x not in by_one]
        if len(by_one) == 1 and all(type(x) is Known for x in others):
            return by_one[0]  # as max(n, 1) is n if n is at least 1
        return Integer(None, low)
    return Integer(None, None if None in lows else min(lows))  # type: ignore[type-var]


def total(x: Any, start: Any = ZERO) -> Any:
    items = item_facts(x)
    if items is None or not all(map(is_whole, (start, *items))):
        return ANY
    return functools.reduce(lambda a, b: size_facts.whole("+", a, b), items, start)


def product_of_items(x: Any) -> Any:
    items = item_facts(x)
    if items is None or not all(map(is_whole, items)):
        return ANY
    return functools.reduce(size_facts.times, items, Known(1))


def some(x: Any) -> Any:
    items = item_facts(x)
    found = [None] if items is None else [truth(item) for item in items]
    return Known(True) if True in found else ANY if None in found else Known(False)


def every(x: Any) -> Any:
    items = item_facts(x)
    found = [None] if items is None else [truth(item) for item in items]
    return Known(False) if False in found else ANY if None in found else Known(True)


def is_instance(x: Any, kinds: Any) -> Any:
    kind = type_of(x)
    if kind is None or type(kinds) is not Known:
        return ANY
    try:
        return Known(issubclass(kind, kinds.value))
    except TypeError:
        return ANY


def has(x: Any, name: Any) -> Any:
    kind = type_of(x)
    if type(name) is not Known or kind not in (np.ndarray, tuple, list, int):
        return ANY
    return Known(hasattr(kind, name.value))


def shape_fact(x: Any) -> Any:
    return array_facts.attribute(x, "shape") if type(x) is Arr else ANY


def axes_count(x: Any) -> Any:
    return array_facts.attribute(x, "ndim") if type(x) is Arr else ANY


def size_fact(x: Any) -> Any:
    return array_facts.attribute(x, "size") if type(x) is Arr else ANY


def reduce_fact(function: Any, x: Any, start: Any = None) -> Any:
    """Return the fact about functools.reduce of a function of NumPy that works on each element."""
    items = item_facts(x)
    plain = type(function) is Known and isinstance(function.value, np.ufunc)
    if not plain or items is None or not (items or start):
        return ANY
    parts = items if start is None else (start, *items)
    return functools.reduce(lambda a, b: array_facts.of_call(function.value, (a, b), {}), parts)


def first_of(x: Any, default: Any = None) -> Any:
    item = item_of(x)
    return item if default is None else join(item, default)


def as_whole(x: Any) -> Any:
    return x if is_whole(x) else Integer() if type(x) is Arr else ANY


def as_slice(*parts: Any) -> Any:
    none = Known(None)
    full = (none, *parts, none) if len(parts) == 1 else (*parts, none)[:3]
    return made(full, slice)


HANDLERS: dict[Any, Callable[..., Any]] = {
    len: length, tuple: tuple_fact, zip: zipped, enumerate: enumerated, range: some_range,
    reversed: backwards, max: largest, min: smallest, sum: total, math.prod: product_of_items,
    any: some, all: every, isinstance: is_instance, np.shape: shape_fact, np.ndim: axes_count,
    np.size: size_fact, int: as_whole, slice: as_slice, hasattr: has,
    next: first_of, functools.reduce: reduce_fact,
    bool: lambda x: ANY if truth(x) is None else Known(truth(x)),
}  # fmt: skip


# Operators
