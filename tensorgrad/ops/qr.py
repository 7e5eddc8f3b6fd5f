"""The QR decomposition: its two factors in one array, Q above the transpose of R."""

import numpy as np
from numpy.linalg._linalg import QRResult

from tensorgrad.ops.common import adjoint, check, create
from tensorgrad.rules import composite, primitive, rule


@primitive
def qr(a, mode="reduced"):
    """Return Q above the transpose of R, of a matrix with at least as many rows as columns."""
    if a.shape[-2] < a.shape[-1]:
        raise ValueError(
            f"qr needs at least as many rows as columns here, but the matrix has shape {a.shape}"
        )
    q, r = np.linalg.qr(a, mode)
    return np.concatenate([q, np.matrix_transpose(r)], axis=-2)


def apart(packed, m):
    """Split the packed array into Q, which has m rows, and R."""
    return packed[..., :m, :], np.matrix_transpose(packed[..., m:, :])


def _qr(g, out, _a, mode="reduced"):
    """Return (G + Q sym(triu(Gr Rᴴ - Qᴴ G))) R⁻ᴴ, in conjugated gradients.

    Source: Walter and Lehmann (2010), "Algorithmic differentiation of linear algebra functions with application in
    optimum experimental design", arXiv:1001.1654.
    """
    m, n = _a.shape[-2:]
    q, r = apart(out, m)
    gq, gr = apart(np.conj(g), m)
    check(
        ~np.any(np.not_equal(gq[..., n:], 0)),
        np.linalg.LinAlgError,
        "the columns with which qr completes a basis have no gradient, because the matrix does not determine them; "
        "ask for mode='reduced'",
    )
    q, r, gq, gr = q[..., :n], r[..., :n, :], gq[..., :n], np.triu(gr[..., :n, :])
    inner = np.triu(np.matmul(gr, adjoint(r)) - np.matmul(adjoint(q), gq))
    inner = (inner + adjoint(inner)) * (1 - create(np.eye, inner, n, dtype=inner.dtype) / 2)
    return np.conj(adjoint(np.linalg.solve(r, adjoint(gq + np.matmul(q, inner)))))


rule(qr, _qr)


@composite(np.linalg.qr)
def _qr_call(a, mode="reduced"):
    """Decompose the square part of a wide matrix; Qᴴ multiplies its other columns."""
    if mode not in ("reduced", "complete", "r"):
        error = TypeError if mode in ("raw", "economic", "full") else ValueError
        raise error(f"qr of tensors has no mode={mode!r}; use 'reduced', 'complete' or 'r'")
    m, n = a.shape[-2:]
    square = a[..., :m] if n > m else a
    q, r = apart(qr(square, mode="complete" if mode == "complete" else "reduced"), m)
    if n > m:
        r = np.concatenate([r, np.matmul(adjoint(q), a[..., m:])], axis=-1)
    return r if mode == "r" else QRResult(q, r)
