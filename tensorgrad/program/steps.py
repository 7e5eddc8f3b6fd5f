"""Steps: the recorded NumPy calls that a program is made of, and the variables between them."""

import functools
import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

BY_PLACE = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
BINARY: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "**": operator.pow, "@": operator.matmul, "%": operator.mod, "//": operator.floordiv,
    "&": operator.and_,
    "|": operator.or_, "^": operator.xor, "<<": operator.lshift, ">>": operator.rshift,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip
SIGNS: dict[str, Callable[..., Any]] = {"-": operator.neg, "+": operator.pos, "~": operator.invert}
IN_PLACE: dict[str, Callable[..., Any]] = {
    "+": operator.iadd, "-": operator.isub, "*": operator.imul, "/": operator.itruediv,
    "**": operator.ipow, "@": operator.imatmul, "%": operator.imod, "//": operator.ifloordiv,
    "&": operator.iand,
    "|": operator.ior, "^": operator.ixor, "<<": operator.ilshift, ">>": operator.irshift,
}  # fmt: skip


def set_item(x: Any, index: Any, value: Any) -> None:
    """Write into an array."""
    x[index] = value


def method(name: str, x: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a method of an array."""
    return getattr(x, name)(*args, **kwargs)


RUN: dict[str, Callable[..., Any]] = {
    "binary": lambda symbol, a, b: BINARY[symbol](a, b),
    "unary": lambda symbol, x: SIGNS[symbol](x),
    "in place": lambda symbol, a, b: IN_PLACE[symbol](a, b),
    "item": lambda _, x, index: x[index],
    "set item": lambda _, x, index, value: set_item(x, index, value),
    "attribute": lambda name, x: getattr(x, name),
    "method": method,
    "call": lambda function, *args, **kwargs: function(*args, **kwargs),
}

CHECKS = ("check", "values")  # the forms of steps that raise unless something holds

NESTED = (tuple, list, dict, slice)
CONTAINERS = set(NESTED)


class Var:
    """A variable of a program: an argument, or the result of a step."""

    __slots__ = (
        "alias", "c_order", "compact", "counted", "dtype", "fixed", "free", "gradient_of", "hint",
        "name", "root", "same", "scalar", "shape", "shares", "view", "weak",
    )  # fmt: skip

    def __init__(self, value: Any, root: "Var | None" = None) -> None:
        self.shape: tuple[int, ...] = np.shape(value)
        self.scalar = not isinstance(value, np.ndarray)  # a number, of NumPy or of Python
        self.weak = self.scalar and not isinstance(value, np.generic)  # of Python
        self.compact = self.scalar or value.flags.forc
        self.c_order = self.scalar or value.flags.c_contiguous
        self.view = not self.scalar and value.base is not None
        self.dtype: np.dtype[Any] = np.asarray(value).dtype if self.weak else value.dtype
        self.root = self if root is None else root  # the variable whose memory it shares
        self.shares: tuple[Var, ...] = ()  # others whose memory it shares for some values only
        self.alias: Var | None = None  # the variable whose very elements it shows, in their order
        self.same: Var | None = None  # the variable that this one is a copy of
        self.fixed: np.ndarray | None = None  # the array from outside, whose place this one takes
        self.counted = False  # if its shape depends on values
        self.free: tuple[int | None, ...] = ()  # of each axis, the number of the length it has
        self.hint: Hint | None = None
        self.gradient_of: Var | None = None
        self.name = ""


def resolved(v: Var) -> Var:
    """Return the variable that stands for this one, which may be a copy that was left out."""
    while v.same is not None:
        v = v.same
    return v


# How good a name is: that of a variable in the library, of an operation, of the function whose
# result it is, or the user's own.
LIBRARYS, OPERATIONS_OWN, OF_RESULT, USERS = 1, 2, 3, 4


class Hint(NamedTuple):
    """A name for a variable, and how good it is."""

    name: str
    rank: int


class CallGroup:
    """The call of a primitive or of a rule, whose steps belong together."""

    __slots__ = ("doc", "name", "names", "results", "source")

    def __init__(self, name: str, source: Any, names: dict[Var, str]) -> None:
        self.name = name
        self.source = source
        self.names = names  # of its arguments
        self.results: list[Var] = []  # in their order
        self.doc: str | None = source.__doc__


class Step:
    """One recorded call: what is called, with which variables and constants, and what it writes."""

    __slots__ = (
        "args", "backward", "callee", "errors", "form", "group", "kwargs", "outs", "place", "pull",
        "pure", "scope", "writes",
    )  # fmt: skip

    def __init__(self, form: str, callee: Any, args: Any, kwargs: Any) -> None:
        self.form, self.callee, self.args, self.kwargs = form, callee, args, kwargs
        self.outs: Any = None  # a Var, or a tuple of them
        self.writes: tuple[Var, ...] = ()
        self.pure = True
        self.group: CallGroup | None = None
        self.scope: Any = None  # of the forward call
        self.backward = False
        self.pull: Any = None  # of the checkpoint or custom gradient that the step is part of
        self.place: tuple[str, int] | None = None
        self.errors: dict[str, str] | None = None  # of np.errstate, if not those of the caller

    def reads(self) -> Iterator[Var]:
        """Yield the variables among the arguments, as often as they occur."""
        for x in self.args:
            if type(x) is Var:
                yield x
            elif type(x) in CONTAINERS:
                yield from variables(x)
        if self.kwargs:
            yield from variables(self.kwargs)

    def made(self) -> Iterator[Var]:
        """Yield the variables that the step makes."""
        return iter((self.outs,)) if type(self.outs) is Var else variables(self.outs)


def variables(tree: Any) -> Iterator[Var]:
    """Yield the variables in nested tuples, lists, dicts and slices."""
    kind = type(tree)
    if kind is Var:
        yield tree
    elif isinstance(tree, (tuple, list)):
        for item in tree:
            yield from variables(item)
    elif kind is dict:
        for item in tree.values():
            yield from variables(item)
    elif kind is slice:
        yield from variables((tree.start, tree.stop, tree.step))


def given_out(function: Any, args: Any, kwargs: Any) -> tuple[Any, ...]:
    """Return the array that a call writes to as its `out`, by keyword or by position, if any."""
    given = kwargs.get("out")
    if given is None and len(args) > 2:
        place = place_of_out(function)
        given = args[place] if place is not None and place < len(args) else None
    return () if given is None else (given,)


@functools.lru_cache(maxsize=256)
def place_of_out(function: Any) -> int | None:
    """Return the place of the parameter `out` of a function of NumPy; None if it has none."""
    if isinstance(function, np.ufunc):
        return function.nin
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        return 3  # of reduce and accumulate
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # older releases do not tell, of these two in C
        return {np.dot: 2, np.concatenate: 2}.get(function)
    places = [i for i, p in enumerate(parameters) if p.name == "out" and p.kind in BY_PLACE]
    return places[0] if places else None


def substituted_in(tree: Any, change: Callable[[Any], Any]) -> Any:
    """Return the tree with every leaf changed."""
    kind = type(tree)
    if isinstance(tree, (tuple, list)):
        items = [substituted_in(x, change) if isinstance(x, NESTED) else change(x) for x in tree]
        return kind(*items) if hasattr(tree, "_fields") else kind(items)
    if kind is dict:
        return {key: substituted_in(item, change) for key, item in tree.items()}
    if kind is slice:
        return slice(*(substituted_in(x, change) for x in (tree.start, tree.stop, tree.step)))
    return change(tree)


def hint(variable: Var, name: str, rank: int) -> None:
    """Suggest a name for a variable; the better one wins, and the first of equals."""
    if variable.hint is None or rank > variable.hint.rank:
        variable.hint = Hint(name, rank)


def gradient_hint(variable: Var, of: Var) -> None:
    """Note of which variable this one is the gradient."""
    if variable.gradient_of is None:
        variable.gradient_of = of
