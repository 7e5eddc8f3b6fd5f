"""The statements of copied functions, and their calls of each other, followed with facts."""

import ast
import builtins
import itertools
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tensorgrad.program.cutting import builtin_facts
from tensorgrad.program.cutting.evaluation import CallScope, NotUnderstood
from tensorgrad.program.cutting.facts import (
    ANY,
    MOST_ITEMS,
    ONE_PASS,
    Copied,
    Iter,
    Known,
    Seq,
    fact_of,
    made,
    sequence_kind,
)
from tensorgrad.program.cutting.joins import equal
from tensorgrad.program.cutting.signatures import (
    bound_facts,
    defaults,
    is_generator,
    is_opaque,
    local_names,
    parameters,
    used_once,
)
from tensorgrad.program.cutting.statements import Statements, Variables
from tensorgrad.program.cutting.syntax import walk_syntax

MOST_CONTEXTS = 12  # of one function, that are told apart


# Whose functions are cut, because tests compare all of them with eager. A user's stay whole.
PACKAGES = {"tensorgrad", "nn"}


class Definition(NamedTuple):
    """The syntax of a copied function or class, and the function or class itself."""

    node: ast.FunctionDef | ast.ClassDef
    value: Any


def package_of(value: Any) -> str:
    """Return the package of a function or class."""
    return (value.__module__ or "").partition(".")[0]


class Context(NamedTuple):
    """A call of a function: the facts about its arguments and its result."""

    given: dict[str, Any]
    result: Any


