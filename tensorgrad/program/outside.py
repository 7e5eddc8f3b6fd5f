"""The surroundings of a function: tensors to read at each call, and values to compare."""

import array
import contextvars
import functools
import inspect
import os
import types
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.engine.state import Scope
from tensorgrad.operands import is_foreign
from tensorgrad.program.guards import (
    PLAIN_VALUES,
    ArrayGuard,
    AttributeGuard,
    ClassGuard,
    ContextGuard,
    EnvironmentGuard,
    FunctionGuard,
    Guard,
    MemberGuard,
    OrderGuard,
    SizeGuard,
    TypeGuard,
    defined_by,
)
from tensorgrad.program.members import (
    CONTAINERS_OF_VALUES,
    FOUND_VALUES,
    NamesUsed,
    cached_results,
    class_values,
    function_of_member,
    global_names,
    has_slots,
    is_users,
    is_variable,
    members_of,
    modules_imported,
)
from tensorgrad.program.names import is_library
from tensorgrad.program.simplify import MOST_LOOKED_AT
from tensorgrad.program.watching import is_stand_in

FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial)
BYTES = (array.array, bytearray, memoryview)
OTHERS = (
    *BYTES, contextvars.ContextVar, types.MappingProxyType, tuple, frozenset, weakref.ref,
)  # fmt: skip
MOST_OBJECTS = 20_000  # objects that are looked at


