"""Decompositions of a matrix: Cholesky factors, eigenvalues, singular values.

Functions with several outputs pack them into one array, whose node has one rule. NumPy reads only one triangle of a
Hermitian matrix, so the gradient lies in that triangle.

Where eigenvalues or singular values repeat, the checks of repeated.py refuse gradients that depend on the basis; a
gradient that depends on the phase of complex vectors is refused too. Sources: Giles (2008), "An extended collection of matrix derivative results for forward
and reverse mode algorithmic differentiation"; Wan and Zhang (2019), "Automatic differentiation for complex valued SVD",
arXiv:1909.02659.
"""

import math

import numpy as np
from numpy.linalg._linalg import EighResult, EigResult, SVDResult

from tensorgrad.ops.common import adjoint, check, create, fold_triangle, values
from tensorgrad.ops.repeated import (
    RULE,
    VALUES,
    VECTORS,
    check_repeated,
    equal_pairs,
    guarded,
    marked,
    noise,
    reciprocal,
    refuse_basis,
)
from tensorgrad.rules import composite, primitive, rule


def pack(*parts):
    """Concatenate (rank of one element, array) pairs that share their batch axes, flattened, into one last axis."""
    return np.concatenate(
        [
            np.reshape(x, (*x.shape[: x.ndim - rank], math.prod(x.shape[x.ndim - rank :])))
            for rank, x in parts
        ],
        axis=-1,
    )


def unpack(packed, *shapes):
    """Split a packed array into arrays whose elements have these shapes."""
    start = 0
    for shape in shapes:
        stop = start + math.prod(shape)
        yield np.reshape(packed[..., start:stop], packed.shape[:-1] + shape)
        start = stop


def with_marker(*parts):
    """Pack the parts, and the marker that says who uses the vectors."""
    (_, first) = parts[0]
    return pack(*parts, (1, create(np.zeros, first, (*first.shape[:-2], 3), first.dtype)))


def unpack_marked(packed, shapes, vectors, values=None):
    """Unpack, and mark vectors and values in these places of the marker."""
    *parts, marker = unpack(packed, *shapes, (3,))
    places = [vectors if len(shape) == 2 else values for shape in shapes]
    return [
        x if i is None else marked(x, marker[..., i : i + 1])
        for x, i in zip(parts, places, strict=True)
    ]


def on_diagonal(d):
    return np.expand_dims(d, -1) * create(np.eye, d, d.shape[-1], dtype=d.dtype)


def refuse(message, arriving, where=True):
    """Raise if a gradient arrives there that is more than rounding."""
    size = np.abs(values(arriving))
    noise = 100 * max(size.shape[-2:]) * np.finfo(size.dtype).eps * np.max(size, initial=0)
    check(~np.any(where & (size > noise)), np.linalg.LinAlgError, message)


def refuse_phase(name, diagonal, arriving):
    """Raise if a gradient arrives at the phase of complex vectors, which is arbitrary."""
    diagonal, arriving = values(diagonal), np.abs(values(arriving))
    noise = np.sqrt(np.finfo(diagonal.dtype).eps) * np.max(arriving, initial=0)
    check(
        ~np.any(np.abs(diagonal.imag) > noise),
        np.linalg.LinAlgError,
        f"the complex vectors of {name} have no gradient but in functions that stay as they are when a vector "
        "is multiplied with exp(i phi); take absolute values, or products with the conjugate",
    )


def _cholesky(g, out, _a, upper=False):
    """Apply dL = L Φ(L⁻¹ da L⁻ᴴ) for a = L Lᴴ, where Φ takes the lower triangle and half the diagonal."""
    L, g = (adjoint(out), adjoint(g)) if upper else (out, g)
    half = 1 - create(np.eye, L, L.shape[-1], dtype=L.dtype) / 2
    inner = np.triu(np.matmul(np.matrix_transpose(np.tril(g)), L)) * half
    return fold_triangle(
        np.linalg.solve(
            np.matrix_transpose(L), np.matrix_transpose(np.linalg.solve(adjoint(L), inner))
        ),
        not upper,
    )


def eig_shapes(a):
    n = a.shape[-1]
    return (n, n), (n,)


@primitive
def eigh(a, UPLO="L"):
    """Return the packed eigenvalues and eigenvectors of a Hermitian matrix."""
    w, v = np.linalg.eigh(a, UPLO)
    return with_marker((2, v), (1, w.astype(v.dtype)))


