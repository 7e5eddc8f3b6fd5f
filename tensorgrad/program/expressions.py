"""The expressions of steps as text."""

from typing import Any, NamedTuple

import numpy as np

from tensorgrad.program import counts, text
from tensorgrad.program.constants import Constants, has_dtype
from tensorgrad.program.sizes import ArgumentSize, SizedArray
from tensorgrad.program.steps import Step, Var
from tensorgrad.program.text import Expr

# The methods that do the same as these methods of ufuncs.
METHODS_OF = {
    np.add.reduce: "sum",
    np.multiply.reduce: "prod",
    np.maximum.reduce: "max",
    np.minimum.reduce: "min",
}


class Pending(NamedTuple):
    """An expression that waits for its only use."""

    expr: Expr
    step: Step
    read: set[Var]
    modules: list[str]  # whose calls are in it
    places: list[tuple[str, int] | None]  # the user's lines that are in it


def is_vector(x: Any) -> bool:
    """Return True for an array with axes."""
    return isinstance(x, SizedArray) or len(getattr(x, "shape", ())) > 0


def swaps(axis1: int, axis2: int) -> bool:
    """Return True if the two axes of a matrix change places."""
    return {axis1 % 2, axis2 % 2} == {0, 1}


class NoArgument(Exception):
    """The error about a size that no argument of a function has."""


