"""Polynomials, given by their coefficients, the highest power first.

NumPy computes each call too, which is cheap here: its exceptions, dtypes and shapes are those of the result.
"""

import functools

import numpy as np

from tensorgrad.ops.common import as_array, check, create, numpys, values
from tensorgrad.rules import composite, rule


def like_numpy(function):
    """Declare a composite that raises what NumPy raises and returns NumPy's dtypes and shapes."""

    def declare(implementation):
        @functools.wraps(implementation)
        def call(*args, **kwargs):
            keywords = {key: plain(x) for key, x in kwargs.items()}
            right = numpys(function, *map(plain, args), **keywords)
            return with_dtypes_of(implementation(*args, **kwargs), right)

        return composite(function, call)

    return declare


def plain(x):
    """Return the array of a tensor, also within a list."""
    if type(x) in (list, tuple):
        return [plain(item) for item in x]
    return values(x) if hasattr(x, "shape") else x


def with_dtypes_of(x, right):
    """Give x the shape and the dtype of NumPy's result."""
    if isinstance(right, tuple):
        return tuple(map(with_dtypes_of, x, right))
    if not hasattr(x, "shape"):
        return right
    x = x if x.shape == np.shape(right) else np.reshape(x, np.shape(right))
    return x if x.dtype == right.dtype else x.astype(right.dtype)


def _coefficients(x, other=None):
    return np.atleast_1d(as_array(x, other))


@like_numpy(np.polyval)
def _polyval(p, x):
    """Evaluate by Horner's rule."""
    x = as_array(x)
    y = create(np.zeros, x, x.shape, x.dtype)
    for coefficient in _coefficients(p):
        y = y * x + coefficient
    return y


@like_numpy(np.polyadd)
def _polyadd(a1, a2):
    a1, a2 = _coefficients(a1, a2), _coefficients(a2, a1)
    n = max(a1.shape[0], a2.shape[0])
    return np.pad(a1, (n - a1.shape[0], 0)) + np.pad(a2, (n - a2.shape[0], 0))


@like_numpy(np.polysub)
def _polysub(a1, a2):
    return np.polyadd(a1, -as_array(a2, a1))


def _leading(p):
    """Drop the leading zeros."""
    found = np.flatnonzero(values(p))
    return p[found[0] :] if found.size else create(np.zeros, p, 1, p.dtype)


@like_numpy(np.polymul)
def _polymul(a1, a2):
    return np.convolve(_leading(_coefficients(a1)), _leading(_coefficients(a2)))


def _remainder_size(u, v):
    return np.intp(np.size(np.polydiv(u, v)[1]))


@like_numpy(np.polydiv)
def _polydiv(u, v):
    """Divide, and return the quotient and the remainder without its leading zeros."""
    u, v = _coefficients(u) + 0.0, _coefficients(v) + 0.0
    m, n = u.shape[0] - 1, v.shape[0] - 1
    quotient, rest = [], u
    for k in range(m - n + 1):
        quotient.append(rest[k] / v[0])
        rest = rest - np.pad(quotient[-1] * v, (k, m - n - k))
    kept = int(numpys(_remainder_size, u, v))  # after leading zeros, up to rounding
    rest = rest[rest.shape[0] - kept :]
    return np.stack(quotient) if quotient else np.zeros(1), rest


@like_numpy(np.polyder)
def _polyder(p, m=1):
    p = _coefficients(p)
    for _ in range(int(m)):
        p = p[:-1] * create(np.arange, p, p.shape[0] - 1, 0, -1)
    return p


@like_numpy(np.polyint)
def _polyint(p, m=1, k=None):
    p, m = _coefficients(p), int(m)
    constants = _coefficients(0.0 if k is None else k, p)
    for i in range(m):
        constant = constants[i if constants.shape[0] > 1 else 0]
        p = np.append(p / create(np.arange, p, p.shape[0], 0, -1), constant)
    return p


@like_numpy(np.poly)
def _poly(seq_of_zeros):
    """Multiply (x - root) over the roots; for a matrix, over its eigenvalues."""
    listed = type(seq_of_zeros) in (list, tuple) and len(seq_of_zeros)
    roots = np.stack(seq_of_zeros) if listed else as_array(seq_of_zeros)
    if roots.ndim == 2:
        roots = np.linalg.eigvals(roots)
    if roots.ndim == 0:
        return np.ones(1)
    roots = roots.astype(np.mintypecode(roots.dtype.char))
    one = create(np.ones, roots, 1, roots.dtype)
    p = one
    for root in roots:
        p = np.convolve(p, np.append(one, -root))
    if p.dtype.kind == "c":
        given = values(roots)
        if np.array_equal(np.sort(given), np.sort(given.conj())):
            p = np.real(p)
    return p


def _roots(g, out, p):
    """-g rᵏ / p'(r) for the coefficient of xᵏ, because p(r) = 0."""
    # p'(r) is a product over the other roots: of computed roots, sums of gradients then cancel.
    distances = np.expand_dims(out, 1) - out
    same = np.equal(distances, 0)
    check(np.all(np.count_nonzero(same, axis=1) == 1), np.linalg.LinAlgError, MULTIPLE)
    slope = np.prod(np.where(same, 1, distances), axis=1) * p[np.argmax(np.not_equal(p, 0))]
    powers = np.vander(out, p.shape[0]).astype(out.dtype)  # np.vander makes float64
    return np.matmul(-g / slope, powers)


MULTIPLE = "a multiple root of a polynomial has no gradient: it moves infinitely fast"
rule(np.roots, _roots)


def _covariance(left, scale, residuals, cov):
    """Return (XᵀX)⁻¹, for the unscaled columns, times the variance of the residuals unless `cov` is "unscaled"."""
    inverse = np.linalg.inv(np.dot(np.transpose(left), left)) / np.outer(scale, scale)
    if cov == "unscaled":
        return inverse
    factor = residuals / (left.shape[0] - left.shape[1])
    return (inverse if residuals.size == 1 else np.expand_dims(inverse, -1)) * factor


@like_numpy(np.polyfit)
def _polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """Solve least squares over the scaled columns of a Vandermonde matrix, as NumPy does."""
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    left = np.vander(x, int(deg) + 1)
    right = y
    if w is not None:
        w = as_array(w) + 0.0
        left = left * np.expand_dims(w, 1)
        right = right * (w if y.ndim == 1 else np.expand_dims(w, 1))
    if rcond is None:
        rcond = x.shape[0] * np.finfo(x.dtype).eps
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    solution, residuals, rank, s = np.linalg.lstsq(left, right, rcond)
    coefficients = np.transpose(np.transpose(solution) / scale)
    if full:
        return coefficients, residuals, rank, s, rcond
    return (coefficients, _covariance(left, scale, residuals, cov)) if cov else coefficients
