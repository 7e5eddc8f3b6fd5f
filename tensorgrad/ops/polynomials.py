"""Polynomials, given by their coefficients, the highest power first."""

import numpy as np

from tensorgrad.ops.common import as_array, values
from tensorgrad.rules import composite


def _coefficients(x):
    return np.atleast_1d(as_array(x))


@composite(np.polyval)
def _polyval(p, x):
    """Evaluate by Horner's rule."""
    x = as_array(x)
    y = np.zeros(x.shape, x.dtype)
    for coefficient in _coefficients(p):
        y = y * x + coefficient
    return y


@composite(np.polyadd)
def _polyadd(a1, a2):
    a1, a2 = _coefficients(a1), _coefficients(a2)
    n = max(a1.shape[0], a2.shape[0])
    return np.pad(a1, (n - a1.shape[0], 0)) + np.pad(a2, (n - a2.shape[0], 0))


@composite(np.polysub)
def _polysub(a1, a2):
    return np.polyadd(a1, -as_array(a2))


@composite(np.polymul)
def _polymul(a1, a2):
    return np.convolve(_leading(_coefficients(a1)), _leading(_coefficients(a2)))


def _leading(p):
    """Drop the leading zeros."""
    found = np.flatnonzero(values(p))
    return p[found[0] :] if found.size else np.zeros(1, p.dtype)


@composite(np.polydiv)
def _polydiv(u, v):
    """Divide, and return the quotient and the remainder without its leading zeros."""
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    m, n = u.shape[0] - 1, v.shape[0] - 1
    quotient = []
    rest = u
    for _ in range(m - n + 1):
        factor = rest[0] / v[0]
        quotient.append(factor)
        rest = rest[1:] - np.pad(factor * v[1:], (0, rest.shape[0] - 1 - n))
    if not quotient:
        return np.zeros(1, np.result_type(u.dtype, v.dtype)), rest
    while rest.shape[0] > 1 and np.allclose(values(rest)[0], 0, rtol=1e-14):
        rest = rest[1:]
    if rest.shape[0] == 0:
        rest = np.zeros(1, np.result_type(u.dtype, v.dtype))
    return np.stack(quotient), rest


@composite(np.polyder)
def _polyder(p, m=1):
    p = _coefficients(p)
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@composite(np.polyint)
def _polyint(p, m=1, k=None):
    p = _coefficients(p)
    constants = (
        np.broadcast_to(as_array(0.0 if k is None else k), m)
        if np.ndim(k) == 0 or k is None
        else _coefficients(k)
    )
    for i in range(m):
        p = np.append(p / np.arange(p.shape[0], 0, -1), constants[i])
    return p


@composite(np.poly)
def _poly(seq_of_zeros):
    """Multiply (x - root) over the roots; for a matrix, over its eigenvalues."""
    roots = as_array(seq_of_zeros)
    if roots.ndim == 2:
        roots = np.linalg.eigvals(roots)
    one = np.ones(1, roots.dtype)
    p = one
    for root in roots:
        p = np.convolve(p, np.append(one, -root))
    if p.dtype.kind == "c":
        given = values(roots)
        if np.array_equal(np.sort(given), np.sort(given.conj())):
            p = np.real(p)
    return p


@composite(np.roots)
def _roots(p):
    """Return the eigenvalues of the companion matrix; trailing zeros of p are roots at 0."""
    p = _coefficients(p)
    found = np.flatnonzero(values(p))
    if not found.size:
        return np.array([])
    at_zero = p.shape[0] - 1 - int(found[-1])
    p = p[int(found[0]) : int(found[-1]) + 1]
    n = p.shape[0] - 1
    if n < 1:
        return np.zeros(at_zero)
    top = np.reshape(-p[1:] / p[0], (1, n))
    companion = np.concatenate([top, np.eye(n - 1, n, dtype=p.dtype)])
    roots = np.linalg.eigvals(companion)
    return np.append(roots, np.zeros(at_zero, roots.dtype)) if at_zero else roots


@composite(np.polyfit)
def _polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """Solve least squares over the scaled columns of a Vandermonde matrix, as NumPy does."""
    if full or cov:
        raise TypeError(
            "polyfit of tensors returns the coefficients only; call it with full=False and cov=False"
        )
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    left = np.vander(x, deg + 1)
    right = y
    if w is not None:
        w = as_array(w) + 0.0
        left = left * np.expand_dims(w, 1)
        right = right * (w if y.ndim == 1 else np.expand_dims(w, 1))
    if rcond is None:
        rcond = x.shape[0] * np.finfo(x.dtype).eps
    scale = np.sqrt(np.sum(left * left, axis=0))
    solution = np.linalg.lstsq(left / scale, right, rcond)[0]
    return np.transpose(np.transpose(solution) / scale)
