"""The surroundings of a function: tensors to read at each call, and values to compare."""

import functools
import sys
import types
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.engine.state import STATE, Scope
from tensorgrad.program.arrays import TracedArray
from tensorgrad.program.guards import PLAIN_VALUES, ClassGuard, Guard, SizeGuard
from tensorgrad.program.names import is_library
from tensorgrad.program.recorder import Recorder

CONTAINERS_OF_VALUES = (dict, list, set, deque)
FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial)
FOUND_VALUES = (TensorBase, np.ndarray, np.random.Generator, np.random.RandomState)
SLOT = TensorBase.__dict__["_value"]
MOST_OBJECTS = 20_000  # objects that are looked at


class Outside:
    """All that a function can reach."""

    def __init__(self, f: Any) -> None:
        self.tensors: dict[int, Any] = {}
        self.guards: list[Guard] = []
        self.generators: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self.buffers: list[tuple[dict[str, Any], str]] = []  # arrays that a module writes to
        self.containers: list[tuple[Any, Any]] = []  # and copies of them
        self.names: dict[int, str] = {}  # of tensors, as the function knows them
        self.owners: dict[int, str] = {}  # the names of objects
        self.owned: dict[int, str] = {}  # of tensors and attributes, with the names of their owners
        self.seen: dict[int, Any] = {}
        stack = [f]
        while stack and len(self.seen) < MOST_OBJECTS:
            x = stack.pop()
            if id(x) not in self.seen:
                self.seen[id(x)] = x
                stack.extend(self.visit(x))

    def visit(self, x: Any) -> Iterator[Any]:
        """Yield what is directly reachable from an object."""
        if isinstance(x, FOUND_VALUES):
            self.value(x)
        elif isinstance(x, FUNCTIONS):
            yield from self.function(x)
        elif isinstance(x, CONTAINERS_OF_VALUES):
            yield from self.container(x)
        elif "__wrapped__" in getattr(x, "__dict__", ()):  # as compiled functions have it
            yield x.__wrapped__
        elif isinstance(x, (tuple, frozenset)):
            yield from x
        elif is_object(x):
            yield from self.object(x)
        elif isinstance(x, type):
            yield from methods_of(x)

    def value(self, x: Any) -> None:
        """Note a tensor, an array or a generator."""
        if isinstance(x, np.ndarray):
            self.arrays.append(x)
        elif not isinstance(x, TensorBase):
            self.generators.append(x)
        elif not isinstance(getattr(type(x), "node", None), property):  # a result without a graph
            self.tensors[id(x)] = x

    def container(self, x: Any) -> Iterator[Any]:
        """Yield the items of a container."""
        self.containers.append((x, x.copy()))
        self.guards.append(SizeGuard(x, "", len(x)))
        if isinstance(x, (set, deque)):
            yield from x
        else:
            items = x.items() if isinstance(x, dict) else enumerate(x)
            yield from (self.guarded(x, key, value) for key, value in items)

    def object(self, x: Any) -> Iterator[Any]:
        """Yield the attributes of an object, and its class."""
        buffers = getattr(x, "_buffers", ())
        self.buffers += [(vars(x), key) for key in buffers]
        self.containers.append((vars(x), vars(x).copy()))
        if id(x) in self.owners:
            self.owned[id(vars(x))] = self.owners[id(x)]
        for key, value in list(vars(x).items()):
            if key not in buffers:
                yield self.guarded(vars(x), key, value)
        of_class = [pair for pair in class_values(type(x)) if pair[0] not in vars(x)]
        self.guards += [ClassGuard(x, key, value) for key, value in of_class]
        yield type(x)

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
            yield from (f.__self__, f.__func__)
        else:
            users, names = is_users(f.__module__), global_names(f.__code__)
            for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
                try:
                    value = cell.cell_contents
                    if users:
                        self.guarded(cell, None, value)
                except ValueError:  # not yet set
                    continue
                if isinstance(value, (TensorBase, np.ndarray)):
                    self.named_after(name, value)
                yield value
                yield from self.of_module(value, names)
            if users:
                yield f.__defaults__
                yield f.__kwdefaults__
                yield from self.named(f.__globals__, names)

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


def is_users(module: str | None) -> bool:
    """Return True for the name of a module whose variables may change."""
    package = (module or "").partition(".")[0]
    return not is_library(package) and package not in sys.stdlib_module_names


def methods_of(kind: type) -> Iterator[Any]:
    """Yield the functions of a user's class and of its bases."""
    for base in kind.__mro__:
        if is_users(base.__module__):
            for value in vars(base).values():
                found = value.fget if isinstance(value, property) else value
                function = getattr(found, "__func__", found)  # of a classmethod, a staticmethod
                if isinstance(function, types.FunctionType):
                    yield function


def values_of(container: Any) -> Any:
    """Return the values in a dict or a list."""
    return container.values() if isinstance(container, dict) else container


def is_stand_in(x: Any) -> bool:
    """Return True for a stand-in, and for a tensor that has one for its value."""
    return type(x) is TracedArray or (
        isinstance(x, TensorBase) and type(SLOT.__get__(x)) is TracedArray
    )


def is_object(x: Any) -> bool:
    """Return True for what has attributes that a function may use, such as a Module."""
    # Not a Scope, which has a cache of its own.
    known = (type, types.ModuleType, Scope, *PLAIN_VALUES)
    if isinstance(x, known) or not hasattr(x, "__dict__"):
        return False
    return type(x).__module__.partition(".")[0] not in ("numpy", "builtins", "contextvars")


def class_values(kind: type) -> list[tuple[str, Any]]:
    """Return the plain values that objects of a class have from it, such as Module.training."""
    names = dict.fromkeys(name for base in kind.__mro__ for name in vars(base))
    found = [(name, getattr(kind, name, None)) for name in names if not name.startswith("__")]
    return [(name, value) for name, value in found if isinstance(value, PLAIN_VALUES)]


@functools.lru_cache(maxsize=1024)
def global_names(code: types.CodeType) -> tuple[str, ...]:
    """Return the names that a function, and those inside it, look up outside of functions."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return tuple(dict.fromkeys([*code.co_names, *(n for c in inner for n in global_names(c))]))


def recorder_now() -> Recorder | None:
    """Return the recorder that is making a program in this thread, or None."""
    observer = STATE.get().observer
    return observer if isinstance(observer, Recorder) else None


@functools.cache
def watched(kind: type) -> type:
    """Return the class of tensors whose values are read as stand-ins while a program is made.

    The class of a tensor is changed to it for that time, so that tensors elsewhere cost nothing.
    """

    def read(t: Any) -> Any:
        value = SLOT.__get__(t)
        recorder = None if type(value) is TracedArray else recorder_now()
        return value if recorder is None else recorder.external(t, value)

    def write(t: Any, value: Any) -> None:
        recorder = recorder_now()
        if recorder is None or id(t) not in recorder.outside:
            SLOT.__set__(t, value)
        else:
            recorder.write(t, value)

    return type(kind.__name__, (kind,), {"__slots__": (), "_value": property(read, write)})
