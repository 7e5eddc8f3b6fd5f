"""The constants of a program: numbers and small arrays are written out, others have names."""

import builtins
import types
from typing import Any

import numpy as np

from tensorgrad.program import text
from tensorgrad.program.steps import Var
from tensorgrad.program.text import Expr

SMALL = 200  # elements of an array that is written out above the program


class Defined(str):
    """The name of a function that stands above the program."""


def is_transposed(x: np.ndarray, whole: Any) -> bool:
    """Return True if x, a view of another array, is its transpose."""
    whole = whole.T
    return x.shape == whole.shape and x.strides == whole.strides and x.dtype == whole.dtype


def is_small(x: np.ndarray) -> bool:
    """Return True for an array whose numbers are written out above the program."""
    return x.size <= SMALL and x.dtype.kind in text.NUMERIC


def has_dtype(x: Any, dtype: np.dtype[Any]) -> bool:
    """Return True if Python's numbers become numbers of this dtype where they meet x."""
    typed = isinstance(x, (Var, np.ndarray, np.generic)) and not getattr(x, "weak", False)
    return typed and x.dtype == dtype


class Constants:
    """The names of what a program takes from outside: arrays, and functions without source text."""

    def __init__(self, known: dict[int, str]) -> None:
        self.known = known  # the names of arrays and functions that the user's function has
        self.arrays: dict[int, tuple[str, np.ndarray]] = {}
        self.objects: dict[int, tuple[str, Any]] = {}
        self.functions: Any = None  # the functions of the program, which set themselves here
        self.taken: Any = None
        self.warns = False
        self.generators: list[tuple[str, Any]] = []
        self.only_in_checks: set[int] = set()  # objects that only messages of errors show
        # What a text without them has in place of these lines, and the variables that this reads.
        self.alone: dict[str, tuple[str, set[Var]]] = {}
        self.places: dict[Any, str] = {}  # the names of arrays by their memory

    def expr(self, x: Any, weak_for: Any, inner: Any) -> Expr:
        """Return the expression of a constant.

        NumPy's number becomes Python's where it meets `weak_for`, which has its dtype.
        """
        if isinstance(x, str):
            return Expr(text.string(x))
        if x is None or isinstance(x, bytes) or x is Ellipsis:
            return Expr(repr(x) if x is not Ellipsis else "...")
        if isinstance(x, np.generic) and x.dtype.kind in text.NUMERIC + text.TEMPORAL:
            weak = x.dtype.kind in text.NUMERIC and has_dtype(weak_for, x.dtype)
            return text.number(text.shortest_number(x)) if weak else text.typed_number(x)
        if isinstance(x, (int, float, complex)):
            return text.number(x)
        if isinstance(x, np.ndarray):
            return self.array(x)
        if isinstance(x, tuple) and hasattr(x, "_fields"):
            return self.object(x)
        if isinstance(x, (tuple, list)):
            return text.sequence(
                [inner(item) for item in x], "()" if isinstance(x, tuple) else "[]"
            )
        return self.other(x, inner)

    def other(self, x: Any, inner: Any) -> Expr:
        if isinstance(x, dict):
            parts = ", ".join(f"{text.quoted(k)}: {inner(v).text}" for k, v in x.items())
            return Expr(f"{{{parts}}}")
        if isinstance(x, np.dtype):
            return Expr(text.dtype(x))
        if isinstance(x, type) and issubclass(x, np.generic):
            return Expr(f"np.{x.__name__}")
        if isinstance(x, slice):
            parts = ", ".join(inner(k).text for k in (x.start, x.stop, x.step))
            return Expr(f"slice({parts})")
        if callable(x):
            return Expr(self.function(x))
        return self.object(x)

    def array(self, x: np.ndarray) -> Expr:
        """Return the expression of an array, or the name that it gets."""
        # An array from outside may change, so it has a name, and its views too.
        if {id(x), id(x.base)}.isdisjoint(self.known) and id(x) not in self.arrays:
            expr = text.regular_array(x)
            if expr is not None:
                return expr
        if id(x.base) in self.known and is_transposed(x, x.base):
            return Expr(f"{self.array(x.base).text}.T")
        key = (x.__array_interface__["data"], x.shape, x.strides, x.dtype)
        if key in self.places:
            return Expr(self.places[key])
        if id(x) not in self.arrays:
            base = self.known.get(id(x), "constant")
            self.arrays[id(x)] = (self.taken.new(base), x)
            self.places[key] = self.arrays[id(x)][0]
        return Expr(self.arrays[id(x)][0])

    def object(self, x: Any) -> Expr:
        """Return the name of an object that has no text."""
        if id(x) not in self.objects:
            own: str = getattr(x, "__name__", type(x).__name__)
            base = self.known.get(id(x)) or own
            name = self.taken.new(base.strip("<>").lower())
            if hasattr(x, "bit_generator"):  # an argument of the text
                self.generators.append((name, x))
            self.objects[id(x)] = (name, x)
        return Expr(self.objects[id(x)][0])

    def error(self, kind: type) -> str:
        """Return the name of a class of errors or warnings."""
        if getattr(builtins, kind.__name__, None) is kind:
            return kind.__name__
        name = text.function_name(kind)
        return self.object(kind).text if name is None else name

    def imported(self, module: str, name: str = "") -> Any:
        """Return the name of a module or of its function; None if a program does not import it."""
        if module == text.SPECIAL:
            self.functions.imports.add(f"import {module}")
        elif not name:
            return None
        return f"{module}.{name}" if name else module

    def function(self, x: Any) -> str:
        """Return the name of a function of NumPy, of one defined above, or of one from outside."""
        if type(x) is Defined:
            return x
        name = text.function_name(x)
        if name is not None:
            scipys = name.startswith(text.SPECIAL)
            return self.imported(*name.rsplit(".", 1)) if scipys else name
        if isinstance(x, types.FunctionType):
            name = self.functions.with_source(x)
            if name is not None:
                return name
        return self.object(x).text

    def kept(self, function: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Return the arguments that a function above still takes, where its calls decide others."""
        return (
            (args, kwargs)
            if self.functions is None
            else self.functions.kept(function, args, kwargs)
        )
