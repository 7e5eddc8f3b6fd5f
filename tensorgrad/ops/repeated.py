"""Checks where eigenvalues or singular values repeat, and their vectors are an arbitrary basis of a space.

A smooth function of the matrix is smooth there, but a gradient by way of values and vectors may depend on the basis: then
it is refused. The values alone keep a subgradient at first order. A marker, three numbers packed behind the vectors, tells
what a gradient came by, which zeros cannot tell: its own gradient is 1 in the place of each part that was used.
"""

import functools

import numpy as np

from tensorgrad.ops.common import check, create, is_plain, values
from tensorgrad.rules import primitive, rule

# The places in the marker: used by the caller, the caller, a rule that is differentiated again.
VECTORS, VALUES, RULE = range(3)


@primitive
def marked(part, marker):
    """Return values or vectors; where they are used, the gradient of the marker becomes 1."""
    return part


@primitive
def in_basis(middle, vectors, equal=None, strict=None):
    """Return a matrix given in the basis of the vectors, whose own gradient must not depend on that basis."""
    if middle.shape[-2:] != equal.shape[-2:]:
        raise ValueError(f"equal is of shape {equal.shape}, but the matrix of {middle.shape}")
    return middle


def _in_basis(g, _out, _middle, _vectors, equal=None, strict=None):
    check_basis(values(g), equal, strict)
    return in_basis(g, 0.0, equal=equal, strict=strict)


def _in_basis_of(g, _out, _middle, _vectors, equal=None, strict=None):
    check_basis(values(g), equal, strict)
    return create(np.zeros, g, _vectors.shape, _vectors.dtype)


# fmt: off
rule(marked,   lambda g, _out, _part, _marker: g, lambda g, _out, _part, _marker: create(np.ones, g, _marker.shape, _marker.dtype))
rule(in_basis, _in_basis, _in_basis_of)
# fmt: on


def equal_pairs(w):
    """Return which pairs of these values are equal, to rounding: within 10 eps‖A‖, or n eps‖A‖ of a large matrix."""
    w = values(w)
    n = w.shape[-1]
    size = np.max(np.abs(w), axis=-1, initial=0, keepdims=True)[..., None]
    return np.abs(w[..., None, :] - w[..., :, None]) <= max(10, n) * np.finfo(w.dtype).eps * size


def reciprocal(gap, equal):
    """Return 1 / gap, and 0 where the values are equal."""
    return np.where(equal, 0, 1 / np.where(equal, 1, gap))


def off_diagonal(pairs):
    return pairs & ~create(np.eye, pairs, pairs.shape[-1], dtype=bool)


def noise(*gradients):
    """Return the size below which these gradients, taken together, are rounding errors."""
    n, eps = gradients[0].shape[-1], np.finfo(gradients[0].dtype).eps
    sizes = [np.max(np.abs(g), initial=0) for g in gradients]
    return 100 * n * eps * functools.reduce(np.maximum, sizes)


def unequal(x, limit):
    """Return which pairs of these numbers differ by more than the limit."""
    return np.abs(x[..., None, :] - x[..., :, None]) > limit


def refuse_basis(name, depends):
    """Raise where a gradient depends on the basis."""
    check(
        ~depends,
        np.linalg.LinAlgError,
        f"{name} has no gradient here: values repeat, so their vectors are an arbitrary basis, on which the answer would "
        "depend; write the function of the whole matrix instead, by np.trace, np.linalg.norm and matrix products",
    )


def in_special_place(vectors):
    """Return which vectors have a component of 0, as unit vectors do: by chance, another basis could look the same."""
    return np.any(np.abs(vectors) <= 10 * np.finfo(vectors.dtype).eps, axis=-2)


def either(flags):
    """Return the pairs of which one has the flag."""
    return flags[..., None, :] | flags[..., :, None]


def check_repeated(name, gw, inners, equal, marker, *vectors):
    """Return the entries of a direction, in the basis, that must be 0 for the second derivative along it to exist.

    `inners` are the gradients of the vectors, in the basis of the vectors: a column is one vector's.
    Raises: numpy.linalg.LinAlgError if the first derivative depends on it already.
    """
    pairs = off_diagonal(equal)
    if is_plain(pairs) and not pairs.any():
        return pairs
    gw, inners = values(gw), [values(x) for x in inners]
    used = values(marker) != 0
    caller, with_values, by_rule = (used[..., i, None, None] for i in (VECTORS, VALUES, RULE))
    limit = noise(gw, *inners)
    differ = pairs & unequal(gw, limit)
    sizes = [np.abs(gw), *(np.max(np.abs(x), axis=-2, initial=0) for x in inners)]
    size = functools.reduce(np.maximum, sizes)
    active = pairs & either(size > limit)
    places = [in_special_place(values(v)) for v in vectors]
    special = pairs & either(functools.reduce(np.logical_or, places)) & caller
    # Zeros tell nothing in a special place: of <W, log A> at the identity, only W's diagonal arrives.
    reached = np.any(size > 0, axis=-1)[..., None, None] | ~np.any(size)
    refused = differ & (caller | by_rule) | special & ~by_rule & (active | with_values & reached)
    within = [np.any(pairs & (np.abs(x) > limit)) for x in inners]
    refuse_basis(name, functools.reduce(np.logical_or, within, np.any(refused)))
    touched = np.any(differ | active, axis=-1)
    return off_diagonal(either(touched)) | special


def guarded(middle, vectors, equal, strict):
    """Return `middle`, a gradient in the basis of the vectors, whose derivative is refused where it depends on them."""
    if is_plain(middle) and not (off_diagonal(equal) | strict).any():
        return middle
    known = vectors if not is_plain(middle) or strict.any() else values(vectors)
    return in_basis(middle, known, equal=equal, strict=strict)


def check_basis(h, equal, strict):
    """Refuse a direction whose second derivative depends on the basis.

    Its entries in `strict` must be 0, and its diagonal must be equal for equal values there. Elsewhere the diagonal may
    differ, because the gradient of the values then differs too; if it does not, entries beside it would be lost.
    """
    limit = noise(h)
    beside, apart = np.abs(h) > limit, unequal(np.diagonal(h, 0, -2, -1), limit)
    pairs = off_diagonal(equal)
    hidden = np.any(pairs & beside, (-2, -1)) & ~np.any(pairs & apart, (-2, -1))
    depends = np.any(strict & (beside | pairs & apart)) | np.any(hidden)
    refuse_basis("the gradient of eigenvalues or singular values", depends)
