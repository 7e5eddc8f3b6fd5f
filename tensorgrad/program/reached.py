"""Objects that a function can reach: tensors to read at each call, and values to compare."""

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.engine.state import Scope
from tensorgrad.operands import is_foreign
from tensorgrad.program.arrays import Untraceable
from tensorgrad.program.guards import ArrayGuard, Guard, MemberGuard, OrderGuard
from tensorgrad.program.members import NamesUsed, has_attributes, is_users_class
from tensorgrad.program.refusals import UNREADABLE
from tensorgrad.program.simplify import MOST_LOOKED_AT
from tensorgrad.program.watching import is_stand_in

# A logger leads to all others, and decides no number.
WITHOUT_ATTRIBUTES = ("numpy", "builtins", "contextvars", "logging")


class Reached:
    """The values that were found, and how they are known."""

    def __init__(self) -> None:
        self.tensors: dict[int, Any] = {}
        self.guards: list[Guard] = []
        self.members: list[MemberGuard] = []  # of what classes define, if it is used
        self.generators: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self.buffers: list[tuple[dict[str, Any], str]] = []  # arrays that a module writes to
        self.containers: list[tuple[Any, Any]] = []  # and copies of them
        self.caches: list[tuple[Any, int]] = []  # cached functions, with the number of results
        self.iterators: list[Any] = []
        self.modules: list[Any] = []  # in attributes and containers
        self.names: dict[int, str] = {}  # of tensors, as the function knows them
        self.owners: dict[int, str] = {}  # the names of objects
        self.owned: dict[int, str] = {}  # of tensors and attributes, with the names of their owners
        self.librarys: set[int] = set()  # arrays and containers that the library writes to
        self.tries = False  # if a function may catch an error
        self.names_used = NamesUsed()
        self.attributes: dict[int, str] = {}  # the names of arrays and iterators of objects

    def has_grown(self) -> bool:
        """Return True if there is more, as after the first look at a cached_property."""
        return any(len(now) != len(copy) for now, copy in self.containers) or any(
            cache.cache_info().currsize != size for cache, size in self.caches
        )

    def undo(self) -> None:
        """Put back what runs have changed: plain values and containers."""
        for guard in self.guards:
            if guard.has_changed_value():
                guard.put_back()
        for container, copy in self.containers:
            if not all(map(operator.is_, contents_of(container), contents_of(copy))):
                refill(container, copy)

    def value(self, x: Any) -> Iterator[Any]:
        """Note a tensor, an array or a generator; yield the objects in an array."""
        if isinstance(x, np.ndarray):
            self.arrays.append(x)
            if x.dtype.hasobject:
                self.guards.append(OrderGuard(x))
                yield from x.ravel().tolist()
        elif not isinstance(x, TensorBase):
            self.generators.append(x)
        elif not isinstance(getattr(type(x), "node", None), property):  # a result without a graph
            self.tensors[id(x)] = x

    def array_like(self, x: Any) -> None:
        """Note what NumPy reads as an array, such as a Series."""
        if is_foreign(type(x)):
            return
        try:
            self.guards.append(ArrayGuard(x))
        except Exception as error:  # of another library's array
            raise Untraceable(UNREADABLE.format(type(x).__name__, error)) from error

    def is_compared(self, x: np.ndarray) -> bool:
        """Return True for a small array whose elements the trace may have computed with."""
        if id(x) in self.librarys or x.nbytes > MOST_LOOKED_AT or x.dtype.hasobject:
            return False
        return self.is_named(x)

    def is_named(self, x: Any) -> bool:
        """Return False for what stands in an attribute that the function does not name."""
        attribute = self.attributes.get(id(x))
        return attribute is None or attribute in self.names_used

    def is_used(self, name: str) -> bool:
        """Return True for a member that the function may use, by its name or by an operator."""
        return name in self.names_used or name == "forward" or name.startswith("__")

    def attribute(self, guard: Guard) -> Any:
        """Note a value that is to be compared at each call, and return it."""
        self.guards.append(guard)
        return guard.value

    def guarded(self, where: Any, key: Any, value: Any) -> Any:
        """Note a value that is to be compared at each call."""
        return self.named_guard(Guard(where, key, value))

    def named_guard(self, guard: Guard) -> Any:
        """Note a value that is to be compared at each call, and its name; return it."""
        self.guards.append(guard)
        if isinstance(guard.key, str):
            self.named_after(guard.key, guard.value, self.owned.get(id(guard.where)))
        return guard.value

    def named_after(self, key: str, value: Any, owner: str | None = None) -> None:
        """Note the name of a value."""
        whole = f"{owner}.{key}" if owner else key
        if isinstance(value, (TensorBase, np.ndarray)):
            self.names.setdefault(id(value), key)
            self.owned.setdefault(id(value), whole)
        elif is_object(value):
            self.owners.setdefault(id(value), whole)

    def restore(self) -> list[Any]:
        """Take stand-ins out of the containers and variables that hold them, and return them."""
        found: list[Any] = []
        for container, copy in self.containers:
            held = [x for x in values_of(container) if is_stand_in(x)]
            if held:
                found += held
                refill(container, copy)
        for guard in self.guards:
            if not guard.holds() and is_stand_in(x := guard.now()):
                found.append(x)
                guard.put_back()
        return found


class AttributesNow:
    """The attributes that an object has now: `__dict__` may be replaced, or be another thread's."""

    def __init__(self, owner: Any) -> None:
        self.owner = owner

    def __len__(self) -> int:
        return len(vars(self.owner))


def values_of(container: Any) -> Any:
    """Return the values in a dict or a list."""
    return container.values() if isinstance(container, dict) else container


def contents_of(container: Any) -> Iterator[Any]:
    """Yield the number of items, the keys, and the values of a container."""
    yield len(container)
    yield from container
    if isinstance(container, dict):
        yield from container.values()


def refill(container: Any, copy: Any) -> None:
    """Give a container the items of its copy."""
    container.clear()
    (container.update if isinstance(container, (dict, set)) else container.extend)(copy)


def is_iterator(x: Any) -> bool:
    """Return True for a generator and an iterator of Python's own, whose state nobody can read."""
    module = getattr(type(x), "__module__", None)
    return module in ("builtins", "itertools") and hasattr(type(x), "__next__")


def is_object(x: Any) -> bool:
    """Return True for what has attributes that a function may use, such as a Module."""
    if isinstance(x, (type, Scope)) or not has_attributes(x):  # a Scope has a cache of its own
        return False
    module = type(x).__dict__.get("__module__")
    package = module.partition(".")[0] if isinstance(module, str) else ""
    return is_users_class(type(x)) or package not in WITHOUT_ATTRIBUTES
