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


def inexact(x: Any) -> Any:
    """Convert integers and booleans to float64; other numbers stay."""
    return x.astype(np.float64) if x.dtype.kind in "biu" else x


def sum_kept(x: Any, axis: Any) -> Any:
    """Sum along an axis that is kept; in float32 if x is of float16, which counts only to 2048."""
    if x.dtype != np.float16:
        return np.sum(x, axis=axis, keepdims=True)
    return np.sum(x, axis=axis, keepdims=True, dtype=np.float32).astype(np.float16)


@primitive
def values(x: Any) -> np.ndarray:
    """The array of a tensor, where only its numbers are asked for and no gradient is wanted."""
    return np.asarray(x)


nondifferentiable(values)


def adjoint(a):
    """The conjugate transpose of a matrix, or of each matrix of a stack."""
    return np.conj(np.matrix_transpose(a))


def fold_triangle(h, lower):
    """Convert the gradient of a Hermitian matrix to that of the one triangle that is read."""
    both = h + adjoint(h)
    both = np.tril(both) if lower else np.triu(both)
    return both * (1 - np.eye(h.shape[-1], dtype=h.dtype) / 2)


def hermitian_of(a):
    """Return the Hermitian matrix that the lower triangle stands for."""
    lower = np.tril(a)
    return (lower + adjoint(lower)) * (1 - np.eye(a.shape[-1], dtype=a.dtype) / 2)
