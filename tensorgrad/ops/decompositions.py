"""Matrix decompositions: Cholesky, QR, eigenvalues, singular values.

Functions with several outputs pack them into one array, whose node has one rule. A Hermitian matrix is given by one of
its triangles, which is all that NumPy reads, and so the gradient lies there.

Where eigenvalues or singular values repeat, their vectors are any basis of a space: those values and what is made of
them still have gradients, the vectors have none, and a gradient that arrives at them is refused. So is one that depends
on the phase of complex vectors. Sources: Giles (2008), "An extended collection of matrix derivative results for forward
and reverse mode algorithmic differentiation"; Wan and Zhang (2019), "Automatic differentiation for complex valued SVD",
arXiv:1909.02659.
"""

import math

import numpy as np
from numpy.linalg._linalg import EighResult, EigResult, QRResult, SVDResult

from tensorgrad.rules import composed, primitive, rule, values


def pack(*parts):
    """Arrays that agree in all but some last axes, as (shape of one element, array), in one long last axis."""
    return np.concatenate(
        [
            np.reshape(x, (*x.shape[: x.ndim - rank], math.prod(x.shape[x.ndim - rank :])))
            for rank, x in parts
        ],
        axis=-1,
    )


def unpack(packed, *shapes):
    """The arrays in a packed one, by the shapes of their elements."""
    start = 0
    for shape in shapes:
        stop = start + math.prod(shape)
        yield np.reshape(packed[..., start:stop], packed.shape[:-1] + shape)
        start = stop


def transposed(a):
    return np.swapaxes(a, -1, -2)


def adjoint(a):
    return np.conj(np.swapaxes(a, -1, -2))


def on_diagonal(d):
    return np.expand_dims(d, -1) * np.eye(d.shape[-1], dtype=d.dtype)


def fold(h, lower):
    """The gradient of the triangle that is read, from that of the Hermitian matrix which it stands for."""
    both = h + adjoint(h)
    both = np.tril(both) if lower else np.triu(both)
    return both * (1 - np.eye(h.shape[-1], dtype=h.dtype) / 2)


def equal_pairs(w):
    """Which pairs of these values are equal, but for rounding."""
    w = values(w)
    size = np.max(np.abs(w), axis=-1, initial=0, keepdims=True)[..., None]
    return np.abs(w[..., None, :] - w[..., :, None]) <= w.shape[-1] * np.finfo(w.dtype).eps * size


def reciprocal(gap, equal):
    """1 / gap, and 0 for what is equal."""
    return np.where(equal, 0, 1 / np.where(equal, 1, gap))


def refuse_if_ambiguous(name, arriving, equal):
    """Raise if a gradient arrives where nothing determines the vectors."""
    arriving = np.abs(values(arriving))
    top = np.max(arriving, initial=0)
    noise = 100 * arriving.shape[-1] * np.finfo(arriving.dtype).eps * top
    off = equal & ~np.eye(equal.shape[-1], dtype=bool)
    if np.any(off & (arriving > noise)):
        raise np.linalg.LinAlgError(
            f"the vectors of {name} have no gradient where their values repeat, for they are any basis of a space; "
            "use the values alone, or a function that needs no vectors"
        )


def refuse_phase(name, diagonal, arriving):
    """Raise if a gradient arrives at the phase of complex vectors, which is arbitrary."""
    diagonal, arriving = values(diagonal), np.abs(values(arriving))
    if diagonal.dtype.kind == "c":
        noise = np.sqrt(np.finfo(diagonal.dtype).eps) * np.max(arriving, initial=0)
        if np.any(np.abs(diagonal.imag) > noise):
            raise np.linalg.LinAlgError(
                f"the complex vectors of {name} have no gradient but in functions that stay as they are when a vector "
                "is multiplied with exp(i phi); take absolute values, or products with the conjugate"
            )


def refuse_beyond(name, arriving):
    """Raise if a gradient arrives at columns that only complete a basis."""
    if np.any(values(arriving)):
        raise np.linalg.LinAlgError(
            f"the columns with which {name} completes a basis have no gradient, for nothing determines them; "
            "ask for the reduced form"
        )


def _cholesky(g, out, _a, upper=False):
    """With a = L Lᴴ, dL = L Φ(L⁻¹ da L⁻ᴴ), where Φ takes the lower triangle and half the diagonal."""
    L, g = (adjoint(out), adjoint(g)) if upper else (out, g)
    half = 1 - np.eye(L.shape[-1], dtype=L.dtype) / 2
    inner = np.triu(np.matmul(transposed(np.tril(g)), L)) * half
    return fold(
        np.linalg.solve(transposed(L), transposed(np.linalg.solve(adjoint(L), inner))), not upper
    )


