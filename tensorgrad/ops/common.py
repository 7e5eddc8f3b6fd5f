"""Helpers that several families of ops use."""

from typing import Any

import numpy as np

from tensorgrad.rules import Function, nondifferentiable, primitive


def along_first_axis(function: Function) -> Function:
    """Turn a reduction into a ufunc's method, whose default is axis=0 instead of all axes."""

    def method(array: Any, axis: Any = 0, **kwargs: Any) -> Any:
        return function(array, axis=axis, **kwargs)

    return method


def as_array(x: Any) -> Any:
    """Return arrays and tensors unchanged, and numbers and lists as arrays."""
    return x if hasattr(x, "shape") else np.asarray(x)


@primitive
def values(x: Any) -> np.ndarray:
    """Return the array of a tensor, for decisions through which no gradient flows."""
    return np.asarray(x)


nondifferentiable(values)


def adjoint(a):
    """Return the conjugate transpose of a matrix, or of each matrix in a stack."""
    return np.conj(np.matrix_transpose(a))
