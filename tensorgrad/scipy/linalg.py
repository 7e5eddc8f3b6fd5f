"""`scipy.linalg` for tensors: the same names and signatures, SciPy's own results, and their gradients."""

import functools
import warnings
from typing import Any

import numpy as np
import scipy.linalg as scipy_linalg

from tensorgrad.ops.common import (
    adjoint,
    as_array,
    as_inexact,
    hermitian_of,
    numpys,
    substitute,
)
from tensorgrad.rules import primitive, rule
from tensorgrad.scipy.lifting import expressed, taking_tensors


def __getattr__(name: str) -> Any:
    """Return SciPy's own function of a name that is not here; it takes arrays."""
    return getattr(scipy_linalg, name)


def block_of(a, e):
    """Return [[a, e], [0, a]], of which a function of matrices has its derivative at the upper right.

    Source: Higham (2008), "Functions of Matrices", equation 3.16.
    """
    upper = np.concatenate([a, e], axis=-1)
    lower = np.concatenate([np.zeros_like(a), a], axis=-1)
    return np.concatenate([upper, lower], axis=-2)


def by_block(function):
    """Return the rule of a function of matrices: the adjoint of its derivative at a is that at aᵀ."""

    def gradient(g, _out, a):
        n = a.shape[-1]
        # In double precision, because the block has each eigenvalue twice.
        dtype = np.result_type(g.dtype, a.dtype, np.float64)
        transposed = np.matrix_transpose(a).astype(dtype)
        return function(block_of(transposed, g.astype(dtype)))[..., :n, n:]

    return gradient


def structured(a, assume_a, lower):
    """Return the matrix that SciPy reads, which for a symmetric one is a triangle of the array."""
    if assume_a in ("sym", "symmetric"):
        part = np.tril(a) if lower else np.triu(a)
        return part + np.matrix_transpose(part) - part * np.eye(a.shape[-1], dtype=a.dtype)
    if assume_a in ("her", "hermitian", "pos", "positive definite"):
        return hermitian_of(a if lower else adjoint(a))
    if assume_a in ("upper triangular", "lower triangular"):
        return np.triu(a) if assume_a[0] == "u" else np.tril(a)
    width = {"diagonal": 0, "tridiagonal": 1}.get(assume_a)
    return a if width is None else np.triu(np.tril(a, width), -width)


def solved(a, b):
    """Return the solution for a vector, or for the columns of b."""
    return np.linalg.solve(a, b[..., None])[..., 0] if b.ndim == 1 else np.linalg.solve(a, b)


@expressed(scipy_linalg.solve)
def solve(a, b, lower=False, assume_a=None, transposed=False, **_):
    a = structured(as_inexact(a), assume_a, lower)
    return solved(np.matrix_transpose(a) if transposed else a, as_inexact(b))


@expressed(scipy_linalg.solve_triangular)
def solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, **_):
    a = as_inexact(a)
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        eye = np.eye(a.shape[-1], dtype=a.dtype)
        a = a * (1 - eye) + eye
    if trans in (2, "C"):
        a = np.conj(a)
    return solved(a if trans in (0, "N") else np.matrix_transpose(a), as_inexact(b))


@expressed(scipy_linalg.inv)
def inv(a, **_):
    return np.linalg.inv(as_inexact(a))


@expressed(scipy_linalg.det)
def det(a, **_):
    return np.linalg.det(as_inexact(a))


@expressed(scipy_linalg.cholesky)
def cholesky(a, lower=False, **_):
    a = as_inexact(a)
    return np.linalg.cholesky(a) if lower else adjoint(np.linalg.cholesky(adjoint(a)))


def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Any, bool]:
    """Return scipy.linalg.cho_factor of an array or tensor; the other triangle has no gradient."""
    if isinstance(a, np.ndarray) or not hasattr(a, "shape"):
        return scipy_linalg.cho_factor(a, lower, overwrite_a, check_finite)
    value = numpys(factor_of, a, lower, check_finite)
    return substitute(cholesky(a, lower=lower), value), lower


def factor_of(a: Any, lower: bool, check_finite: bool) -> Any:
    """Return the array of SciPy's pair."""
    return scipy_linalg.cho_factor(a, lower, check_finite=check_finite)[0]


