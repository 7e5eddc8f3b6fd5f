"""Inverses, systems of equations, determinants and norms of matrices."""

import functools
import math
import operator

import numpy as np
from numpy.linalg._linalg import SlogdetResult

from tensorgrad.ops.common import (
    adjoint,
    as_array,
    as_inexact,
    create,
    fold_triangle,
    hermitian_of,
    is_plain,
    numpys,
    substitute,
    values,
)
from tensorgrad.rules import composite, nondifferentiable, primitive, refuse_out, rule


def _inv(g, out, _a):
    """Apply d(a⁻¹) = -a⁻¹ da a⁻¹."""
    return -np.matmul(np.matmul(np.matrix_transpose(out), g), np.matrix_transpose(out))


def _solve_right(g, _out, a, _b):
    """Return a⁻ᵀ g; a vector b is a column."""
    if _b.ndim == 1:
        return np.linalg.solve(np.matrix_transpose(a), np.expand_dims(g, -1))[..., 0]
    return np.linalg.solve(np.matrix_transpose(a), g)


def _solve_matrix(g, out, a, _b):
    """Return -(a⁻ᵀ g) outᵀ."""
    if _b.ndim == 1:
        g, out = np.expand_dims(g, -1), np.expand_dims(out, -1)
    return -np.matmul(np.linalg.solve(np.matrix_transpose(a), g), np.matrix_transpose(out))


def _pinv(g, out, a, rcond=None, hermitian=False, rtol=None):
    """Apply d(a⁺) = -a⁺ da a⁺ + a⁺a⁺ᴴ daᴴ (1 - a a⁺) + (1 - a⁺a) daᴴ a⁺ᴴ a⁺, which assumes a constant rank.

    Source: Golub and Pereyra (1973), "The differentiation of pseudo-inverses and nonlinear least squares
    problems whose variables separate", SIAM J. Numer. Anal. 10.
    """
    if hermitian:
        a = hermitian_of(a)
    p, G = out, adjoint(np.conj(g))
    first = -adjoint(np.matmul(np.matmul(p, G), p))
    second = np.matmul(G, np.matmul(p, adjoint(p)))
    third = np.matmul(np.matmul(adjoint(p), p), G)
    second = second - np.matmul(a, np.matmul(p, second))
    third = third - np.matmul(np.matmul(third, p), a)
    whole = np.conj(first + second + third)
    return fold_triangle(whole, True) if hermitian else whole


@primitive
def least_squares(a, b, rcond=None):
    """Return the solution of np.linalg.lstsq, without the residuals, the rank and the singular values."""
    return np.linalg.lstsq(a, b, rcond)[0]


def _least_squares_matrix(g, out, a, b, rcond=None):
    """Differentiate a⁺ b, with the differential of a⁺."""
    G = np.conj(g)
    if b.ndim == 1:
        G, out, b = np.expand_dims(G, -1), np.expand_dims(out, -1), np.expand_dims(b, -1)
    p = np.linalg.pinv(a, rcond=rcond_of(a, rcond))
    back = np.matmul(adjoint(p), G)
    rest = b - np.matmul(a, out)
    up = -np.matmul(back, adjoint(out)) + np.matmul(rest, adjoint(np.matmul(p, back)))
    inside = G - np.matmul(p, np.matmul(a, G))
    return np.conj(up + np.matmul(np.matmul(adjoint(p), out), adjoint(inside)))


def rcond_of(a, rcond):
    """Return the relative size below which lstsq treats a singular value as 0."""
    return max(a.shape[-2:]) * float(np.finfo(a.dtype).eps) if rcond is None else rcond


@primitive
def cofactors(a):
    """Return the derivative of the determinant, by a singular value decomposition, so that it exists for singular matrices too."""
    u, s, vh = np.linalg.svd(a)
    n = a.shape[-1]
    others = np.where(create(np.eye, s, n, dtype=bool), 1, s[..., None, :]).prod(axis=-1)
    phase = np.linalg.det(u) * np.linalg.det(vh)
    return phase[..., None, None] * np.matmul(u.conj() * others[..., None, :], vh.conj())


def _cofactors(g, out, a):
    """Return (⟨g, c⟩ c - c gᵀ c) / det a; where det a is nearly 0, differentiate each cofactor as the determinant of a minor."""
    n = a.shape[-1]
    if n == 0:
        return g
    s = numpys(np.linalg.svdvals, a)
    regular = np.all(s[..., -1] > 1e-4 * s[..., 0])
    if is_plain(g):
        return (_by_determinant if regular else _by_minors)(g, out, a)
    eye = create(np.eye, out, n, dtype=out.dtype)  # in the place of what the other way is for
    by_determinant = _by_determinant(g, np.where(regular, out, eye), np.where(regular, a, eye))
    return np.where(regular, by_determinant, _by_minors(g, out, np.where(regular, eye, a)))


def _by_determinant(g, out, a):
    inner = np.sum(g * out, axis=(-2, -1), keepdims=True)
    crossed = np.matmul(np.matmul(out, np.matrix_transpose(g)), out)
    return (inner * out - crossed) / np.expand_dims(np.linalg.det(a), (-2, -1))


def _by_minors(g, _out, a):
    n, real = a.shape[-1], np.real(a).dtype
    eye, number = create(np.eye, a, n, dtype=real), create(np.arange, a, n)
    left_out = np.stack([np.delete(eye, i, 1) for i in range(n)])  # (n, n, n - 1)
    rows, columns = left_out[:, None], left_out[None]
    minors = np.matmul(np.matmul(np.matrix_transpose(rows), np.expand_dims(a, (-4, -3))), columns)
    signed = g * ((-1) ** (number[:, None] + number)).astype(real)
    steps = np.expand_dims(signed, (-2, -1)) * cofactors(minors)
    return np.sum(np.matmul(np.matmul(rows, steps), np.matrix_transpose(columns)), axis=(-4, -3))


