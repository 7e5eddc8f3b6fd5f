"""The registry: the gradient of every function, and the values that its rules need.

A rule is one expression per argument, `rule(g, out, *args, **kwargs)`: `g` is the cotangent, the
gradient in the output `out`, and the result is the gradient in that argument. It is written with
`np.` functions and operators only, so that it runs on ndarrays and, to be differentiated again, on
Tensors.

A parameter with a leading underscore is not read, so its array is not saved; its `.shape`,
`.dtype`, `.ndim` and `.size` are. A parameter with a default is a keyword that the rule knows; any
other keyword is refused at the call. The engine undoes broadcasting. Complex rules are transposed,
not conjugated: the engine conjugates once at either end, so that the gradient of a real loss is its
direction of steepest ascent.
"""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np

from tensorgrad.operands import numbers, refuse_shape

Function = Callable[..., Any]
F = TypeVar("F", bound=Function)
Array = TypeVar("Array", bound=Any)  # a Tensor, an ndarray or a number: the result is one as well
Residuals = tuple[Function, Function] | None
# The arguments that no rule reads; if a rule reads the output; if the nodes alone tell all shapes.
Plan = tuple[tuple[int, ...], bool, bool]
RULES: dict[Function, "Op"] = {}  # differentiable, with rules of their own
COMPOSITE: dict[Function, Function] = {}  # differentiable, made of functions that are
NONDIFFERENTIABLE: set[Function] = set()  # the result comes from values, but carries no gradient
STATIC: set[Function] = set()  # the result comes from shapes and dtypes alone, not from values
UNSUPPORTED: dict[Function, str] = {}  # has no right gradient here: why, and what to use instead
TABLES = (RULES, COMPOSITE, NONDIFFERENTIABLE, STATIC, UNSUPPORTED)
LATER: dict[str, tuple[str, ...]] = {}  # a library's module, and those with its functions' tables


class SavedArguments:
    """The arguments that a rule reads, by the names of its parameters."""

    def __init__(self, rule: Function, skip: int = 2) -> None:
        # Not by inspect.signature, which for all tables takes half as long as importing NumPy.
        rule = inspect.unwrap(rule)
        if not inspect.isfunction(rule):
            raise TypeError(f"a rule is a function with named parameters, but {rule!r} was given")
        code = rule.__code__
        names, n = code.co_varnames, code.co_argcount
        required = n - len(rule.__defaults__ or ())
        several = code.co_flags & inspect.CO_VARARGS
        operands = [*names[skip:required], *names[n + code.co_kwonlyargcount :][: bool(several)]]
        self.output = skip < 2 or not names[1].startswith("_")
        self.args = tuple(not name.startswith("_") for name in operands)
        self.keywords = frozenset(names[required : n + code.co_kwonlyargcount])