def _eigh(g, out, _a, UPLO="L"):
    """Apply dw = diag x and dv = v (x / (wⱼ - wᵢ)), with x = vᴴ da v."""
    shapes = eig_shapes(_a)
    v, w = unpack_marked(out, shapes, RULE)
    gv, gw, marker = unpack(g, *shapes, (3,))
    w, gw, inner = np.real(w), np.real(gw), np.matmul(np.matrix_transpose(gv), v)
    equal = equal_pairs(w)
    strict = check_repeated("eigh", gw, [np.matrix_transpose(inner)], equal, marker, v)
    refuse_phase("eigh", np.diagonal(inner, 0, -2, -1), inner)
    inner = inner * reciprocal(np.expand_dims(w, -1) - np.expand_dims(w, -2), equal)
    middle = guarded(on_diagonal(gw) + inner, v, equal, strict)
    return fold_triangle(
        np.matrix_transpose(np.matmul(np.matmul(v, middle), adjoint(v))), UPLO.upper() == "L"
    )


@primitive
def eig(a):
    """Return the packed eigenvalues and eigenvectors of any square matrix."""
    w, v = np.linalg.eig(a)
    return with_marker((2, v), (1, w))


def _eig(g, out, _a):
    """Apply dw = diag x and dv = v (x / (wⱼ - wᵢ)), with x = v⁻¹ da v, keeping each vector's length at 1."""
    shapes = eig_shapes(_a)
    v, w = unpack_marked(out, shapes, RULE)
    gv, gw, marker = unpack(g, *shapes, (3,))
    # The vector of a real value stays real, whatever dtype NumPy returns it in.
    if _a.dtype.kind != "c":
        gv = np.where(np.expand_dims(values(w).imag == 0, -2), np.real(gv), gv)
    inner = np.matmul(np.matrix_transpose(gv), v)
    along = np.diagonal(inner, 0, -2, -1)
    refuse_phase("eig", along, inner)
    inner = inner - np.expand_dims(along, -1) * np.matmul(adjoint(v), v)
    equal = equal_pairs(w)
    strict = check_repeated("eig", gw, [np.matrix_transpose(inner), inner], equal, marker, v)
    inner = inner * reciprocal(np.expand_dims(w, -1) - np.expand_dims(w, -2), equal)
    inverse = np.linalg.inv(v)
    size = np.max(np.abs(values(inverse)), initial=0)
    check(
        np.logical_not(v.shape[-1] * np.finfo(v.dtype).eps * size > 0.1),
        np.linalg.LinAlgError,
        "the eigenvalues of a matrix without a basis of eigenvectors have no gradient: they move infinitely fast",
    )
    middle = guarded(on_diagonal(gw) + inner, v, equal, strict)
    return np.matrix_transpose(np.matmul(np.matmul(v, middle), inverse))


@primitive
def svd(a, full_matrices=True):
    """Return the packed factors of a singular value decomposition."""
    u, s, vh = np.linalg.svd(a, full_matrices)
    return with_marker((2, u), (1, s.astype(u.dtype)), (2, vh))


def svd_shapes(a, full_matrices):
    m, n = a.shape[-2:]
    k = min(m, n)
    return ((m, m), (k,), (n, n)) if full_matrices else ((m, k), (k,), (k, n))


def without_tips(gs, zero, limit, marker):
    """Set the gradients of singular values of 0 to 0, because these have a tip there, as |x| has; return where.

    A rule of a rule has no tip at a single one: its two vectors change their sign together.
    """
    tips = zero & (np.abs(values(gs)) > limit)
    caller, by_rule = (values(marker)[..., i, None] != 0 for i in (VECTORS, RULE))
    several = np.count_nonzero(zero, axis=-1, keepdims=True) > 1
    refuse_basis("svd", np.any(tips & (caller | by_rule & several)))
    tips = tips & ~by_rule
    return np.where(tips, 0, gs), np.any(tips, axis=-1)[..., None, None]