@primitive
def eigh(a, UPLO="L"):
    """The packed eigenvalues and eigenvectors of a Hermitian matrix."""
    w, v = np.linalg.eigh(a, UPLO)
    return pack((1, w.astype(v.dtype)), (2, v))


def _eigh(g, out, _a, UPLO="L"):
    """With x = vᴴ da v: dw is its diagonal, dv = v (x / (wⱼ - wᵢ))."""
    n = _a.shape[-1]
    w, v = unpack(out, (n,), (n, n))
    gw, gv = unpack(g, (n,), (n, n))
    w, inner = np.real(w), np.matmul(transposed(gv), v)
    equal = equal_pairs(w)
    refuse_if_ambiguous("eigh", inner, equal)
    refuse_phase("eigh", np.diagonal(inner, 0, -2, -1), inner)
    inner = inner * reciprocal(np.expand_dims(w, -1) - np.expand_dims(w, -2), equal)
    middle = on_diagonal(np.real(gw)) + inner
    return fold(transposed(np.matmul(np.matmul(v, middle), adjoint(v))), UPLO.upper() == "L")


@primitive
def eig(a):
    """The packed eigenvalues and eigenvectors of any square matrix."""
    w, v = np.linalg.eig(a)
    return pack((1, w), (2, v))


def _eig(g, out, _a):
    """With x = v⁻¹ da v: dw is its diagonal, dv = v (x / (wⱼ - wᵢ)), less what would change the length of a vector."""
    n = _a.shape[-1]
    w, v = unpack(out, (n,), (n, n))
    gw, gv = unpack(g, (n,), (n, n))
    inner = np.matmul(transposed(gv), v)
    along = np.diagonal(inner, 0, -2, -1)
    refuse_phase("eig", along, inner)
    inner = inner - np.expand_dims(along, -1) * np.matmul(adjoint(v), v)
    equal = equal_pairs(w)
    refuse_if_ambiguous("eig", inner, equal)
    inner = inner * reciprocal(np.expand_dims(w, -1) - np.expand_dims(w, -2), equal)
    return transposed(np.matmul(np.matmul(v, on_diagonal(gw) + inner), np.linalg.inv(v)))


@primitive
def svd(a, full_matrices=True):
    """The packed factors of a singular value decomposition."""
    u, s, vh = np.linalg.svd(a, full_matrices)
    return pack((2, u), (1, s.astype(u.dtype)), (2, vh))


def svd_shapes(a, full_matrices):
    m, n = a.shape[-2:]
    k = min(m, n)
    return ((m, m), (k,), (n, n)) if full_matrices else ((m, k), (k,), (k, n))


def _svd(g, out, _a, full_matrices=True):
    """Wan and Zhang (2019), on gradients that point uphill and not on their conjugates."""
    shapes = svd_shapes(_a, full_matrices)
    (k,) = shapes[1]
    u, s, vh = unpack(out, *shapes)
    gu, gs, gvh = unpack(np.conj(g), *shapes)
    refuse_beyond("svd", gu[..., k:])
    refuse_beyond("svd", gvh[..., k:, :])
    u, gu, v, gv = u[..., :k], gu[..., :k], adjoint(vh[..., :k, :]), adjoint(gvh[..., :k, :])
    s, gs = np.real(s), np.real(gs)
    equal = equal_pairs(s)
    uu, vv = np.matmul(adjoint(u), gu), np.matmul(adjoint(v), gv)
    refuse_if_ambiguous("svd", uu, equal)
    refuse_if_ambiguous("svd", vv, equal)
    row, column = np.expand_dims(s, -2), np.expand_dims(s, -1)
    gaps = reciprocal((row - column) * (row + column), equal)
    inner = (uu - adjoint(uu)) * gaps * row + column * (vv - adjoint(vv)) * gaps + on_diagonal(gs)
    zero = values(s) <= k * np.finfo(s.dtype).eps * np.max(
        values(s), axis=-1, initial=0, keepdims=True
    )
    inverse = reciprocal(s, zero)
    if u.dtype.kind == "c":
        turning = np.diagonal(uu, 0, -2, -1)
        refuse_phase(
            "svd", turning + np.diagonal(vv, 0, -2, -1), np.abs(values(uu)) + np.abs(values(vv))
        )
        inner = inner + on_diagonal(1j * np.imag(turning) * inverse)
    outside_u = gu - np.matmul(u, uu)
    outside_v = gv - np.matmul(v, vv)
    for outside in (outside_u, outside_v) if np.any(zero) else ():
        refuse_if_zero(outside, zero)
    inverse = np.expand_dims(inverse, -2)
    total = np.matmul(np.matmul(u, inner) + outside_u * inverse, adjoint(v))
    return np.conj(total + np.matmul(u, adjoint(outside_v * inverse)))


