"""Names and members: what the code of functions and classes names, and what is the user's."""

import contextlib
import dis
import functools
import gc
import importlib.util
import os
import sys
import types
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.program.guards import PLAIN_VALUES, MemberGuard
from tensorgrad.program.names import is_library

CONTAINERS_OF_VALUES = (dict, list, set, deque)
FOUND_VALUES = (TensorBase, np.ndarray, np.random.Generator, np.random.RandomState)
VALUES_OF_CLASSES = (*PLAIN_VALUES, *CONTAINERS_OF_VALUES, *FOUND_VALUES, tuple, frozenset)
STANDARD = os.path.dirname(os.__file__)  # the folder of the standard library
INSTALLED = {"site-packages", "dist-packages"}
LOOKED_UP = ("LOAD_GLOBAL", "LOAD_NAME")


class NamesUsed:
    """The names in the code of the user's functions, and of the methods that these use."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.of_methods: dict[str, set[str]] = {}  # by the names of the methods
        self.grown = False  # so that methods among the names may be used now

    def note(self, f: types.FunctionType, names: tuple[str, ...]) -> None:
        """Note the names in the code of a function, which may be a method."""
        owner = f.__qualname__.rpartition(".")[0]
        special = f.__name__.startswith("__") and f.__name__ not in ("__init__", "__new__")
        self.grown = True
        if owner and not owner.endswith("<locals>") and not special:
            self.of_methods.setdefault(f.__name__, set()).update(names)
        else:
            self.names.update(names)

    def add(self, name: str) -> None:
        """Note one name."""
        self.grown = True
        self.names.add(name)

    def __contains__(self, name: str) -> bool:
        """Return True for a name that a function uses, or a method that is used."""
        names, self.grown = self.names if self.grown else set(), False
        while names:
            more = {x for method in names for x in self.of_methods.pop(method, ())}
            names = more - self.names
            self.names |= more
        return name in self.names


def is_users(module: str | None) -> bool:
    """Return True for the name of a module whose variables may change; None is a user's."""
    package = (module or "").partition(".")[0]
    return not (is_library(package) or is_standard(package) or is_installed(package))


def is_installed(package: str) -> bool:
    """Return True for a package of others, such as pandas, which has thousands of functions."""
    module = None if package == "__main__" else sys.modules.get(package)  # which a tool may be
    folders = getattr(module, "__path__", None) or [getattr(module, "__file__", None) or ""]
    return not INSTALLED.isdisjoint(Path(next(iter(folders))).parts)


def is_standard(package: str) -> bool:
    """Return True for a package of the standard library, not for a user's file of its name."""
    if package not in sys.stdlib_module_names or package not in sys.modules:
        return False
    file = getattr(sys.modules[package], "__file__", None)
    return file is None or file.startswith(STANDARD)


def is_users_class(kind: type) -> bool:
    """Return True for a class that a user defined, also where its module is not the user's.

    That is `builtins` where `exec` is given no `__name__`, and `types` after `make_dataclass`.
    """
    module = getattr(kind, "__module__", None)
    if not isinstance(module, str) or is_users(module):
        return True
    by_a_statement = bool(kind.__flags__ & 1 << 9)  # Py_TPFLAGS_HEAPTYPE, not by the interpreter
    standard = is_standard(module.partition(".")[0])
    return standard and by_a_statement and found_by_name(kind) is not kind


def found_by_name(x: Any) -> Any:
    """Return what the module of a function or class has under its name; None if that is nothing."""
    found: Any = sys.modules.get(x.__module__)
    for part in x.__qualname__.split("."):
        found = getattr(found, part, None)
    return found


def is_users_function(f: types.FunctionType) -> bool:
    """Return True for a function of a user's; `functools.wraps` may give it another module."""
    return is_users(f.__globals__.get("__name__"))


def belongs_to_user(x: Any) -> bool:
    """Return True for a function or a class of a user's, and for an object of such a class."""
    if isinstance(x, types.FunctionType):
        return is_users_function(x)
    return is_users_class(x if isinstance(x, type) else type(x))


