"""Norms of vectors and matrices, and condition numbers."""

import numpy as np

from tensorgrad.ops.common import as_array, as_inexact, check, create, numpys
from tensorgrad.rules import composite, primitive, rule


def _vector_norm(g, out, x, axis=None, keepdims=False, ord=2):
    """Return the direction of x; 0 at the origin, where the norm has no slope."""
    if axis is not None and not keepdims:
        g, out = np.expand_dims(g, axis), np.expand_dims(out, axis)
    nonzero = np.where(np.equal(out, 0), 1, out)
    g = g * np.not_equal(out, 0)
    if ord == 2:
        return g / nonzero * np.conj(x)
    size = np.abs(x)
    if ord == 0:
        return create(np.zeros, x, x.shape, x.dtype)
    safe = np.where(np.equal(size, 0), 1, size)
    direction = np.sign(x) if x.dtype.kind != "c" else np.conj(x) * np.not_equal(size, 0) / safe
    if ord == 1:
        return g * direction
    if np.isinf(ord):
        ties = np.equal(size, out)
        ways = np.sum(ties, axis=axis, keepdims=axis is not None)
        return g * direction * np.divide(ties, ways, dtype=size.dtype)
    return g * direction * (safe / nonzero) ** (ord - 1)


@primitive
def unbounded(x, right, finite=True):
    """Return x where it is finite, else the right value, which has no gradient."""
    return np.where(finite, x, right)


def _unbounded(g, _out, _x, _right, finite=True):
    check(
        ~np.any(np.not_equal(g, 0) & ~finite),
        np.linalg.LinAlgError,
        "the condition number of a singular matrix is infinite, and has no gradient",
    )
    return g


rule(np.linalg.vector_norm, _vector_norm)
rule(unbounded, _unbounded)


@composite(np.linalg.matrix_norm)
def _matrix_norm(x, /, *, keepdims=False, ord="fro"):
    x = as_inexact(x)
    if x.size == 0 or x.ndim < 2:  # as NumPy says, a number or an error
        return numpys(np.linalg.matrix_norm, x, keepdims=keepdims, ord=ord)
    sums = {1: -2, -1: -2, np.inf: -1, -np.inf: -1}
    if ord in (None, "fro", "f"):
        return np.linalg.vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        s = np.linalg.svdvals(x)
        norm = np.sum(s, axis=-1) if ord == "nuc" else (np.max if ord == 2 else np.min)(s, axis=-1)
    elif ord in sums:
        total = np.sum(np.abs(x), axis=sums[ord])
        norm = (np.max if ord > 0 else np.min)(total, axis=-1)
    else:
        raise ValueError(
            f"a matrix has no norm of ord={ord!r}; 'fro', 'nuc', 1, -1, 2, -2, inf and -inf are known"
        )
    return np.expand_dims(norm, (-2, -1)) if keepdims else norm


@composite(np.linalg.norm)
def _norm(x, ord=None, axis=None, keepdims=False):
    """Choose the norm of a vector or of a matrix by the number of axes; without an order, take all elements."""
    x = as_inexact(x)
    if isinstance(axis, list):
        raise TypeError(f"axis is None, an integer or a tuple of integers, not {axis}")
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis).tolist())
    if ord is None and (axis is None or len(axes) == 2):
        return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims)
    if len(axes) == 1:
        if isinstance(ord, str):
            raise ValueError(f"a vector has no norm of ord={ord!r}; give a number, or two axes")
        return np.linalg.vector_norm(
            x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord
        )
    if len(axes) != 2:
        raise ValueError(
            f"a norm with ord={ord!r} is taken along 1 or 2 axes, not {len(axes)}; give axis="
        )
    moved = np.moveaxis(x, axes, (-2, -1))
    norm = np.linalg.matrix_norm(moved, ord=ord)
    return np.expand_dims(norm, tuple(i % x.ndim for i in axes)) if keepdims else norm


@composite(np.linalg.cond)
def _cond(x, p=None):
    """Compute it of the identity where the matrix is singular, and put NumPy's infinity there."""
    right = as_array(numpys(np.linalg.cond, x, p))
    finite = np.isfinite(right)
    x = np.where(finite[..., None, None], x, create(np.eye, x, *x.shape[-2:], dtype=x.dtype))
    if p is None or p in (2, -2):
        s = np.linalg.svdvals(x)
        least, most = np.min(s, axis=-1), np.max(s, axis=-1)  # ties share the gradient
        found = least / most if p == -2 else most / least
    else:
        axes = (-2, -1)
        found = np.linalg.norm(x, p, axes) * np.linalg.norm(np.linalg.inv(x), p, axes)
    return unbounded(found, right, finite=finite).astype(right.dtype)
