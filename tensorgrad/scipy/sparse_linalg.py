"""Linear systems with sparse matrices: scipy.sparse.linalg for tensors, as tensorgrad.scipy.sparse.linalg.

The pattern of a matrix is constant. Its values are constant too, or a tensor `data` in the order of `A.data`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from tensorgrad.engine.base import unwrap
from tensorgrad.ops.common import numpys
from tensorgrad.rules import Function
from tensorgrad.scipy.values import given_tensors, given_traced, with_rules

__all__ = ["cg", "spsolve"]


def __getattr__(name: str) -> Any:
    """Return what scipy.sparse.linalg has by a name."""
    return getattr(scipy.sparse.linalg, name)


PLAIN = (np.ndarray, int, float, str)


class SparsePattern:
    """The positions of the values of a sparse matrix, and the solver for it."""

    def __init__(self, A: Any, solve: Callable[..., Any], **options: Any) -> None:
        if not hasattr(A, "data") or A.format not in ("csr", "csc", "coo"):
            A = scipy.sparse.csr_array(A)
        coo = A.tocoo(copy=False)
        self.rows, self.columns = coo.coords if hasattr(coo, "coords") else (coo.row, coo.col)
        self.given, self.shape, self.values = A, A.shape, A.data
        self.solve, self.options = solve, options

    def __eq__(self, other: object) -> bool:
        """Return True for the same matrix and solver, so that a program can hold it."""
        if not isinstance(other, SparsePattern):
            return False
        return (self.shape, self.solve) == (other.shape, other.solve) and all(
            a is b or (isinstance(a, PLAIN) and isinstance(b, PLAIN) and np.array_equal(a, b))
            for a, b in zip(self.parts(), other.parts())
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.values.size))

    def parts(self) -> list[Any]:
        """Return what tells two patterns apart; an operator, such as M, is the same or another."""
        return [self.rows, self.columns, self.values, *self.options.values()]

    def matrix(self, data: Any, transposed: bool) -> Any:
        """Return the matrix with these values."""
        A = scipy.sparse.csc_array((data, (self.rows, self.columns)), self.shape)
        return scipy.sparse.csc_array(A.T) if transposed else A


def _by_data(g, out, data, _b, pattern=None, transposed=False, start=None):
    """d(A⁻¹ b) = -A⁻¹ dA x: one product of the adjoint and the solution per position."""
    w = solution(data, g, pattern=pattern, transposed=not transposed)
    rows, columns = pattern.rows, pattern.columns
    if transposed:
        rows, columns = columns, rows
    products = w[rows] * out[columns]
    return -products if products.ndim == 1 else -np.sum(products, axis=1)


def _by_right(g, _out, data, _b, pattern=None, transposed=False, start=None):
    return solution(data, g, pattern=pattern, transposed=not transposed)


@with_rules(_by_data, _by_right)
def solution(
    data: Any, b: Any, pattern: Any = None, transposed: bool = False, start: Any = None
) -> Any:
    """Return the solution of a system with the matrix of a pattern, or its transpose."""
    more = {} if start is None else {"x0": start}
    matrix = pattern.matrix(data, transposed)
    return np.asarray(pattern.solve(matrix, b, **pattern.options, **more))


def of_arrays(solver: Function, A: Any, b: Any, **options: Any) -> Any:
    """Return what SciPy's solver gives of arrays, in one call that a program can repeat."""
    if not given_traced(b):
        return solver(A, b, **options)
    return numpys(solved_as_given, SparsePattern(A, solver, **options), b)


def solved_as_given(pattern: SparsePattern, b: Any) -> Any:
    """Return what SciPy gives of a matrix as it was given."""
    return pattern.solve(pattern.given, b, **pattern.options)


def directly(matrix: Any, b: Any, permc_spec: Any = None) -> Any:
    """Solve a linear system by an LU decomposition.

    Raises: ValueError if the matrix is singular.
    """
    right = np.asarray(b)
    dtype = complex if "c" in (matrix.dtype.kind, right.dtype.kind) else float
    try:
        lu = scipy.sparse.linalg.splu(matrix.astype(dtype), permc_spec)
        return lu.solve(right.astype(dtype))
    except RuntimeError as error:
        raise ValueError(
            f"spsolve was given a matrix of shape {matrix.shape} that is singular ({error}), "
            "so that the solution has no gradient"
        ) from None


def by_conjugate_gradients(matrix: Any, b: Any, **options: Any) -> Any:
    """Solve a linear system by iteration.

    Raises: RuntimeError if it did not converge.
    """
    x, info = scipy.sparse.linalg.cg(matrix, b, **options)
    if info:
        raise RuntimeError(
            f"cg did not converge in {info} iterations, so that its result has no gradient; "
            "pass a larger maxiter or rtol, or a preconditioner M"
        )
    return x


def spsolve(
    A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True, *, data: Any = None
) -> Any:
    """Solve A x = b with a sparse matrix, as scipy.sparse.linalg.spsolve does.

    With `data`, these are the values of A, in the order of `A.data`.
    Shapes: b (n) or (n, k) -> as b.
    Raises: ValueError if A is singular.

    >>> import tensorgrad as tg
    >>> A = scipy.sparse.diags_array([2.0, 4.0]).tocsr()
    >>> tg.grad(lambda data: np.sum(spsolve(A, np.ones(2), data=data)))(A.data)
    array([-0.25  , -0.0625])
    """
    if not given_tensors(b, data) and data is None:
        options = {"permc_spec": permc_spec, "use_umfpack": use_umfpack}
        return of_arrays(scipy.sparse.linalg.spsolve, A, b, **options)
    pattern = SparsePattern(A, directly, permc_spec=permc_spec)
    return solution(pattern.values if data is None else data, b, pattern=pattern)


def cg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Any = None,
    data: Any = None,
) -> tuple[Any, int]:
    """Solve A x = b by conjugate gradients, as scipy.sparse.linalg.cg does.

    With `data`, these are the values of the symmetric A, in the order of `A.data`. The gradient is
    solved to the same tolerances.
    Raises: RuntimeError if a solution that is to be differentiated did not converge.
    """
    options = {"rtol": rtol, "atol": atol, "maxiter": maxiter, "M": M, "callback": callback}
    if not given_tensors(b, data) and data is None:
        return of_arrays(scipy.sparse.linalg.cg, A, b, x0=unwrap(x0), **options)
    pattern = SparsePattern(A, by_conjugate_gradients, **options)
    values = pattern.values if data is None else data
    return solution(values, b, pattern=pattern, start=unwrap(x0)), 0