class Op:
    """A function with a rule per argument (None: no gradient there): one row of a table."""

    residuals: Function | None = None  # computes what rules read instead of the output

    def __init__(
        self, function: Function, rules: Sequence[Function | None], residuals: Residuals = None
    ) -> None:
        self.function = function
        self.name = function.__name__
        self.compute = getattr(function, "compute", function)  # a primitive's does not dispatch
        # NumPy's functions take lists as arrays; to a primitive, a list may be an index, say.
        self.operand: Function | None = numbers if self.compute is function else None
        self.plans: dict[int, Plan] = {}
        if residuals is not None:
            self.compute, self.residuals = residuals
        self.declare(rules)

    def output(self, computed: Any) -> Any:
        """Return the output, without the residuals that `compute` may have returned with it."""
        return computed if self.residuals is None else computed[0]

    @functools.cached_property
    def defaults(self) -> dict[str, Any]:
        """The parameters' names and defaults; empty if the function hides its signature."""
        try:
            parameters = inspect.signature(self.function).parameters
        except ValueError:
            return {}
        return {name: p.default for name, p in parameters.items()}

    def declare(self, rules: Sequence[Function | None]) -> None:
        """Set the rules, and what they read.

        Raises: TypeError if they take different numbers of arguments.
        """
        reads = [r and SavedArguments(r) for r in rules]
        known = [r for r in reads if r]
        again = [SavedArguments(self.residuals, skip=0)] if self.residuals else []
        self.arity = len(known[0].args)
        if len(rules) > self.arity or any(len(r.args) != self.arity for r in known + again):
            raise TypeError(f"the rules of {self.name} disagree about the number of its arguments")
        for r in known:
            r.args = tuple(map(any, zip(r.args, *(k.args for k in again), strict=True)))
        missing = [None] * (self.arity - len(rules))
        self.rules: Any = [*rules, *missing]
        self.reads: Any = [*reads, *missing]
        self.keywords = frozenset[str]().union(*(r.keywords for r in known))

    def plan(self, wanted: int, n: int) -> Plan:
        """Plan what a call of n arguments saves; bit i of `wanted` is set if i wants a gradient."""
        rows = [self.row(i) for i in range(n) if wanted >> i & 1]
        unread = tuple(i for i in range(n) if not any(row.args[i % len(row.args)] for row in rows))
        only_nodes = len(unread) == n and wanted == (1 << n) - 1
        self.plans[wanted] = plan = (unread, any(row.output for row in rows), only_nodes)
        return plan

    def row(self, i: int) -> SavedArguments:
        """Return what the rule of argument i reads."""
        row = self.reads[i]
        if row is None:
            raise TypeError(
                f"{self.name} has no gradient with respect to its argument {i}, but a tensor that "
                "requires one was given there; pass its .data, or declare the rule with "
                "tensorgrad.rule"
            )
        return row

    def unknown(self, kwargs: dict[str, Any]) -> str:
        """Return the message about keywords that no rule knows."""
        asked = ", ".join(sorted(set(kwargs) - self.keywords))
        known = ", ".join(sorted(self.keywords)) or "none"
        return (
            f"{self.name} cannot be differentiated with the keyword {asked} (its rules know: "
            f"{known}); leave it out, or pass .data if no gradient is wanted"
        )

    def bind(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the call with operands by position and the rest by keyword, without defaults."""
        names = list(self.defaults)
        kwargs = dict(zip(names[self.arity :], args[self.arity :], strict=False)) | kwargs
        args = args[: self.arity]
        for name in names[len(args) : self.arity]:
            if name not in kwargs:
                raise TypeError(f"{self.name} needs its argument {name} to be differentiated")
            args += (kwargs.pop(name),)
        kwargs = {k: v for k, v in kwargs.items() if v is not self.defaults.get(k, self)}
        hint = " (for an ndarray a, `a += tensor` is such a write: write a = a + tensor)"
        refuse_out(self.name, kwargs.get("out"), hint)
        return args, kwargs


class EachOp(Op):
    """A function of any number of arguments with one rule, `rule(g, out, i, *args, **kwargs)`."""

    def declare(self, rules: Sequence[Any]) -> None:
        self.gradient: Function = rules[0]
        self.read = SavedArguments(self.gradient, skip=3)
        self.arity = -1
        self.keywords = self.read.keywords
        self.rules = self  # rules[i] is the rule with its i filled in

    def row(self, i: int) -> SavedArguments:
        return self.read

    def plan(self, wanted: int, n: int) -> Plan:
        return () if self.read.args[0] else tuple(range(n)), self.read.output, False

    def __getitem__(self, i: int) -> Function:
        return lambda g, out, *args, **kwargs: self.gradient(g, out, i, *args, **kwargs)

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args, kwargs


def rule(function: Function, *gradients: Function | None, residuals: Residuals = None) -> None:
    """Declare the gradient of `function` with respect to each of its arguments, in order.

    With `residuals=(both, residual)` the rules read, in place of the output, an intermediate result
    of the call: `both(*args)` returns the output and that result, `residual(*args)` the result
    alone, with functions that have gradients of their own; it is called to differentiate again.
    Raises: TypeError if the rules take different numbers of arguments.

    >>> import tensorgrad as tg
    >>> scale = tg.primitive(lambda x, s: x * s)
    >>> tg.rule(scale, lambda g, _out, _x, s: g * s, lambda g, _out, x, _s: np.sum(g * x))
    >>> tg.grad(lambda x, s: np.sum(scale(x, s)), (0, 1))(np.array([1.0, 2.0]), 3.0)
    (array([3., 3.]), np.float64(3.0))
    """
    rules = [g and owned(g, i) for i, g in enumerate(gradients)]
    RULES[function] = Op(function, rules, residuals)


def rule_each(function: Function, gradient: Function) -> None:
    """Declare one rule, `gradient(g, out, i, *args)`, for each argument of a variadic function.

    >>> import tensorgrad as tg
    >>> total = tg.primitive(lambda *arrays: sum(arrays))
    >>> tg.rule_each(total, lambda g, _out, _i, *_arrays: g)
    >>> tg.grad(total, (0, 2))(1.0, 2.0, 3.0)
    (np.float64(1.0), np.float64(1.0))
    """
    RULES[function] = EachOp(function, (owned(gradient),))


def is_ours(function: Function) -> bool:
    """Return True for functions of NumPy and this library; what users declare is checked."""
    module = getattr(function, "__module__", None) or "numpy"  # a ufunc has none
    return module.partition(".")[0] in ("numpy", __name__.partition(".")[0])


def owned(gradient: Function, i: int | None = None) -> Function:
    """Return the rule of argument `i` (None: given at the call), a user's with checks."""
    if is_ours(gradient):
        return gradient
    load_tables()  # which would undo later what the user declares here

    @functools.wraps(gradient)
    def call(g: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
        place, operands = (args[0], args[1:]) if i is None else (i, args)
        return owned_result(gradient(g, out, *args, **kwargs), place, g, operands)

    return call


def owned_result(step: Any, i: int, g: Any, operands: tuple[Any, ...]) -> Any:
    """Return what a user's rule gave for operand `i`; copied, so that a buffer stays the user's.

    Raises: ValueError if the operand cannot have been repeated to this shape.
    """
    step = step if hasattr(step, "shape") else numbers(step)[()]
    refuse_shape(step, operands[i], (g, *operands))
    return step.copy() if type(step) is np.ndarray and step is not g else step


def composite(function: Function, implementation: Function | None = None) -> Any:
    """Declare that tensors go to `implementation`, which is made of differentiable calls.

    >>> import tensorgrad as tg
    >>> distance = tg.primitive(lambda a, b: np.sqrt(((a - b) ** 2).sum()))
    >>> @tg.composite(distance)
    ... def _(a, b):
    ...     return np.sqrt(np.sum((a - b) ** 2))
    >>> tg.grad(distance)(np.array([3.0, 4.0]), np.zeros(2))
    array([0.6, 0.8])
    """
    if implementation is None:
        return functools.partial(composite, function)
    if not is_ours(implementation):
        load_tables()  # as in `owned`
    COMPOSITE[function] = implementation
    return implementation


def nondifferentiable(*functions: Function, static: bool = False) -> None:
    """Declare functions whose result carries no gradient: they take tensors and return arrays.

    With `static` the result depends on shapes and dtypes alone, as that of np.size does.

    >>> import tensorgrad as tg
    >>> best = tg.primitive(lambda scores: scores.argmax())
    >>> tg.nondifferentiable(best)
    >>> best(tg.Tensor([0.1, 0.7, 0.2], requires_grad=True))
    np.int64(1)
    """
    (STATIC if static else NONDIFFERENTIABLE).update(functions)


def unsupported(reason: str, *functions: Function) -> None:
    """Declare functions that raise for recorded tensors, with the reason and the alternative."""
    UNSUPPORTED.update(dict.fromkeys(functions, reason))


def load_tables(function: Function | None = None) -> bool:
    """Load the tables that wait for a library, if it is imported and none has the function yet.

    Returns True if one has it now. A room registers its tables in LATER, so that `import
    tensorgrad` is light and imports no other library. Another thread, or this one after Ctrl-C, may
    find half a table, so each of its rows stands below all that it uses.
    """
    missing = not any(function in table for table in TABLES)
    for library in LATER.keys() & sys.modules.keys() if missing else ():
        for table in LATER.get(library, ()):
            importlib.import_module(table)
        LATER.pop(library, None)  # not before, because another thread would not wait for it
    return any(function in table for table in TABLES)


def primitive(function: F) -> F:
    """Make a function of ndarrays one that takes tensors too, through NumPy's own protocol.

    To take a recorded tensor it needs a rule, or to be declared composite or nondifferentiable.

    >>> import tensorgrad as tg
    >>> @tg.primitive
    ... def double(x):
    ...     return 2 * x
    >>> tg.rule(double, lambda g, _out, _x: 2 * g)
    >>> double(tg.Tensor(3.0, requires_grad=True))
    Tensor(6., dtype=float64, op=double)
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for x in (*args, *kwargs.values()) if kwargs else args:
            kind = type(x)
            if kind is not np.ndarray and getattr(kind, "takes_primitives", False):
                return x.__array_function__(call, (kind,), args, kwargs)
        return function(*args, **kwargs)

    call.compute = function  # type: ignore[attr-defined]
    return cast(F, call)


def refuse_out(name: str, out: Any, hint: str = "") -> None:
    """Raise if a function of tensors was given an array to write its result to."""
    if out is not None:
        raise TypeError(
            f"{name} cannot write into out= with tensors, which are values; use its result{hint}"
        )