def cho_solve(
    c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Return scipy.linalg.cho_solve of arrays or tensors, of which no memory is overwritten."""
    c, lower = c_and_lower
    return cho_solve_of(as_array(c), as_array(b), lower=bool(lower), check_finite=check_finite)


@primitive
def cho_solve_of(c, b, lower=False, check_finite=True):
    """Solve with a Cholesky factor."""
    return scipy_linalg.cho_solve((c, lower), b, check_finite=check_finite)


def _by_factor(g, out, c, b, lower=False, check_finite=True):
    """Differentiate (L Lᴴ)⁻¹ b: with s the solution for g, the change of a = L Lᴴ is -s outᵀ."""
    s = cho_solve_of(np.conj(c), g, lower=lower)
    if b.ndim == 1:
        s, out = s[:, None], out[:, None]
    by_a = -np.matmul(s, np.matrix_transpose(out))
    both = by_a + np.matrix_transpose(np.conj(by_a)) if c.dtype.kind == "c" else by_a + by_a.T
    if lower:
        return np.tril(np.matmul(both, np.conj(np.tril(c))))
    return np.triu(np.matmul(np.conj(np.triu(c)), both))


rule(
    cho_solve_of,
    _by_factor,
    lambda g, _out, c, _b, lower=False, check_finite=True: cho_solve_of(np.conj(c), g, lower=lower),
)

expm = taking_tensors(scipy_linalg.expm, "expm")
rule(expm, by_block(expm))
logm = taking_tensors(scipy_linalg.logm, "logm")
rule(logm, by_block(logm))
sqrtm = taking_tensors(scipy_linalg.sqrtm, "sqrtm")
solve_sylvester = taking_tensors(scipy_linalg.solve_sylvester, "solve_sylvester")


def _adjoint_sylvester(a, b, g):
    """Return the solution s of aᵀ s + s bᵀ = g."""
    return solve_sylvester(np.matrix_transpose(a), np.matrix_transpose(b), g)


# fmt: off
rule(sqrtm,           lambda g, out, _a: _adjoint_sylvester(out, out, g))
rule(solve_sylvester, lambda g, out, a, b, _q: -np.matmul(_adjoint_sylvester(a, b, g), np.matrix_transpose(out)),
                      lambda g, out, a, b, _q: -np.matmul(np.matrix_transpose(out), _adjoint_sylvester(a, b, g)),
                      lambda g, _out, a, b, _q: _adjoint_sylvester(a, b, g))
# fmt: on


@expressed(scipy_linalg.solve_continuous_lyapunov)
def solve_continuous_lyapunov(a, q):
    a, q = as_inexact(a), as_inexact(q)
    return solve_sylvester(a, adjoint(a), q)


@expressed(scipy_linalg.block_diag)
def block_diag(*arrs):
    arrays = [np.atleast_2d(as_array(a)) for a in arrs]
    dtype = np.result_type(*(a.dtype for a in arrays))
    width, rows, at = sum(a.shape[-1] for a in arrays), [], 0
    for a in arrays:
        left, right = (np.zeros((*a.shape[:-1], n), dtype) for n in (at, width - at - a.shape[-1]))
        rows.append(np.concatenate([left, a, right], axis=-1))
        at += a.shape[-1]
    return np.concatenate(rows, axis=-2)


@functools.cache
def toeplitz_takes_stacks():
    """Return True for a SciPy that makes a stack of matrices of two axes, and False if it ravels them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of those that say so
        return scipy_linalg.toeplitz(np.zeros((2, 2))).ndim == 3


@expressed(scipy_linalg.toeplitz)
def toeplitz(c, r=None):
    rows = np.atleast_1d if toeplitz_takes_stacks() else np.ravel
    c = rows(as_array(c))
    r = np.conj(c) if r is None else rows(as_array(r))
    lead = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    n, m = c.shape[-1], r.shape[-1]
    c, r = np.broadcast_to(c, (*lead, n)), np.broadcast_to(r, (*lead, m))
    values = np.concatenate([r[..., :0:-1], c], axis=-1)
    return values[..., np.arange(n)[:, None] - np.arange(m) + m - 1]
