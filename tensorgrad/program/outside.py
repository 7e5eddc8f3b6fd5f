"""The surroundings of a function: the walk through all that it can reach."""

import array
import collections
import contextvars
import functools
import inspect
import os
import sys
import threading
import types
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from tensorgrad.engine.base import TensorBase
from tensorgrad.program.guards import (
    AbsentGuard,
    ArrayGuard,
    AttributeGuard,
    ClassGuard,
    ContextGuard,
    EnvironmentGuard,
    FunctionGuard,
    InstanceGuard,
    MemberGuard,
    OrderGuard,
    SizeGuard,
    TypeGuard,
    UnsetGuard,
    defined_by,
)
from tensorgrad.program.members import (
    CONTAINERS_OF_VALUES,
    FOUND_VALUES,
    belongs_to_user,
    cached_results,
    class_values,
    functions_of_member,
    global_names,
    has_attributes,
    is_member,
    is_users,
    is_users_class,
    is_users_function,
    is_variable,
    looked_up_names,
    may_catch,
    members_of,
    modules_imported,
    names_of_libraries,
)
from tensorgrad.program.names import is_library
from tensorgrad.program.reached import AttributesNow, Reached, is_iterator, is_object, values_of

FUNCTIONS = (
    types.FunctionType, types.MethodType, functools.partial, staticmethod, classmethod,
    np.vectorize,
)  # fmt: skip
BYTES = (array.array, bytearray, memoryview)
VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))
OTHERS = (
    *BYTES, contextvars.ContextVar, types.MappingProxyType, tuple, frozenset, weakref.ref,
    types.BuiltinMethodType, types.MethodWrapperType, types.ModuleType, *VIEWS,
)  # fmt: skip
MOST_OBJECTS = 20_000  # objects that are looked at


