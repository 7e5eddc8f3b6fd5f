"""Calls in copied functions, with facts in place of values."""

import ast
from typing import Any

import numpy as np

from tensorgrad.program.cutting import array_facts, builtin_facts
from tensorgrad.program.cutting.comprehensions import Comprehensions
from tensorgrad.program.cutting.evaluation import CallScope, NotUnderstood
from tensorgrad.program.cutting.facts import (
    ANY,
    Arr,
    BoundMethod,
    Copied,
    Known,
    item_facts,
    made,
    part_facts,
    sequence_kind,
)
from tensorgrad.program.cutting.joins import lost


class CallEvaluator(Comprehensions):
    """Evaluates calls."""

    classes: dict[Any, str]  # the names of copied classes

    def of_Call(self, node: ast.Call, scope: CallScope) -> Any:
        function = self.value(node.func, scope)
        args = self.spread(node.args, scope)
        kwargs = {k.arg: self.value(k.value, scope) for k in node.keywords}
        if args is None or None in kwargs:  # behind a star, of a number that is not known
            self.lose(function, *(args or ()), *kwargs.values())
            if type(function) is Known:
                check_allowed(function.value)
            return ANY
        return self.called(function, args, kwargs)

    def called(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Return the fact about a call."""
        if type(function) is Copied:
            return self.call_copied(function.name, args, kwargs)
        if type(function) is BoundMethod:
            return self.method(function, args, kwargs)
        if type(function) is Known:
            return self.plain(function.value, args, kwargs)
        self.lose(function, *args, *kwargs.values())
        return ANY

    def plain(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Return the fact about a call of NumPy's or Python's function."""
        if function in (list, set):
            items = item_facts(args[0]) if args else ()
            self.lose(*(items or args))
            return ANY
        if function is getattr and self.classes and not (args and type(args[0]) is Arr):
            raise NotUnderstood("it may call a method by the text of its name")
        check_allowed(function)
        found = builtin_facts.of_builtin(function, args, kwargs)
        if found is ANY and is_numpys(function):
            found = array_facts.of_call(function, args, kwargs)
        if found is ANY:
            self.lose(*(x for x in (*args, *kwargs.values()) if not self.only_reads(function, x)))
        return found

    def only_reads(self, function: Any, x: Any) -> bool:
        """Return True if a function does not keep, change or call what it is given."""
        callables = any(type(y) in (Copied, BoundMethod) for y in lost(x))
        return not callables and (
            is_numpys(function)
            or function in builtin_facts.HANDLERS
            or builtin_facts.is_pure(function)
        )

    def method(self, method: BoundMethod, args: Any, kwargs: Any) -> Any:
        """Return the fact about a call of a method."""
        owner, name = method.owner, method.name
        own = self.method_of(owner, name)
        if own is not None:
            return self.call_copied(own, [owner, *args], kwargs)
        if type(owner) is Arr:
            if name == "resize":
                raise NotUnderstood("it resizes an array in its place")
            return array_facts.of_method(name, owner, args, kwargs)
        if name == "_replace" and not args and hasattr(sequence_kind(owner), "_fields"):
            fields = sequence_kind(owner)._fields
            parts = dict(zip(fields, part_facts(owner), strict=True)) | kwargs
            return made(parts.values(), sequence_kind(owner)) if len(parts) == len(fields) else ANY
        if type(owner) is Known and all(type(x) is Known for x in args) and not kwargs:
            return builtin_facts.pure_call(getattr(owner.value, name), args, {})
        self.changed(owner)
        self.lose(owner, *args, *kwargs.values())
        return ANY


def is_numpys(function: Any) -> bool:
    """Return True for NumPy's functions, which neither keep nor change lists."""
    if isinstance(function, np.ufunc):
        return True
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        return True
    if isinstance(function, type):
        return issubclass(function, (np.generic, np.ndarray))
    return (getattr(function, "__module__", None) or "").partition(".")[0] == "numpy"


def check_allowed(function: Any) -> None:
    """Raise NotUnderstood for a function that may change what is known of names and values."""
    if function in FORBIDDEN:
        raise NotUnderstood(f"it calls {function.__name__}")


FORBIDDEN = {setattr, delattr, exec, eval, globals, locals, vars}