def _svd(g, out, _a, full_matrices=True):
    """Apply the formula of Wan and Zhang (2019), which is for conjugated gradients."""
    shapes = svd_shapes(_a, full_matrices)
    (k,) = shapes[1]
    u, s, vh = unpack_marked(out, shapes, RULE)
    gu, gs, gvh, marker = unpack(np.conj(g), *shapes, (3,))
    for completed in (gu[..., k:], gvh[..., k:, :]):
        refuse(
            "the columns with which svd completes a basis have no gradient, because the matrix does not determine them; "
            "ask for full_matrices=False",
            completed,
        )
    u, gu, v, gv = u[..., :k], gu[..., :k], adjoint(vh[..., :k, :]), adjoint(gvh[..., :k, :])
    s, gs = np.real(s), np.real(gs)
    equal = equal_pairs(s)
    uu, vv = np.matmul(adjoint(u), gu), np.matmul(adjoint(v), gv)
    strict = check_repeated("svd", gs, [uu, vv], equal, marker, u, v)
    row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
    gaps = reciprocal((row - column) * (row + column), equal)
    zero = values(s) <= k * np.finfo(s.dtype).eps * np.max(
        values(s), axis=-1, initial=0, keepdims=True
    )
    inverse = reciprocal(s, zero)
    gs, tips = without_tips(gs, zero, noise(values(gs), values(uu), values(vv)), marker)
    inner = (uu - adjoint(uu)) * gaps * row + column * (vv - adjoint(vv)) * gaps + on_diagonal(gs)
    inner = guarded(inner, v, equal, strict | tips)
    if u.dtype.kind == "c":
        turning = np.diagonal(uu, 0, -2, -1)
        refuse_phase(
            "svd", turning + np.diagonal(vv, 0, -2, -1), np.abs(values(uu)) + np.abs(values(vv))
        )
        inner = inner + on_diagonal(1j * np.imag(turning) * inverse)
    outside_u = gu - np.matmul(u, uu)
    outside_v = gv - np.matmul(v, vv)
    for outside in (outside_u, outside_v):
        refuse(
            "the singular vectors of a matrix without full rank have no gradient, because the matrix does not determine those of 0; "
            "use the singular values alone, or np.linalg.pinv",
            outside,
            zero[..., None, :],
        )
    inverse = np.expand_dims(inverse, -2)
    total = np.matmul(np.matmul(u, inner) + outside_u * inverse, adjoint(v))
    return np.conj(total + np.matmul(u, adjoint(outside_v * inverse)))


# fmt: off
rule(np.linalg.cholesky, _cholesky)
rule(eigh,               _eigh)
rule(eig,                _eig)
rule(svd,                _svd)
# fmt: on


@composite(np.linalg.eigh)
def _eigh_call(a, UPLO="L"):
    v, w = unpack_marked(eigh(a, UPLO=UPLO), eig_shapes(a), VECTORS, VALUES)
    return EighResult(np.real(w), v)


@composite(np.linalg.eigvalsh)
def _eigvalsh(a, UPLO="L"):
    return np.linalg.eigh(a, UPLO)[0]


@composite(np.linalg.eig)
def _eig_call(a):
    v, w = unpack_marked(eig(a), eig_shapes(a), VECTORS, VALUES)
    return EigResult(w, v)


@composite(np.linalg.eigvals)
def _eigvals(a):
    return np.linalg.eig(a)[0]


def _svd_of_hermitian(a, compute_uv):
    """Order the eigenvalues by decreasing size, and move their signs to the right vectors."""
    w, v = np.linalg.eigh(a)
    order = np.argsort(np.abs(values(w)), axis=-1)[..., ::-1]
    w = np.take_along_axis(w, order, axis=-1)
    if not compute_uv:
        return np.abs(w)
    v = np.take_along_axis(v, order[..., None, :], axis=-1)
    sign = np.copysign(1.0, values(w)).astype(w.dtype)
    return SVDResult(v, w * sign, adjoint(v * sign[..., None, :]))


@composite(np.linalg.svd)
def _svd_call(a, full_matrices=True, compute_uv=True, hermitian=False):
    if hermitian:
        return _svd_of_hermitian(a, compute_uv)
    if not compute_uv:
        full_matrices = False
    packed = svd(a, full_matrices=full_matrices)
    u, s, vh = unpack_marked(packed, svd_shapes(a, full_matrices), VECTORS, VALUES)
    return SVDResult(u, np.real(s), vh) if compute_uv else np.real(s)


@composite(np.linalg.svdvals)
def _svdvals(x, /):
    return np.linalg.svd(x, compute_uv=False)