class Outside:
    """All that a function can reach."""

    def __init__(self, f: Any) -> None:
        self.tensors: dict[int, Any] = {}
        self.guards: list[Guard] = []
        self.members: list[Guard] = []  # of what classes define, if it is used
        self.generators: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self.buffers: list[tuple[dict[str, Any], str]] = []  # arrays that a module writes to
        self.containers: list[tuple[Any, Any]] = []  # and copies of them
        self.caches: list[tuple[Any, int]] = []  # cached functions, with the number of results
        self.names: dict[int, str] = {}  # of tensors, as the function knows them
        self.owners: dict[int, str] = {}  # the names of objects
        self.owned: dict[int, str] = {}  # of tensors and attributes, with the names of their owners
        self.librarys: set[int] = set()  # arrays and containers that the library writes to
        self.names_used = NamesUsed()
        self.attributes: dict[int, str] = {}  # the names of arrays that objects hold
        self.seen: dict[int, Any] = {}
        stack = [f]
        while stack and len(self.seen) < MOST_OBJECTS:
            x = stack.pop()
            if id(x) not in self.seen:
                self.seen[id(x)] = x
                stack.extend(self.visit(x))
        self.guards += [guard for guard in self.members if self.is_used(guard.key)]
        if "environ" in self.names_used or "getenv" in self.names_used:
            self.guards.append(EnvironmentGuard(None, None, dict(os.environ)))
        compared = [x for x in self.arrays if self.is_compared(x)]
        self.compared = {id(x) for x in compared}
        self.guards += map(ArrayGuard, compared)
        for x in self.arrays:
            self.names.setdefault(id(x), "constant")

    def has_grown(self) -> bool:
        """Return True if there is more, as after the first look at a cached_property."""
        return any(len(now) != len(copy) for now, copy in self.containers) or any(
            cache.cache_info().currsize != size for cache, size in self.caches
        )

    def visit(self, x: Any) -> Iterator[Any]:
        """Yield what is directly reachable from an object."""
        if isinstance(x, FOUND_VALUES):
            self.value(x)
        elif isinstance(x, FUNCTIONS):
            yield from self.function(x)
        elif isinstance(x, CONTAINERS_OF_VALUES):
            yield from self.container(x)
        elif isinstance(x, functools._lru_cache_wrapper):
            self.caches.append((x, x.cache_info().currsize))
            yield from cached_results(x)
        elif "__wrapped__" in getattr(x, "__dict__", ()):  # as compiled functions have it
            yield x.__wrapped__
        elif isinstance(x, OTHERS):
            yield from self.other(x)
        elif hasattr(type(x), "__array__"):
            self.array_like(x)
        elif is_object(x) or has_slots(x):
            yield from self.object(x)
        elif isinstance(x, type):
            yield from self.of_class(x)

    def value(self, x: Any) -> None:
        """Note a tensor, an array or a generator."""
        if isinstance(x, np.ndarray):
            self.arrays.append(x)
            if x.dtype.hasobject:
                self.guards.append(OrderGuard(x))
        elif not isinstance(x, TensorBase):
            self.generators.append(x)
        elif not isinstance(getattr(type(x), "node", None), property):  # a result without a graph
            self.tensors[id(x)] = x

    def array_like(self, x: Any) -> None:
        """Note what NumPy reads as an array, such as a Series."""
        if not is_foreign(type(x)):
            self.guards.append(ArrayGuard(x))

    def other(self, x: Any) -> Iterator[Any]:
        """Yield what is in a container of the standard library; note what is to be compared."""
        if isinstance(x, BYTES):
            self.guards.append(ArrayGuard(x))
        elif isinstance(x, contextvars.ContextVar):
            yield self.attribute(ContextGuard(x, x.name, x.get(None)))
        elif isinstance(x, types.MappingProxyType):
            self.guards.append(OrderGuard(x))
            yield from (self.guarded(x, key, value) for key, value in x.items())
        else:
            yield from (x(),) if isinstance(x, weakref.ref) else x

    def is_compared(self, x: np.ndarray) -> bool:
        """Return True for a small array whose elements the trace may have computed with."""
        if id(x) in self.librarys or x.nbytes > MOST_LOOKED_AT or x.dtype.hasobject:
            return False
        attribute = self.attributes.get(id(x))
        return attribute is None or attribute in self.names_used

    def container(self, x: Any) -> Iterator[Any]:
        """Yield the items of a container."""
        self.containers.append((x, x.copy()))
        self.guards.append(SizeGuard(x) if isinstance(x, list) else OrderGuard(x))
        if id(x) in self.librarys:
            self.librarys |= {id(value) for value in values_of(x)}
        if isinstance(x, (set, deque)):
            yield from x
        else:
            items = x.items() if isinstance(x, dict) else enumerate(x)
            yield from (self.guarded(x, key, value) for key, value in items)

    def object(self, x: Any) -> Iterator[Any]:
        """Yield the attributes of an object, and its class."""
        yield from self.slots(x)
        if not hasattr(x, "__dict__"):
            return
        buffers = inspect.getattr_static(x, "_buffers", ())
        if is_library(type(x).__module__.partition(".")[0]):
            self.librarys |= {id(value) for value in vars(x).values()}
        self.buffers += [(vars(x), key) for key in buffers]
        self.containers.append((vars(x), vars(x).copy()))
        self.guards.append(SizeGuard(vars(x)))
        if is_users(type(x).__module__):
            self.guards.append(TypeGuard(x, None, type(x)))
        if id(x) in self.owners:
            self.owned[id(vars(x))] = self.owners[id(x)]
        for key, value in list(vars(x).items()):
            if isinstance(value, np.ndarray):
                self.attributes[id(value)] = key
            if key not in buffers:
                yield self.guarded(vars(x), key, value)
        of_class = [pair for pair in class_values(type(x)) if pair[0] not in vars(x)]
        self.guards += [ClassGuard(x, key, value) for key, value in of_class]
        yield type(x)

    def slots(self, x: Any) -> Iterator[Any]:
        """Yield what an object of a user's class has in slots."""
        for base in type(x).__mro__:
            names = vars(base).get("__slots__", ()) if is_users(base.__module__) else ()
            for name in (names,) if isinstance(names, str) else names:
                if hasattr(x, name):
                    yield self.attribute(AttributeGuard(x, name, getattr(x, name)))

    def of_class(self, kind: type) -> Iterator[Any]:
        """Yield the methods of a user's class and of its bases, and the values in them."""
        for base in kind.__mro__:
            self.members += members_of(base)
            if is_users(base.__module__):
                self.guards.append(SizeGuard(vars(base)))
                for name, value in list(vars(base).items()):
                    function = function_of_member(value)
                    if function is not None:
                        yield function
                    elif is_variable(base, name, value):
                        self.guards.append(MemberGuard(base, name))
                        yield value

    def is_used(self, name: str) -> bool:
        """Return True for a member that the function may use, by its name or by an operator."""
        return name in self.names_used or name == "forward" or name.startswith("__")

    def attribute(self, guard: Guard) -> Any:
        """Note a value that is to be compared at each call, and return it."""
        self.guards.append(guard)
        return guard.value

    def guarded(self, where: Any, key: Any, value: Any) -> Any:
        """Note a value that is to be compared at each call."""
        self.guards.append(Guard(where, key, value))
        if isinstance(key, str):
            self.named_after(key, value, self.owned.get(id(where)))
        return value

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
                container.clear()
                (container.update if isinstance(container, (dict, set)) else container.extend)(copy)
        for guard in self.guards:
            if not guard.holds() and is_stand_in(x := guard.now()):
                found.append(x)
                guard.put_back()
        return found

    def function(self, f: Any) -> Iterator[Any]:
        """Yield what a function uses: its closure, its defaults, and the globals that it names."""
        if isinstance(f, functools.partial):
            yield from (f.func, f.args, f.keywords)
        elif isinstance(f, types.MethodType):
            self.names_used.add(f.__func__.__name__)
            yield from (f.__self__, f.__func__)
        else:
            users, names = is_users(f.__module__), global_names(f.__code__)
            if users:
                self.names_used.note(f, names)
            for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
                try:
                    value = cell.cell_contents
                    if users:
                        self.guarded(cell, None, value)
                    else:
                        self.librarys.add(id(value))
                except ValueError:  # not yet set
                    continue
                if isinstance(value, (TensorBase, np.ndarray)):
                    self.named_after(name, value)
                yield value
                yield from self.of_module(value, names)
            if users:
                self.guards.append(FunctionGuard(f, None, defined_by(f)))
                yield f.__defaults__
                yield f.__kwdefaults__
                yield from self.named(f.__globals__, names)
                for module in modules_imported(f):
                    yield from self.of_module(module, names)
                yield from (self.guarded(vars(f), *item) for item in list(vars(f).items()))

    def named(
        self, where: dict[str, Any], names: tuple[str, ...], modules: tuple[Any, ...] = ()
    ) -> Iterator[Any]:
        """Yield the globals of these names, and what a module among them has by these names."""
        for name in names:
            if name not in where:
                continue
            value = self.guarded(where, name, where[name])
            yield value
            yield from self.of_module(value, names, modules)

    def of_module(
        self, x: Any, names: tuple[str, ...], modules: tuple[Any, ...] = ()
    ) -> Iterator[Any]:
        """Yield what x has by these names, if it is a user's module that was not looked at."""
        if isinstance(x, types.ModuleType) and x not in modules and is_users(x.__name__):
            yield from self.named(vars(x), names, (*modules, x))


def values_of(container: Any) -> Any:
    """Return the values in a dict or a list."""
    return container.values() if isinstance(container, dict) else container


def is_object(x: Any) -> bool:
    """Return True for what has attributes that a function may use, such as a Module."""
    # Not a Scope, which has a cache of its own.
    known = (type, types.ModuleType, Scope, *PLAIN_VALUES)
    if isinstance(x, known) or not hasattr(x, "__dict__"):
        return False
    return type(x).__module__.partition(".")[0] not in ("numpy", "builtins", "contextvars")
