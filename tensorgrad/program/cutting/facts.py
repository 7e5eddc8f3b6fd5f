"""Facts about values in copied functions, which hold for every call of a program.

Settings, dtypes and fixed axes are known; numbers in arrays, and lengths that follow the batch, are
not.
"""

import types
from typing import Any, NamedTuple

import numpy as np

MOST_ITEMS = 64  # of a sequence whose items are told apart


class Anything:
    """A value about which nothing is known."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ANY"


ANY = Anything()


class Known:
    """A value that is the same in every call."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Known({self.value!r})"


class Integer(NamedTuple):
    """An integer that is not known, of at least `low`; those with equal keys are equal."""

    key: Any = None
    low: int | None = None


class Arr(NamedTuple):
    """An array, or a number of NumPy: `kind` is "array", "generic", or "" if it may be both."""

    dtype: np.dtype[Any] | None
    shape: tuple[Any, ...] | None  # of integers and Sizes
    kind: str = "array"


class Seq:
    """A tuple, list, slice or NamedTuple with facts about its items."""

    __slots__ = ("items", "kind", "site")

    def __init__(self, items: Any, kind: Any = tuple, site: Any = None) -> None:
        self.items, self.kind, self.site = tuple(items), kind, site

    def __repr__(self) -> str:
        return f"{self.kind.__name__}{self.items!r}"


class Iter(NamedTuple):
    """A number of items that is not known, with one fact about all of them."""

    item: Any
    again: bool = False  # it can be gone through several times, as a range


class OfType(NamedTuple):
    """A value of which the type is known, such as one of several texts."""

    kind: type


class Copied(NamedTuple):
    """A function, or a class, whose text is copied."""

    name: str


class BoundMethod(NamedTuple):
    """A method of a copied class, or of a value, and what it belongs to."""

    name: str
    owner: Any


ONE_PASS = zip  # the kind of sequences that can be gone through once
MUTABLE = (list, set)  # which are followed until something else may change them
IMMUTABLE = (
    int, float, complex, str, bytes, type(None), type(Ellipsis), np.dtype, np.generic, type,
    types.UnionType,
)  # fmt: skip


def is_fixed(x: Any) -> bool:
    """Return True for values that nothing can change."""
    if isinstance(x, tuple):
        return all(map(is_fixed, x))
    if isinstance(x, slice):
        return all(map(is_fixed, (x.start, x.stop, x.step)))
    return isinstance(x, IMMUTABLE) or callable(x)


def fact_of(x: Any) -> Any:
    """Return the fact about a value that is known."""
    if isinstance(x, np.ndarray):
        return Arr(x.dtype, x.shape)
    return Known(x) if is_fixed(x) else ANY


def made(items: Any, kind: Any = tuple, site: Any = None) -> Any:
    """Return the fact about a sequence: a known value if all its items are known."""
    items = tuple(items)
    if kind not in MUTABLE and all(type(x) is Known for x in items):
        values = [x.value for x in items]
        return Known(tuple(values) if kind is tuple else kind(*values))
    return Seq(items, kind, site)


def item_facts(x: Any) -> tuple[Any, ...] | None:
    """Return the facts about the items of a sequence, or None if they are not told apart."""
    kind = type(x)
    if kind is Seq and x.kind not in (slice, set):
        found: tuple[Any, ...] = x.items
        return found
    if kind is Known and isinstance(x.value, (tuple, str, range)) and len(x.value) <= MOST_ITEMS:
        return tuple(map(fact_of, x.value))
    if kind is Arr and x.shape and isinstance(x.shape[0], int) and x.shape[0] <= MOST_ITEMS:
        rest = x.shape[1:]
        return (Arr(x.dtype, rest, "array" if rest else "generic"),) * x.shape[0]
    return None


def low_of(x: Any) -> int | None:
    """Return the least that an integer can be, or None."""
    if type(x) is Integer:
        return x.low
    if type(x) is Known and isinstance(x.value, int):
        return int(x.value)
    return None


def is_whole(x: Any) -> bool:
    """Return True for integers of Python."""
    return type(x) is Integer or (type(x) is Known and type(x.value) is int)


def sequence_kind(x: Any) -> Any:
    """Return the type of a sequence whose items are told apart, or None."""
    if type(x) is Seq:
        return x.kind
    if type(x) is Known and isinstance(x.value, (tuple, slice)):
        return type(x.value)
    return None


def part_facts(x: Any) -> tuple[Any, ...]:
    """Return the facts about the parts of a tuple, list, slice or NamedTuple."""
    if type(x) is Seq:
        return x.items
    value = x.value
    whole = (value.start, value.stop, value.step) if isinstance(value, slice) else value
    return tuple(map(fact_of, whole))


def type_of(x: Any) -> type | None:
    """Return the type of a value, or None if it is not known."""
    kind = type(x)
    if kind is Known:
        return type(x.value)
    if kind is Integer:
        return int
    if kind is OfType:
        return x.kind
    if kind is Seq:
        return None if x.kind is ONE_PASS else x.kind
    if kind is Arr and x.kind == "array":
        return np.ndarray
    if kind is Arr and x.kind == "generic" and x.dtype is not None:
        return x.dtype.type
    return None


def truth(x: Any) -> bool | None:
    """Return the truth of a value, or None if it is not known."""
    if type(x) is Known:
        return bool(x.value)
    if type(x) is Seq:
        return x.kind in (slice, ONE_PASS) or len(x.items) > 0
    if type(x) is Integer and x.low is not None and x.low > 0:
        return True
    return True if type(x) in (Copied, BoundMethod) else None
