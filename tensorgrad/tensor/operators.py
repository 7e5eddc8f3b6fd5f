"""The operators and methods of Tensor, from tables: each is the NumPy function of its name."""

import operator
from keyword import iskeyword
from numbers import Number
from typing import Any

import numpy as np

from tensorgrad.engine.base import unwrap
from tensorgrad.engine.record import NUMBERS, apply, call_constant, dispatch, remember
from tensorgrad.engine.state import NO_KEYWORDS, STATE
from tensorgrad.engine.views import assign_
from tensorgrad.operands import numbers, refuse_mixed
from tensorgrad.rules import RULES, Function, Op, load_tables
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.tensor.words import check_keywords

# fmt: off
OPERATORS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power,
    "matmul": np.matmul, "mod": np.remainder, "floordiv": np.floor_divide,
    "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
    "lshift": np.left_shift, "rshift": np.right_shift,
}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
METHODS = (
    "all any argmax argmin argpartition argsort choose clip conj conjugate copy cumprod "
    "cumsum diagonal dot max mean min nonzero prod put ravel repeat round searchsorted squeeze std "
    "sum swapaxes take trace var"
)
# fmt: on


# Libraries with arrays of their own: a recorded tensor in them would lose its gradient.
OWN_ARRAYS = ("pandas", "scipy", "torch", "jaxlib")
# The product of a tensor with what another library holds, by its name: a room above declares it.
PRODUCTS: dict[str, Function] = {}


def defers(t: Tensor, other: Any, reflected: str) -> bool:
    """Return True if `t * other` is for `other` to compute, as `array * other` is in NumPy.

    So labels and units stay. A recorded tensor does not defer to what cannot hold a tensor.
    """
    kind = type(other)
    if not hasattr(kind, reflected) or (t.node is not None and holds_arrays(other)):
        return False
    ufunc = getattr(kind, "__array_ufunc__", Tensor)  # Tensor: there is none
    if ufunc is None or ufunc not in (Tensor, np.ndarray.__array_ufunc__):
        return True
    if hasattr(kind, "__array_priority__"):
        return other.__array_priority__ > 0
    return not isinstance(other, (list, tuple, str, bytes, Number)) and not hasattr(
        kind, "__array__"
    )


def holds_arrays(other: Any) -> bool:
    """Return True if `other` can hold arrays only, not tensors: then the tensor's array is used."""
    kind = type(other)
    return kind.__module__.partition(".")[0] in OWN_ARRAYS and hasattr(kind, "shape")


def product_of(ufunc: np.ufunc, other: Any) -> Function | None:
    """Return the function that a room above has declared for `t @ other`, or None."""
    if ufunc is not np.matmul or not holds_arrays(other):
        return None
    load_tables()
    return PRODUCTS.get(type(other).__module__.partition(".")[0])


def of_other(ufunc: np.ufunc, compute: Function, name: str, a: Any, b: Any) -> Any:
    """Return what another library makes of `a * b`, NotImplemented if it is asked, or else None."""
    product = product_of(ufunc, b)
    if product is not None:
        return product(a, b)
    if not defers(a, b, name):
        return None
    return compute(getattr(a, "_value", a), b) if holds_arrays(b) else NotImplemented


def operator_of(ufunc: np.ufunc, compute: Function, name: str) -> Function:
    """Return the operator `a * b`: `apply` for two operands, written out for speed."""
    op = Op(ufunc, RULES[ufunc].rules)
    op.compute = compute  # on NumPy's scalars the operator is ten times faster than the ufunc
    plans = [op.plan(wanted, 2) for wanted in range(4)]
    new, state_of = Tensor.__new__, STATE.get

    def forward(a: Any, b: Any) -> Tensor:
        if isinstance(a, Tensor):
            x, p = a._value, a.node
        else:
            x, p = a if type(a) in NUMBERS else numbers(a), None
        if isinstance(b, Tensor):
            y, q = b._value, b.node
        elif type(b) in NUMBERS:
            y, q = b, None
        elif (
            type(b) is not np.ndarray
            and (found := of_other(ufunc, compute, name, a, b)) is not None
        ):
            return found
        else:
            y, q = numbers(b), None
        state = state_of()
        if state.observer is not None:
            return apply(op, (a, b), NO_KEYWORDS)
        t = new(Tensor)
        try:
            t._value = out = compute(x, y)
        except TypeError as error:
            refuse_mixed(op.name, (x, y), error)
            raise
        if type(out) is complex:  # so Python makes of a complex and a np.float64
            t._value = out = np.complex128(out)
        if (p is None and q is None) or not state.recording:
            t.node = None
        else:
            plan = plans[(p is not None) + 2 * (q is not None)]
            t.node = remember(op, plan, (p, q), (x, y), NO_KEYWORDS, out, out, state)
        return t

    return forward


def operator_without_rule(ufunc: np.ufunc, compute: Function, name: str) -> Function:
    """Return an operator that has no rule of its own, such as `a // b` and `divmod(a, b)`."""

    def forward(a: Any, b: Any) -> Any:
        operands: list[Any] = []
        for x in (a, b):
            if not isinstance(x, Tensor) and type(x) not in NUMBERS:
                if x is b and defers(a, b, name):
                    return compute(a._value, b) if holds_arrays(b) else NotImplemented
                x = numbers(x)
            operands.append(x)
        return dispatch(ufunc, tuple(operands), NO_KEYWORDS)

    return forward


def reflection_of(forward: Function, compute: Function) -> Function:
    """Return `b * a` of an operator."""

    def reflected(b: Tensor, a: Any) -> Any:
        return compute(a, b._value) if b.node is None and holds_arrays(a) else forward(a, b)

    return reflected


def _method(function: Function) -> Function:
    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            check_keywords(kwargs, method.__name__)
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


def _comparison(compare: Function) -> Function:
    def method(self: Tensor, other: Any) -> Any:
        if STATE.get().observer is None:
            return compare(self._value, unwrap(other))  # whose result has no gradient
        return call_constant(compare, (self, other), NO_KEYWORDS)

    return method


def _binary(name: str, ufunc: np.ufunc) -> None:
    """Give Tensor `a op b`, `b op a` and `a op= b`."""
    compute = getattr(operator, f"{name}_" if iskeyword(name) else name)
    make = operator_of if ufunc in RULES else operator_without_rule
    forward = make(ufunc, compute, f"__r{name}__")
    reflected = reflection_of(forward, compute)

    def in_place(a: Tensor, b: Any) -> Any:
        result = forward(a, b)
        return result if result is NotImplemented else assign_(a, result)

    setattr(Tensor, f"__{name}__", forward)
    setattr(Tensor, f"__r{name}__", reflected)
    setattr(Tensor, f"__i{name}__", in_place)


for _name, _function in OPERATORS.items():
    _binary(_name, _function)
for _name in COMPARISONS:
    setattr(Tensor, f"__{_name}__", _comparison(getattr(operator, _name)))
for _name, _function in UNARY.items():
    setattr(Tensor, f"__{_name}__", _method(_function))
Tensor.__divmod__ = operator_without_rule(np.divmod, divmod, "__rdivmod__")  # type: ignore[method-assign]
Tensor.__rdivmod__ = reflection_of(Tensor.__divmod__, divmod)  # type: ignore[method-assign]
for _name in METHODS.split():
    setattr(Tensor, _name, _method(getattr(np, _name)))
for _name in ("partition", "sort"):
    setattr(Tensor, _name, _in_place(getattr(np, _name)))