class ExpressionWriter:
    """Writes the expression of a step, with those of its operands that wait for it."""

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.arguments: list[Var] = []  # of the function, whose lengths sizes are made of
        self.pending: dict[Var, Pending] = {}
        self.texts: dict[Var, Expr] = {}

    def name(self, v: Var) -> str:
        """Return the name of a variable."""
        raise NotImplementedError

    def read_by(self, v: Var) -> set[Var]:
        """Return the variables in the expression of a variable that waits, or itself."""
        return self.pending[v].read if v in self.pending else {v}

    def expr_of(self, x: Any, weak_for: Any = None) -> Expr:
        """Return the expression of a variable or a constant."""
        if type(x) is Var:
            if x in self.pending:
                waiting = self.pending.pop(x)
                self.texts[x] = waiting.expr
                return waiting.expr
            return self.texts[x] if x in self.texts else Expr(self.name(x))
        if type(x) is ArgumentSize:
            return self.size(x, weak_for)
        if type(x) is SizedArray:
            return text.array_text(x, self.expr_of)
        return self.constants.expr(x, weak_for, self.expr_of)

    def size(self, x: ArgumentSize, weak_for: Any) -> Expr:
        """Return the expression of a number that follows the lengths of the arguments."""
        found = text.size_text(x, self.length)
        if isinstance(x.like, np.generic) and not has_dtype(weak_for, x.like.dtype):
            return text.call(text.dtype(x.like.dtype), [found], {})
        if isinstance(x.like, float) and x.form == "count" and not isinstance(x.like, np.generic):
            return text.call("float", [found], {})
        return found

    def length(self, number: int) -> Expr:
        """Return the expression of a free length, as the first argument has it.

        Raises: NoArgument if none has.
        """
        places = [(v.free.index(number), v) for v in self.arguments if number in v.free]
        if not places:
            raise NoArgument
        axis, v = min(places, key=lambda pair: pair[0])
        name = self.texts[v]
        return Expr(f"len({name.text})") if axis == 0 else Expr(f"{name.text}.shape[{axis}]")

    def expression(self, step: Step) -> Expr:
        """Return the expression of a step."""
        args, kwargs = step.args, step.kwargs
        form = step.form
        if form == "binary":
            a, b = args
            return text.binary(step.callee, self.expr_of(a, b), self.expr_of(b, a))
        if form == "unary":
            return text.unary(step.callee, self.expr_of(args[0]))
        if form == "attribute":
            return self.suffix(args[0], f".{step.callee}")
        if form == "item":
            return self.suffix(args[0], self.index(args[1]))
        if form in ("set item", "update item"):
            target = self.suffix(args[0], self.index(args[1]))
            sign = step.callee or ""
            return Expr(f"{target.text} {sign}= {self.expr_of(args[2], args[0]).text}")
        if form == "in place":
            return Expr(
                f"{self.expr_of(args[0]).text} {step.callee}= {self.expr_of(args[1], args[0]).text}"
            )
        if form == "branch":
            name = self.constants.functions.branching(step.callee)
            return text.call(name, [self.expr_of(x) for x in args], {})
        if form == "check":
            return self.check(step.callee, *args)
        if form == "values":
            return Expr(counts.statement(step.callee, *(self.expr_of(x).text for x in args)))
        return self.call(step, args, kwargs)

    def check(self, error: Any, holds: Any, message: Any, *shown: Any) -> Expr:
        """Return a statement that raises, or warns, unless a condition holds."""
        read = self.read_by(holds) if type(holds) is Var else set()
        condition, short = self.condition(holds)
        parts = [self.expr_of(x).text for x in shown]
        if isinstance(message, str):
            # An object has no text, and its repr is what the message has of it.
            objects = {i: x for i, x in enumerate(shown) if id(x) in self.constants.objects}
            self.constants.only_in_checks |= {id(x) for x in objects.values()}
            said = text.f_string(message, parts, objects) if shown else text.string(message)
        else:
            self.constants.only_in_checks |= {id(x) for x in (message, *shown)}
            said = f"{self.constants.object(message).text}({', '.join(parts)})"
        name = self.constants.error(error)
        found = self.raised(error, condition, name, said)
        if not isinstance(message, str):  # a function, which only a running program has
            alone = self.raised(error, condition, name, text.string(short))
            self.constants.alone[found] = alone, read
        return Expr(found)

    def raised(self, error: Any, condition: str, name: str, said: str) -> str:
        """Return a statement that raises an error, or warns, under a condition."""
        if issubclass(error, Warning):
            self.constants.warns = True
            return f"if {condition}:\n    warnings.warn({said}, {name}, stacklevel=2)"
        raised = text.broken(f"raise {name}", [said], 8).replace("\n", "\n    ")
        return f"if {condition}:\n    {raised}"

    def condition(self, holds: Any) -> tuple[str, str]:
        """Return that a condition does not hold, and so in words; not x == x is np.isnan(x)."""
        step = self.pending[holds].step if holds in self.pending else None
        if step is not None and step.callee == "==" and step.args[0] is step.args[1]:
            del self.pending[holds]
            value = self.expr_of(step.args[0]).text
            return f"np.isnan({value})", f"{value} is NaN"
        return text.unary("not ", self.expr_of(holds)).text, "a value is not as it must be"

    def suffix(self, x: Any, ending: str) -> Expr:
        inner = self.expr_of(x)
        return Expr(inner.inside(text.ATOM) + ending, text.ATOM, inner.operations)

    def index(self, index: Any) -> str:
        """Return an index in brackets."""
        items = index if type(index) is tuple else (index,)
        parts = ", ".join(self.index_part(x) for x in items)
        if type(index) is tuple and len(index) == 1:
            parts += ","
        return f"[{parts or '()'}]"

    def index_part(self, x: Any) -> str:
        if type(x) is slice:
            start, stop = ("" if k is None else self.expr_of(k).text for k in (x.start, x.stop))
            if not all(map(text.SIMPLE.fullmatch, filter(None, (start, stop)))):
                start, stop = start and f"{start} ", stop and f" {stop}"  # as formatters do
            return f"{start}:{stop}" + ("" if x.step is None else f":{self.expr_of(x.step).text}")
        return "..." if x is Ellipsis else self.expr_of(x).text

    def call(self, step: Step, args: Any, kwargs: Any) -> Expr:
        """Return the call of a function or a method."""
        shown = {k: self.expr_of(x) for k, x in kwargs.items() if x is not np._NoValue}
        if step.form == "call":
            special = self.special(step, args, kwargs)
            if special is not None:
                return special
            function = self.constants.function(step.callee)
            if not function.startswith("np."):  # which may want a dtype as it is, not as a type
                args, kwargs = self.constants.kept(function, args, kwargs)
                given = [self.as_given(x) for x in args]
                return text.call(function, given, {k: self.as_given(x) for k, x in kwargs.items()})
            return text.call(function, [self.expr_of(x) for x in args], shown)
        x, *rest = args
        return self.method(step.callee, x, rest, shown)

    def as_given(self, x: Any) -> Expr:
        found = self.expr_of(x)
        typed = isinstance(x, np.dtype) and not found.text.startswith("np.dtype(")
        return Expr(f"np.dtype({found.text})") if typed else found

    def method(self, name: str, x: Any, rest: Any, kwargs: Any) -> Expr:
        inner = self.expr_of(x)
        called = text.call(
            f"{inner.inside(text.ATOM)}.{name}", [self.expr_of(a) for a in rest], kwargs
        )
        return called._replace(operations=called.operations + inner.operations)

    def special(self, step: Step, args: Any, kwargs: Any) -> Expr | None:
        """Return what a person writes for a call, if that is shorter and has the same bits."""
        function, x = step.callee, args[0] if args else None
        if function is np.dot and len(args) == 2 and not kwargs and is_vector(x):
            return self.method("dot", x, args[1:], {})
        if type(x) is not Var:
            return None
        if function is np.zeros_like and kwargs.get("shape") is not None:
            shape = kwargs["shape"]
            shape = shape[0] if isinstance(shape, tuple) and len(shape) == 1 else shape
            made = [self.expr_of(shape), Expr(text.dtype(step.outs.dtype))]
            return text.call("np.zeros", made, {})
        if (
            function is np.transpose
            and len(x.shape) == 2
            and not any(axes is not None for axes in args[1:])
            and not kwargs
        ):
            return self.suffix(x, ".T")
        if function is np.swapaxes and len(x.shape) == 2:
            return self.suffix(x, ".T") if swaps(*args[1:], **kwargs) else None
        method = METHODS_OF.get(function) if hasattr(function, "__self__") else None
        return None if method is None or x.scalar else self.reduction(method, x, kwargs)

    def reduction(self, method: str, x: Var, kwargs: Any) -> Expr | None:
        """Return a method's call such as x.sum(axis=0); None if it lacks one of the keywords."""
        shown = {k: self.expr_of(v) for k, v in kwargs.items() if k != "axis" and v is not None}
        if not set(shown) <= ({"keepdims", "dtype"} if method in ("sum", "prod") else {"keepdims"}):
            return None
        axis = kwargs.get("axis", 0)
        axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
        whole = len(x.shape) == 1 and axis == 0 and not shown
        return self.method(method, x, [], ({} if whole else {"axis": self.expr_of(axis)}) | shown)