class Flow(Statements):
    """Follows all calls of the copied functions of a program."""

    def __init__(self, definitions: dict[str, Definition], names: dict[str, Any]) -> None:
        super().__init__()
        self.names = names  # the values of the global names that are no copied functions
        self.classes: dict[Any, str] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.values: dict[str, Any] = {}
        for name, (node, value) in definitions.items():
            self.values[name] = value
            if isinstance(node, ast.FunctionDef):
                self.functions[name] = node
                continue
            self.classes[value] = name
            methods = [x for x in node.body if isinstance(x, ast.FunctionDef)]
            self.functions |= {f"{name}.{x.name}": x for x in methods}
        self.local = {name: local_names(node) for name, node in self.functions.items()}
        self.single = {name: used_once(node) for name, node in self.functions.items()}
        self.generators = {name for name, node in self.functions.items() if is_generator(node)}
        self.opaque = {
            name
            for name, node in self.functions.items()
            if is_opaque(node) or package_of(self.values[name.partition(".")[0]]) not in PACKAGES
        }
        self.spread_opaque()
        self.pure: dict[str, bool] = {}
        self.start()

    def spread_opaque(self) -> None:
        """Add what such functions call: an error there, which they may catch, is to stay."""
        waiting = list(self.opaque)
        while waiting:
            for used in self.copied_names(self.functions[waiting.pop()]):
                parts = [f for f in self.functions if f == used or f.startswith(f"{used}.")]
                waiting += set(parts) - self.opaque
                self.opaque |= set(parts)

    def start(self) -> None:
        """Forget what was found, but not which lists may change."""
        self.contexts: dict[str, list[Context]] = {name: [] for name in self.functions}
        self.stack: list[str] = []
        self.anything: set[str] = set()  # functions that may be called with anything
        self.fixed: set[str] = set()  # and those whose signature some call cannot follow
        self.facts, self.tests, self.again = {}, {}, False
        self.reached = set()
        self.numbers = {}
        self.loops = []

    def run(self, calls: Any) -> None:
        """Follow these calls, and all that they call.

        Raises: NotUnderstood if that is not possible.
        """
        for _ in range(8):
            self.start()
            for name, args, kwargs in calls:
                if args is None:
                    self.called_with_anything(name)
                else:
                    self.call_copied(name, args, kwargs)
            done: set[str] = set()
            while self.anything - done:
                name = sorted(self.anything - done)[0]
                done.add(name)
                self.enter(name, dict.fromkeys(parameters(self.functions[name]), ANY))
            if not self.again:
                return
        raise NotUnderstood("its lists change too often")

    # Names

    def global_named(self, name: str) -> Any:
        if name in self.values:
            return Copied(name)
        if name in self.names:
            return Known(self.names[name])
        found = getattr(builtins, name, self)
        return ANY if found is self else fact_of(found)

    def method_of(self, owner: Any, name: str) -> str | None:
        found = f"{self.classes.get(sequence_kind(owner))}.{name}"
        return found if found in self.functions else None

    def copied_names(self, node: ast.AST) -> Iterator[str]:
        for part in walk_syntax(node):
            if isinstance(part, ast.Name) and part.id in self.values:
                yield part.id

    def called_with_anything(self, name: str) -> None:
        methods = [f for f in self.functions if f.startswith(f"{name}.")]
        for f in methods or [name]:
            if f in self.functions:
                self.anything.add(f)
                self.fixed.add(f)

    # Calls

    def call_copied(self, name: str, args: Any, kwargs: Any) -> Any:
        if name not in self.functions:
            return self.construct(name, args, kwargs)
        node = self.functions[name]
        given = bound_facts(node, args, kwargs)
        if given is None or node.decorator_list or name in self.stack:
            self.lose(Copied(name), *args, *kwargs.values())
            self.called_with_anything(name)
            return ANY
        for parameter, default in defaults(node):
            if parameter not in given:
                given[parameter] = self.value(default, CallScope(name, {}, set()))
        given = {p: x if p in self.single[name] else self.kept(x) for p, x in given.items()}
        result = self.enter(name, given)
        found = self.computed(name, given)
        return result if found is None else found

    def construct(self, name: str, args: Any, kwargs: Any) -> Any:
        """Return the fact about a new object of a copied class."""
        kind = self.values[name]
        fields = getattr(kind, "_fields", ())
        given = dict(zip(fields, args, strict=False)) | kwargs
        if fields and len(args) <= len(fields) and set(given) == set(fields):
            return made((given[field] for field in fields), kind)
        self.lose(*args, *kwargs.values())
        self.called_with_anything(name)
        return ANY

    def enter(self, name: str, given: dict[str, Any]) -> Any:
        """Follow a function for arguments that it was not yet followed for."""
        known = self.contexts[name]
        for context in known:
            if all(equal(x, context.given.get(p)) for p, x in given.items()):
                return context.result
        if len(known) >= MOST_CONTEXTS and not all(x is ANY for x in given.values()):
            self.lose(*given.values())
            return self.enter(name, dict.fromkeys(given, ANY))
        if name in self.opaque:
            return self.skip(name, given)
        scope = CallScope(name, dict(given), self.local[name])
        self.stack.append(name)
        loops, self.loops = self.loops, []
        try:
            ends = self.block(self.functions[name].body, scope.variables, scope)
        finally:
            self.stack.pop()
            self.loops = loops
        result = self.result(name, scope, ends)
        known.append(Context(given, result))
        return result

    def result(self, name: str, scope: CallScope, ends: Variables) -> Any:
        """Return the fact about what a call returns."""
        if name in self.generators:
            return Iter(self.all_of(scope.yielded)) if scope.yielded else Iter(ANY)
        returned = scope.returned + ([Known(None)] if ends is not None else [])
        return self.all_of(returned) if returned else ANY

    def skip(self, name: str, given: dict[str, Any]) -> Any:
        """Take a function as it is, which may do anything with what it is given."""
        self.lose(*given.values())
        self.fixed.add(name)
        for used in self.copied_names(self.functions[name]):
            if used != name:
                self.called_with_anything(used)
        self.contexts[name].append(Context(dict.fromkeys(given, ANY), ANY))
        return ANY

    def computed(self, name: str, given: dict[str, Any]) -> Any:
        """Return the result of a function without effects whose arguments are all known."""
        if not all(map(is_plain_fact, given.values())) or not self.is_pure(name):
            return None
        values = {p: x.value for p, x in given.items()}
        node, function = self.functions[name], self.values.get(name)
        positional = [values.pop(a.arg) for a in (*node.args.posonlyargs, *node.args.args)]
        if node.args.vararg is not None:
            positional += values.pop(node.args.vararg.arg)
        assert function is not None
        try:
            found = function(*positional, **values)
            if isinstance(found, types.GeneratorType):
                items = list(itertools.islice(found, MOST_ITEMS + 1))
                return Seq(map(self.deep, items), ONE_PASS) if len(items) <= MOST_ITEMS else None
        except Exception:  # the program raises it too
            return ANY
        return self.deep(found)

    def deep(self, x: Any) -> Any:
        """Return the fact about a result; lists in it are followed no further."""
        if type(x) is tuple:
            return made(map(self.deep, x))
        return builtin_facts.small(x)

    def is_pure(self, name: str) -> bool:
        """Return True if a function, and all that it calls, has no effects."""
        if name not in self.pure:
            self.pure[name] = False  # if it calls itself
            node = self.functions[name]
            self.pure[name] = (
                name in self.values
                and name not in self.opaque
                and all(self.is_harmless(part, name) for part in walk_syntax(node))
            )
        return self.pure[name]

    def is_harmless(self, part: ast.AST, name: str) -> bool:
        """Return True for syntax that changes nothing outside of its function."""
        if isinstance(part, ast.Name) and part.id not in self.local[name]:
            found = self.global_named(part.id)
            if type(found) is Copied:
                return found.name in self.classes.values() or self.is_pure(found.name)
            return type(found) is Known and is_harmless_value(found.value)
        if isinstance(part, ast.Attribute):
            modules = isinstance(part.value, ast.Name) and part.value.id in self.names
            if modules and part.value.id not in self.local[name]:  # type: ignore[attr-defined]
                member = getattr(self.names[part.value.id], part.attr, None)  # type: ignore[attr-defined]
                inner = isinstance(member, types.ModuleType)  # such as np.random
                return is_harmless_value(member) and not inner
            return isinstance(part.ctx, ast.Load)
        # A loop that does not end is none here either.
        return not isinstance(part, (ast.Lambda, ast.With, ast.Try, ast.Delete, ast.While))

    # Statements


def is_plain_fact(x: Any) -> bool:
    """Return True for known numbers, texts, dtypes and tuples of them: no functions."""
    if type(x) is not Known:
        return False
    parts = x.value if isinstance(x.value, tuple) else (x.value,)
    return all(isinstance(p, type) or not callable(p) for p in parts)


def is_harmless_value(x: Any) -> bool:
    """Return True for what a function without effects may use of others."""
    if isinstance(x, types.ModuleType):
        return True  # of which each member is looked at
    if isinstance(x, type):
        return True
    plain = isinstance(x, (int, float, str, type(None), np.dtype))
    return plain or builtin_facts.is_pure(x) or x in ITERATES


ITERATES = {zip, enumerate, map, reversed, sorted, list, set, iter, next}