def refuse_if_zero(outside, zero):
    """Raise if a gradient arrives at the vectors of a singular value of 0."""
    outside = np.abs(values(outside))
    noise = 100 * outside.shape[-2] * np.finfo(outside.dtype).eps * np.max(outside, initial=1e-300)
    if np.any((outside > noise) & zero[..., None, :]):
        raise np.linalg.LinAlgError(
            "the singular vectors of a matrix without full rank have no gradient, for nothing determines those of 0; "
            "use the singular values alone, or np.linalg.pinv"
        )


@primitive
def qr(a, mode="reduced"):
    """The packed factors of a QR decomposition of a matrix with no more columns than rows."""
    if a.shape[-2] < a.shape[-1]:
        raise ValueError(
            f"a packed qr needs as many rows as columns, or more, but got shape {a.shape}"
        )
    q, r = np.linalg.qr(a, mode)
    return pack((2, q), (2, r))


def qr_shapes(a, mode):
    m, n = a.shape[-2:]
    return ((m, m), (m, n)) if mode == "complete" else ((m, n), (n, n))


def _qr(g, out, _a, mode="reduced"):
    """(G + Q sym(triu(Gr Rᴴ - Qᴴ G))) R⁻ᴴ, for gradients that point uphill."""
    shapes, n = qr_shapes(_a, mode), _a.shape[-1]
    q, r = unpack(out, *shapes)
    gq, gr = unpack(np.conj(g), *shapes)
    refuse_beyond("qr", gq[..., n:])
    q, r, gq, gr = q[..., :n], r[..., :n, :], gq[..., :n], np.triu(gr[..., :n, :])
    inner = np.triu(np.matmul(gr, adjoint(r)) - np.matmul(adjoint(q), gq))
    inner = (inner + adjoint(inner)) * (1 - np.eye(n, dtype=inner.dtype) / 2)
    return np.conj(adjoint(np.linalg.solve(r, adjoint(gq + np.matmul(q, inner)))))


# fmt: off
rule(np.linalg.cholesky, _cholesky)
rule(eigh,               _eigh)
rule(eig,                _eig)
rule(svd,                _svd)
rule(qr,                 _qr)
# fmt: on


@composed(np.linalg.eigh)
def _eigh_call(a, UPLO="L"):
    n = a.shape[-1]
    w, v = unpack(eigh(a, UPLO=UPLO), (n,), (n, n))
    return EighResult(np.real(w), v)


@composed(np.linalg.eigvalsh)
def _eigvalsh(a, UPLO="L"):
    return np.linalg.eigh(a, UPLO)[0]


@composed(np.linalg.eig)
def _eig_call(a):
    n = a.shape[-1]
    return EigResult(*unpack(eig(a), (n,), (n, n)))


@composed(np.linalg.eigvals)
def _eigvals(a):
    return np.linalg.eig(a)[0]


@composed(np.linalg.svd)
def _svd_call(a, full_matrices=True, compute_uv=True, hermitian=False):
    if hermitian:
        return _svd_of_hermitian(a, compute_uv)
    if not compute_uv:
        full_matrices = False
    u, s, vh = unpack(svd(a, full_matrices=full_matrices), *svd_shapes(a, full_matrices))
    return SVDResult(u, np.real(s), vh) if compute_uv else np.real(s)


def _svd_of_hermitian(a, compute_uv):
    """The eigenvalues by falling size; their signs go to the vectors on the right."""
    w, v = np.linalg.eigh(a)
    order = np.argsort(np.abs(values(w)), axis=-1)[..., ::-1]
    w = np.take_along_axis(w, order, axis=-1)
    if not compute_uv:
        return np.abs(w)
    v = np.take_along_axis(v, order[..., None, :], axis=-1)
    sign = np.copysign(1.0, values(w)).astype(w.dtype)
    return SVDResult(v, w * sign, adjoint(v * sign[..., None, :]))


@composed(np.linalg.svdvals)
def _svdvals(x, /):
    return np.linalg.svd(x, compute_uv=False)


@composed(np.linalg.qr)
def _qr_call(a, mode="reduced"):
    """Of a wide matrix, the square part is decomposed; Q turns the other columns too."""
    if mode not in ("reduced", "complete", "r"):
        raise TypeError(
            f"qr of tensors knows the modes 'reduced', 'complete' and 'r', not {mode!r}"
        )
    m, n = a.shape[-2:]
    square = a[..., :m] if n > m else a
    kind = "complete" if mode == "complete" and m > n else "reduced"
    q, r = unpack(qr(square, mode=kind), *qr_shapes(square, kind))
    if n > m:
        r = np.concatenate([r, np.matmul(adjoint(q), a[..., m:])], axis=-1)
    return r if mode == "r" else QRResult(q, r)
