"""Functions whose values SciPy computes, and whose gradients come from an expression in NumPy."""

import functools
from typing import Any

import numpy as np

from tensorgrad.contexts import in_own_context
from tensorgrad.engine.record import apply
from tensorgrad.ops.common import numpys, substituted
from tensorgrad.rules import Function, Op, primitive
from tensorgrad.tensor.tensor import Tensor


def given_tensors(*values: Any) -> bool:
    """Return True if one of the values is a tensor."""
    return any(isinstance(value, Tensor) for value in values)


def valued_by(function: Function) -> Any:
    """Declare an expression that gives a SciPy function its gradient; arrays go to SciPy."""

    def declare(expression: Function) -> Function:
        @in_own_context
        @functools.wraps(expression)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not given_tensors(*args, *kwargs.values()):
                return function(*args, **kwargs)
            value = numpys(function, *args, **kwargs)
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
