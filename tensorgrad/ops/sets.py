"""Sets: the distinct elements of arrays. Of equal elements, the first gets the gradient."""

import numpy as np
from numpy.lib._arraysetops_impl import UniqueAllResult, UniqueCountsResult, UniqueInverseResult

from tensorgrad.ops.common import as_array, numpys, values
from tensorgrad.rules import composite, nondifferentiable, primitive


@primitive
def places(ar, axis, equal_nan):
    """Return np.unique's indices, inverse and counts, which carry no gradient."""
    return np.unique(ar, True, True, True, axis, equal_nan=equal_nan)[1:]


nondifferentiable(places)


@composite(np.unique)
def _unique(
    ar,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    *,
    equal_nan=True,
    sorted=True,
):
    found = places(ar, axis, equal_nan)
    wanted = (return_index, return_inverse, return_counts)
    result = (
        np.take(ar, found[0], axis),
        *(x for x, yes in zip(found, wanted, strict=True) if yes),
    )
    return result if len(result) > 1 else result[0]


@composite(np.unique_values)
def _unique_values(x):
    """In the order of NumPy, which does not always sort."""
    order = np.argsort(numpys(np.unique_values, x))
    return np.unique(x, equal_nan=False)[np.argsort(order)]


@composite(np.unique_counts)
def _unique_counts(x):
    return UniqueCountsResult(*np.unique(x, return_counts=True, equal_nan=False))


@composite(np.unique_inverse)
def _unique_inverse(x):
    return UniqueInverseResult(*np.unique(x, return_inverse=True, equal_nan=False))


@composite(np.unique_all)
def _unique_all(x):
    return UniqueAllResult(*np.unique(x, True, True, True, equal_nan=False))


@composite(np.union1d)
def _union1d(ar1, ar2):
    return np.unique(np.append(ar1, ar2))


@composite(np.intersect1d)
def _intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    given = values(ar1), values(ar2)
    _, first, second = numpys(np.intersect1d, *given, assume_unique, return_indices=True)
    both = np.take(as_array(ar1), first)
    return (both, first, second) if return_indices else both


@composite(np.setdiff1d)
def _setdiff1d(ar1, ar2, assume_unique=False):
    kept = np.ravel(as_array(ar1)) if assume_unique else np.unique(as_array(ar1))
    return kept[np.isin(values(kept), values(ar2), invert=True)]


@composite(np.setxor1d)
def _setxor1d(ar1, ar2, assume_unique=False):
    """The elements that occur once in both sets together."""
    if assume_unique:
        both = np.append(ar1, ar2)
    else:
        both = np.append(np.unique(as_array(ar1)), np.unique(as_array(ar2)))
    different, counts = np.unique(both, return_counts=True, equal_nan=False)
    return different[counts == 1]