class Outside(Reached):
    """All that a function can reach."""

    def __init__(self, f: Any) -> None:
        super().__init__()
        self.seen: dict[int, Any] = {}
        stack = [f]
        while stack and len(self.seen) < MOST_OBJECTS:
            x = stack.pop()
            if id(x) not in self.seen:
                self.seen[id(x)] = x
                stack.extend(self.visit(x))
            if not stack and self.modules:  # now the names that are looked up in them are known
                stack.extend(self.in_module(self.modules.pop()))
        used = {(guard.kind, guard.key): guard for guard in self.members if self.is_used(guard.key)}
        self.guards += used.values()
        if "environ" in self.names_used or "getenv" in self.names_used:
            self.guards.append(EnvironmentGuard(None, None, dict(os.environ)))
        self.iterators = [x for x in self.seen.values() if is_iterator(x) and self.is_named(x)]
        compared = [x for x in self.arrays if self.is_compared(x)]
        self.compared = {id(x) for x in compared}
        self.guards += map(ArrayGuard, compared)
        for x in self.arrays:
            self.names.setdefault(id(x), "constant")

    def visit(self, x: Any) -> Iterator[Any]:
        """Yield what is directly reachable from an object."""
        looks = (
            (FOUND_VALUES, self.value), (FUNCTIONS, self.function),
            (CONTAINERS_OF_VALUES, self.container), (functools._lru_cache_wrapper, self.cached),
            (OTHERS, self.other), (type, self.of_class),
        )  # fmt: skip
        look: Any = next((look for kinds, look in looks if isinstance(x, kinds)), None)
        if look is not None:
            yield from look(x)
        elif has_attributes(x) and "__wrapped__" in vars(x):  # as compiled functions have it
            yield x.__wrapped__
        elif hasattr(type(x), "__array__"):
            self.array_like(x)
        elif is_object(x):
            yield from self.object(x)
            return
        if not isinstance(x, type) and is_users_class(type(x)):
            yield from self.object(x)  # what an object with slots, a list or a number has

    def cached(self, x: Any) -> Iterator[Any]:
        """Yield a cached function and its results."""
        self.caches.append((x, x.cache_info().currsize))
        yield from cached_results(x)

    def other(self, x: Any) -> Iterator[Any]:
        """Yield what is in a container of the standard library; note what is to be compared."""
        if isinstance(x, BYTES):
            self.guards.append(ArrayGuard(x))
        elif isinstance(x, contextvars.ContextVar):
            yield self.attribute(ContextGuard(x, x.name, x.get(None)))
        elif isinstance(x, types.MappingProxyType):
            self.guards.append(OrderGuard(x))
            yield from (self.guarded(x, key, value) for key, value in x.items())
        elif isinstance(x, VIEWS):
            yield x.mapping
        elif isinstance(x, types.ModuleType):
            self.modules.append(x)
        elif isinstance(x, (types.BuiltinMethodType, types.MethodWrapperType)):
            if not isinstance(x.__self__, types.ModuleType):  # as of table.get
                yield x.__self__
        else:
            yield from (x(),) if isinstance(x, weakref.ref) else x

    def container(self, x: Any) -> Iterator[Any]:
        """Yield the items of a container."""
        self.containers.append((x, x.copy()))
        self.guards.append(SizeGuard(x) if isinstance(x, list) else OrderGuard(x))
        if id(x) in self.librarys:
            self.librarys |= {id(value) for value in values_of(x)}
        if isinstance(x, collections.defaultdict):
            yield self.attribute(AttributeGuard(x, "default_factory", x.default_factory))
        if isinstance(x, (set, deque)):
            yield from x
        else:
            items = x.items() if isinstance(x, dict) else enumerate(x)
            yield from (self.guarded(x, key, value) for key, value in items)

    def object(self, x: Any) -> Iterator[Any]:
        """Yield the attributes of an object, and its class."""
        yield from self.slots(x)
        if is_users_class(type(x)):
            self.guards.append(TypeGuard(x, None, type(x)))
        if not has_attributes(x):
            yield type(x)
            return
        buffers = inspect.getattr_static(x, "_buffers", ())
        if not is_users_class(type(x)) and is_library(type(x).__module__.partition(".")[0]):
            self.librarys |= {id(value) for value in vars(x).values()}
        self.buffers += [(vars(x), key) for key in buffers]
        self.containers.append((vars(x), vars(x).copy()))
        self.guards.append(SizeGuard(AttributesNow(x)))
        if id(x) in self.owners:
            self.owned[id(vars(x))] = self.owners[id(x)]
        for key, value in list(vars(x).items()):
            if isinstance(value, np.ndarray) or is_iterator(value):
                self.attributes[id(value)] = key
            if key not in buffers:
                local = isinstance(x, threading.local)
                kind: Any = AttributeGuard if local else InstanceGuard
                yield self.named_guard(kind(x, key, value))
        of_class = [pair for pair in class_values(type(x)) if pair[0] not in vars(x)]
        self.guards += [ClassGuard(x, key, value) for key, value in of_class]
        yield type(x)

    def slots(self, x: Any) -> Iterator[Any]:
        """Yield what an object of a user's class has in slots."""
        for base in type(x).__mro__:
            found = vars(base).items() if is_users_class(base) else ()
            # Their own names, because that of a private one in `__slots__` lacks the class.
            for name in [name for name, x in found if isinstance(x, types.MemberDescriptorType)]:
                if hasattr(x, name):
                    yield self.attribute(AttributeGuard(x, name, getattr(x, name)))
                else:
                    self.guards.append(UnsetGuard(x, name, None))

    def of_class(self, kind: type) -> Iterator[Any]:
        """Yield the methods of a user's class and of its bases, and the values in them."""
        # A method that is there in a base too may be called by the library, as forward is.
        for name in names_of_libraries(kind):
            self.names_used.add(name)
        for base in kind.__mro__:
            self.members += members_of(base)
            if is_users_class(base):
                self.guards.append(SizeGuard(vars(base)))
                self.guards.append(AttributeGuard(base, "__bases__", base.__bases__))
                for name, value in list(vars(base).items()):
                    functions = functions_of_member(value)
                    yield from functions
                    if not functions and is_variable(name, value):
                        if not is_member(name, value):
                            self.guards.append(MemberGuard(base, name))
                        yield value
        if is_users_class(type(kind)):
            yield type(kind)

    def function(self, f: Any) -> Iterator[Any]:
        """Yield what a function uses: its closure, its defaults, and the globals that it names."""
        if isinstance(f, functools.partial):
            yield from (f.func, f.args, f.keywords)
            yield from (self.guarded(vars(f), *item) for item in list(vars(f).items()))
        elif isinstance(f, types.MethodType):
            self.names_used.add(f.__func__.__name__)
            yield from (f.__self__, f.__func__)
        elif isinstance(f, np.vectorize):
            yield self.guarded(vars(f), "pyfunc", f.pyfunc)
        elif isinstance(f, (staticmethod, classmethod)):
            yield f.__func__
        else:
            yield from self.closure(f)
            if is_users_function(f):
                self.guards.append(FunctionGuard(f, None, defined_by(f)))
                self.tries = self.tries or may_catch(f.__code__)
                yield f.__defaults__
                yield f.__kwdefaults__
                yield from self.globals(f)
                yield from (self.guarded(vars(f), *item) for item in list(vars(f).items()))

    def closure(self, f: types.FunctionType) -> Iterator[Any]:
        """Yield the variables that a function has from those around it."""
        users, names = is_users_function(f), global_names(f.__code__)
        if users:
            self.names_used.note(f, names)
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not yet set
                self.guards.append(UnsetGuard(cell, "cell_contents", None))
                continue
            if users:
                self.guarded(cell, None, value)
            else:
                self.librarys.add(id(value))
            if isinstance(value, (TensorBase, np.ndarray)):
                self.named_after(name, value)
            yield from self.looked_into(value, names)

    def globals(self, f: types.FunctionType) -> Iterator[Any]:
        """Yield the globals and builtins that a function names, and the modules that it imports."""
        function: Any = f  # of whose builtins older type checkers do not know
        names, built_in = global_names(f.__code__), function.__builtins__
        yield from self.named(f.__globals__, names)
        if "globals" in names:
            self.guards.append(SizeGuard(f.__globals__))
        for name in looked_up_names(f.__code__):
            if name not in f.__globals__:
                self.guards.append(AbsentGuard(f.__globals__, name, None))
                if name in built_in:
                    yield self.guarded(built_in, name, built_in[name])
                else:
                    self.guards.append(AbsentGuard(built_in, name, None))
        for name in modules_imported(f):
            module = self.guarded(sys.modules, name, sys.modules[name])
            yield from self.looked_into(module, names)

    def named(
        self, where: dict[str, Any], names: tuple[str, ...], modules: tuple[Any, ...] = ()
    ) -> Iterator[Any]:
        """Yield the globals of these names, and what a module among them has by these names."""
        for name in names:
            if name in where:
                value = self.guarded(where, name, where[name])
                yield from self.looked_into(value, names, modules)

    def looked_into(
        self, x: Any, names: tuple[str, ...], modules: tuple[Any, ...] = ()
    ) -> Iterator[Any]:
        """Yield x, or, if it is a module that was not looked at, what it has by these names.

        Of a library's module that is only what a user has put there.
        """
        if not isinstance(x, types.ModuleType):
            yield x
        elif x not in modules:
            if is_users(x.__name__) and not {"getattr", "hasattr", "vars"}.isdisjoint(names):
                self.guards.append(SizeGuard(vars(x)))  # because these find what is added
            found = self.named(vars(x), (*names, "__getattr__"), (*modules, x))
            yield from found if is_users(x.__name__) else filter(belongs_to_user, found)

    def in_module(self, module: types.ModuleType) -> Iterator[Any]:
        """Yield what a module that stands in an attribute or a container has by names in use."""
        names = tuple(name for name in vars(module) if name in self.names_used)
        yield from self.looked_into(module, names)
