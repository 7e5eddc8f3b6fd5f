"""Names and members: what the code of functions and classes names, and what is the user's."""

import contextlib
import dis
import functools
import gc
import importlib.util
import sys
import types
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.program.guards import PLAIN_VALUES, Guard, MemberGuard
from tensorgrad.program.names import is_library

CONTAINERS_OF_VALUES = (dict, list, set, deque)
FOUND_VALUES = (TensorBase, np.ndarray, np.random.Generator, np.random.RandomState)
VALUES_OF_CLASSES = (*PLAIN_VALUES, *CONTAINERS_OF_VALUES, *FOUND_VALUES, tuple, frozenset)


class NamesUsed:
    """The names in the code of the user's functions, and of the methods that these use."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.of_methods: dict[str, set[str]] = {}  # by the names of the methods

    def note(self, f: types.FunctionType, names: tuple[str, ...]) -> None:
        """Note the names in the code of a function, which may be a method."""
        owner = f.__qualname__.rpartition(".")[0]
        special = f.__name__.startswith("__") and f.__name__ not in ("__init__", "__new__")
        if owner and not owner.endswith("<locals>") and not special:
            self.of_methods.setdefault(f.__name__, set()).update(names)
        else:
            self.names.update(names)

    def add(self, name: str) -> None:
        """Note one name."""
        self.names.add(name)

    def __contains__(self, name: str) -> bool:
        """Return True for a name that a function uses, or a method that is used."""
        names = self.names
        while names:
            more = {x for method in names for x in self.of_methods.pop(method, ())}
            names = more - self.names
            self.names |= more
        return name in self.names


def is_users(module: str | None) -> bool:
    """Return True for the name of a module whose variables may change."""
    package = (module or "").partition(".")[0]
    return not is_library(package) and package not in sys.stdlib_module_names


def function_of_member(value: Any) -> types.FunctionType | None:
    """Return the function of a method, a property, a classmethod or a staticmethod, or None."""
    found = value.fget if isinstance(value, property) else value
    function = getattr(found, "__func__", found)
    return function if isinstance(function, types.FunctionType) else None


def is_variable(kind: type, name: str, value: Any) -> bool:
    """Return True for a value of a class that may change, and is not computed at each look."""
    known = isinstance(value, VALUES_OF_CLASSES) and not name.startswith("__")
    return known and getattr(kind, name, None) is value


def members_of(base: type) -> list[Guard]:
    """Return guards of the methods and properties of a user's class, and of a layer's forward."""
    if is_users(base.__module__):
        names = [name for name, value in vars(base).items() if is_member(name, value)]
    else:
        names = ["forward"] if "forward" in vars(base) else []
    return [MemberGuard(base, name) for name in names]


def is_member(name: str, value: Any) -> bool:
    """Return True for a method, a property or another descriptor that a class defines."""
    return hasattr(type(value), "__get__") and name not in ("__dict__", "__weakref__")


def modules_imported(f: types.FunctionType) -> list[types.ModuleType]:
    """Return the modules that a function imports inside."""
    names = modules_named(f.__code__, f.__globals__.get("__package__") or "")
    return [sys.modules[name] for name in names if name in sys.modules]


@functools.lru_cache(maxsize=1024)
def modules_named(code: types.CodeType, package: str) -> tuple[str, ...]:
    """Return the names of the modules in the import statements of a function."""
    found, level = [], 0
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            dots = "." * level if package else ""
            with contextlib.suppress(ImportError):  # as the function itself would raise
                found.append(importlib.util.resolve_name(dots + instruction.argval, package))
        elif isinstance(instruction.argval, int) and instruction.opname.startswith("LOAD_"):
            level = instruction.argval
    return tuple(found)


def cached_results(x: Any) -> Iterator[Any]:
    """Yield a cached function and its results, which only the collector of garbage can see."""
    for found in gc.get_referents(x):  # results, or a dict of them
        yield from found.values() if isinstance(found, dict) else (found,)


def has_slots(x: Any) -> bool:
    """Return True for an object of a user's class whose attributes are in slots."""
    return hasattr(type(x), "__slots__") and is_users(type(x).__module__)


def class_values(kind: type) -> list[tuple[str, Any]]:
    """Return the plain values that objects of a class have from it, such as Module.training."""
    names = dict.fromkeys(name for base in kind.__mro__ for name in vars(base))
    found = [(name, getattr(kind, name, names)) for name in names if not name.startswith("__")]
    return [(name, value) for name, value in found if isinstance(value, PLAIN_VALUES)]


@functools.lru_cache(maxsize=1024)
def global_names(code: types.CodeType) -> tuple[str, ...]:
    """Return the names that a function, and those inside it, look up outside of functions."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return tuple(dict.fromkeys([*code.co_names, *(n for c in inner for n in global_names(c))]))