@primitive
def sign_and_logdet(a):
    """Return the two outputs of np.linalg.slogdet, stacked along a new first axis."""
    sign, logdet = np.linalg.slogdet(a)
    return np.stack([sign, logdet.astype(sign.dtype)])


def _sign_and_logdet(g, out, a):
    """Apply d log det a = tr(a⁻¹ da): its real part changes the logarithm, its imaginary part rotates the sign."""
    scale = np.real(g[1])
    if a.dtype.kind == "c":
        scale = scale + 1j * np.imag(g[0] * out[0])
    return np.expand_dims(scale, (-2, -1)) * np.matrix_transpose(np.linalg.inv(a))


# fmt: off
rule(np.linalg.inv,         _inv)
rule(np.linalg.solve,       _solve_matrix, _solve_right)
rule(np.linalg.pinv,        _pinv)
rule(least_squares,         _least_squares_matrix, lambda g, _out, a, _b, rcond=None: np.matmul(np.matrix_transpose(np.linalg.pinv(a, rcond=rcond_of(a, rcond))), g))
rule(np.linalg.det,         lambda g, _out, a: np.expand_dims(g, (-2, -1)) * cofactors(a))
rule(cofactors,             _cofactors)
rule(sign_and_logdet,       _sign_and_logdet)

nondifferentiable(np.linalg.matrix_rank)
# fmt: on


@composite(np.linalg.slogdet)
def _slogdet(a):
    both = sign_and_logdet(a)
    if a.dtype.kind == "c":
        return SlogdetResult(both[0], np.real(both[1]))
    return SlogdetResult(values(both[0])[()], both[1])


@composite(np.linalg.lstsq)
def _lstsq(a, b, rcond=None):
    """Return residuals where NumPy does: for more equations than unknowns, and full rank."""
    _, residuals, rank, _ = numpys(np.linalg.lstsq, values(a), values(b), rcond)
    a, b = as_inexact(a), as_inexact(b)
    dtype = np.result_type(a.dtype, b.dtype)
    a, b = (x if x.dtype == dtype else x.astype(dtype) for x in (a, b))
    x = least_squares(a, b, rcond=rcond)
    if residuals.size:
        rest = b - np.matmul(a, x)
        found = np.sum(np.real(rest * np.conj(rest)), axis=0, keepdims=b.ndim == 1)
        residuals = substitute(found, residuals)
    return x, residuals, rank, np.linalg.svdvals(a)


@composite(np.linalg.matrix_power)
def _matrix_power(a, n):
    """Square repeatedly: about log2 n products."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(f"a power is taken of square matrices, not of shape {a.shape}")
    n = operator.index(n)
    if n < 0:
        a, n = np.linalg.inv(a), -n
    result = None
    while n:
        if n % 2:
            result = a if result is None else np.matmul(result, a)
        n //= 2
        if n:
            a = np.matmul(a, a)
    return (
        np.broadcast_to(create(np.eye, a, a.shape[-1], dtype=a.dtype), a.shape)
        if result is None
        else result
    )


@composite(np.linalg.multi_dot)
def _multi_dot(arrays, *, out=None):
    """Multiply in the order that needs the fewest multiplications."""
    refuse_out("multi_dot", out)
    arrays = [as_array(a) for a in arrays]
    if len(arrays) < 2:
        raise ValueError(f"multi_dot takes at least two arrays, not {len(arrays)}")
    if len(arrays) == 2:
        return np.dot(*arrays)
    row, column = arrays[0].ndim == 1, arrays[-1].ndim == 1
    arrays[0] = np.atleast_2d(arrays[0])
    if column:
        arrays[-1] = np.expand_dims(arrays[-1], 1)
    sizes = [a.shape[0] for a in arrays] + [arrays[-1].shape[1]]

    @functools.cache
    def cheapest(i, j):
        """Return the number of multiplications for arrays i to j, and the array after which to split."""
        if i == j:
            return 0, i
        costs = (
            (cheapest(i, k)[0] + cheapest(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
            for k in range(i, j)
        )
        return min(costs)

    def product(i, j):
        if i == j:
            return arrays[i]
        k = cheapest(i, j)[1]
        return np.matmul(product(i, k), product(k + 1, j))

    result = product(0, len(arrays) - 1)
    kept = tuple(n for n, lost in zip(result.shape, (row, column), strict=True) if not lost)
    return np.reshape(result, kept) if row or column else result


@composite(np.linalg.tensorinv)
def _tensorinv(a, ind=2):
    if ind < 1:
        raise ValueError(f"tensorinv splits the axes after the first ind > 0, not after ind={ind}")
    shape = a.shape[ind:] + a.shape[:ind]
    return np.reshape(np.linalg.inv(np.reshape(a, (math.prod(a.shape[ind:]), -1))), shape)


@composite(np.linalg.tensorsolve)
def _tensorsolve(a, b, axes=None):
    a, b = as_array(a), as_array(b)
    if axes is not None:
        moved = [i % a.ndim for i in axes]
        a = np.transpose(a, [i for i in range(a.ndim) if i not in moved] + moved)
    shape = a.shape[-(a.ndim - b.ndim) :]
    n = math.prod(shape)
    return np.reshape(np.linalg.solve(np.reshape(a, (b.size, n)), np.ravel(b)), shape)
