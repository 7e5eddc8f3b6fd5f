"""Helpers that several families of ops use."""

from typing import Any

import numpy as np

from tensorgrad.rules import Function, nondifferentiable, primitive


def along_first_axis(function: Function) -> Function:
    """A reduction as the method of a ufunc: along the first axis unless told otherwise."""

    def method(array: Any, axis: Any = 0, **kwargs: Any) -> Any:
        return function(array, axis=axis, **kwargs)

    return method


def as_array(x: Any) -> Any:
    """x itself if it is an array or a tensor, else the array of a number or a list."""
    return x if hasattr(x, "shape") else np.asarray(x)


@primitive
def values(x: Any) -> np.ndarray:
    """The array of a tensor, where only its numbers are asked for and no gradient is wanted."""
    return np.asarray(x)


nondifferentiable(values)


def adjoint(a):
    """The conjugate transpose of a matrix, or of each matrix of a stack."""
    return np.conj(np.matrix_transpose(a))
