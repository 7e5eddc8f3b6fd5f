"""The operators and methods of Tensor, from tables: each is the NumPy function of its name."""

import copy
import operator
from typing import Any

import numpy as np

from tensorgrad.engine.record import NO_KEYWORDS, NUMBERS, apply, dispatch, remember
from tensorgrad.engine.state import STATE
from tensorgrad.engine.tensor import Tensor
from tensorgrad.engine.views import assign_
from tensorgrad.rules import RULES, Function, numbers

# fmt: off
OPERATORS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power,
    "matmul": np.matmul, "mod": np.remainder, "floordiv": np.floor_divide,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift,
}
COMPARISONS = {
    "eq": np.equal, "ne": np.not_equal,
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
METHODS = (
    "all any argmax argmin argpartition argsort astype choose clip conj conjugate copy cumprod "
    "cumsum diagonal dot max mean min nonzero prod put ravel repeat round searchsorted squeeze std "
    "sum swapaxes take trace var"
)
# fmt: on


def operator_pair(ufunc: np.ufunc, compute: Function) -> tuple[Function, Function]:
    """Return `a * b` and its reflection: `apply` for two operands, written out for speed."""
    op = copy.copy(RULES[ufunc])
    op.compute = compute  # on NumPy's scalars the operator is ten times faster than the ufunc
    plans = [op.plan(wanted, 2) for wanted in range(4)]
    new, state_of = Tensor.__new__, STATE.get

    def forward(a: Any, b: Any) -> Tensor:
        state = state_of()
        if state.observer is not None:
            return apply(op, (a, b), NO_KEYWORDS)
        if isinstance(a, Tensor):
            x, p = a._value, a.node
        else:
            x, p = a if type(a) in NUMBERS else numbers(a), None
        if isinstance(b, Tensor):
            y, q = b._value, b.node
        else:
            y, q = b if type(b) in NUMBERS else numbers(b), None
        t = new(Tensor)
        t._value = out = compute(x, y)
        if type(out) is complex:  # so Python makes of a complex and a np.float64
            t._value = out = np.complex128(out)
        if (p is None and q is None) or not state.recording:
            t.node = None
        else:
            plan = plans[(p is not None) + 2 * (q is not None)]
            t.node = remember(op, plan, (p, q), (x, y), NO_KEYWORDS, out, out, state)
        return t

    return forward, lambda b, a: forward(a, b)


def _method(function: Function) -> Function:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return dispatch(function, (self, *args), kwargs)

    return _described(method, function, f"Return `np.{function.__name__}` of this tensor.")


def _in_place(function: Function) -> Function:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> None:
        assign_(self, dispatch(function, (self, *args), kwargs))

    return _described(method, function, f"Write `np.{function.__name__}` into this tensor.")


def _described(method: Any, function: Any, doc: str) -> Function:
    """Give a method its docstring and, for `help`, the signature of NumPy's function."""
    method.__name__, method.__doc__ = function.__name__, doc
    if not isinstance(function, np.ufunc):  # of which `inspect` finds no signature
        method.__wrapped__ = function
    return method


def _binary(name: str, ufunc: np.ufunc) -> None:
    """Give Tensor `a op b`, `b op a` and `a op= b`."""
    if ufunc in RULES:
        forward, reflected = operator_pair(ufunc, getattr(operator, name))
    else:
        forward, reflected = _method(ufunc), lambda b, a: dispatch(ufunc, (a, b), NO_KEYWORDS)
    setattr(Tensor, f"__{name}__", forward)
    setattr(Tensor, f"__r{name}__", reflected)
    setattr(Tensor, f"__i{name}__", lambda a, b: assign_(a, forward(a, b)))


for _name, _function in OPERATORS.items():
    _binary(_name, _function)
for _name, _function in (COMPARISONS | UNARY).items():
    setattr(Tensor, f"__{_name}__", _method(_function))
Tensor.__divmod__ = _method(np.divmod)  # type: ignore[method-assign]
Tensor.__rdivmod__ = lambda b, a: dispatch(np.divmod, (a, b), NO_KEYWORDS)  # type: ignore[method-assign]
for _name in METHODS.split():
    setattr(Tensor, _name, _method(getattr(np, _name)))
for _name in ("partition", "sort"):
    setattr(Tensor, _name, _in_place(getattr(np, _name)))