def has_attributes(x: Any) -> bool:
    """Return True for an object with a dict of attributes, whatever its `__getattr__` says."""
    try:
        return isinstance(x.__dict__, dict)
    except Exception:  # of the user's code
        return False


def functions_of_member(value: Any) -> list[types.FunctionType]:
    """Return the functions of a method, a property, a classmethod and what else a class has."""
    if isinstance(value, property):
        found = [value.fget, value.fset, value.fdel]
    elif isinstance(value, (functools.cached_property, functools.partialmethod)):
        found = [value.func]
    else:
        found = [value.__func__ if isinstance(value, (classmethod, staticmethod)) else value]
    return [f for f in found if isinstance(f, types.FunctionType)]


def is_variable(name: str, value: Any) -> bool:
    """Return True for a value of a class that may change, or has what may."""
    known = isinstance(value, (*VALUES_OF_CLASSES, type)) or has_attributes(value)
    return known and not name.startswith("__")


def members_of(base: type) -> list[MemberGuard]:
    """Return guards of the methods and properties of a user's class, and of a layer's calls."""
    if is_users_class(base):
        names = [name for name, value in vars(base).items() if is_member(name, value)]
    else:
        names = [name for name in ("forward", "__call__") if is_function_of(base, name)]
    return [MemberGuard(base, name) for name in names]


def names_of_libraries(kind: type) -> Iterator[str]:
    """Yield the names of methods of a user's class that a base of a library's has too."""
    users: set[str] = set()
    others: set[str] = set()
    for base in kind.__mro__:
        (users if is_users_class(base) else others).update(vars(base))
    return (name for name in users & others if not name.startswith("__"))


def is_function_of(base: type, name: str) -> bool:
    """Return True if a class defines a function in Python under this name."""
    return isinstance(vars(base).get(name), types.FunctionType)


def is_member(name: str, value: Any) -> bool:
    """Return True for a method, a property or another descriptor that a class defines."""
    return hasattr(type(value), "__get__") and name not in ("__dict__", "__weakref__")


def modules_imported(f: types.FunctionType) -> list[str]:
    """Return the names of the modules that a function imports inside, and that are there."""
    names = modules_named(f.__code__, f.__globals__.get("__package__") or "")
    return [name for name in names if name in sys.modules]


@functools.lru_cache(maxsize=1024)
def modules_named(code: types.CodeType, package: str) -> tuple[str, ...]:
    """Return the names of the modules in the import statements of a function."""
    found: list[str] = []
    level = 0
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            found += modules_named(inner, package)
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


def class_values(kind: type) -> list[tuple[str, Any]]:
    """Return the plain values that objects of a class have from it, such as Module.training."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        found |= vars(base)
    values = [(name, value) for name, value in found.items() if not name.startswith("__")]
    return [(name, value) for name, value in values if isinstance(value, PLAIN_VALUES)]


@functools.lru_cache(maxsize=1024)
def global_names(code: types.CodeType) -> tuple[str, ...]:
    """Return the names that a function, and those inside it, look up outside of functions.

    Texts that could be names are among them, as `getattr` and `globals()` look them up.
    """
    constants = [y for x in code.co_consts for y in (x if isinstance(x, tuple) else (x,))]
    texts = [x for x in constants if isinstance(x, str) and x.isidentifier()]
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return tuple(
        dict.fromkeys([*code.co_names, *texts, *(n for c in inner for n in global_names(c))])
    )


@functools.lru_cache(maxsize=1024)
def may_catch(code: types.CodeType) -> bool:
    """Return True if a function, or one inside it, has a `try` or a `with`."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return bool(code.co_exceptiontable) or any(map(may_catch, inner))


@functools.lru_cache(maxsize=1024)
def looked_up_names(code: types.CodeType) -> tuple[str, ...]:
    """Return the names that a function, and those inside it, look up in globals and builtins."""
    found = [x.argval for x in dis.get_instructions(code) if x.opname in LOOKED_UP]
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return tuple(dict.fromkeys([*found, *(n for c in inner for n in looked_up_names(c))]))
