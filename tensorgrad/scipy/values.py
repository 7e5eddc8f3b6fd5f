"""Functions whose values SciPy computes, and whose gradients come from an expression in NumPy."""

import functools
from typing import Any

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.engine.base import unwrap
from tensorgrad.engine.record import apply
from tensorgrad.operands import STAND_INS
from tensorgrad.ops.common import numpys, substituted
from tensorgrad.rules import Function, Op, primitive
from tensorgrad.tensor.tensor import Tensor
from tensorgrad.transforms.trees import leaves_of


def given_tensors(*values: Any) -> bool:
    """Return True if one of the values is a tensor."""
    return any(isinstance(value, Tensor) for value in values)


def given_traced(*values: Any) -> bool:
    """Return True if an array among the values is hidden, because a program is made of the call."""
    return any(type(unwrap(leaf)) in STAND_INS for leaf in leaves_of(values))


def refuse_traced(name: str, remedy: str, *values: Any) -> None:
    """Raise Untraceable if an array among the values is hidden."""
    if given_traced(*values):
        from tensorgrad.program.arrays import Untraceable  # which the caller has loaded

        raise Untraceable(f"{name} cannot be part of a program of tg.compile, {remedy}")


def valued_by(function: Function) -> Any:
    """Declare an expression that gives a SciPy function its gradient; arrays go to SciPy."""

    def declare(expression: Function) -> Function:
        @in_own_context
        @functools.wraps(expression)
        def call(*args: Any, **kwargs: Any) -> Any:
            value = numpys(function, *args, **kwargs)
            if not given_tensors(*args, *kwargs.values()):
                return value
            with np.errstate(all="ignore"):  # because SciPy has already warned
                return substituted(expression(*args, **kwargs), value)

        return call

    return declare


def with_rules(*rules: Function | None) -> Any:
    """Declare the rules of a function that only this room calls: it takes arrays and tensors."""

    def declare(function: Function) -> Function:
        own = primitive(function)  # so that a program calls it as it stands
        op = Op(own, rules)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return apply(op, args, kwargs) if given_tensors(*args) else own(*args, **kwargs)

        return call

    return declare
