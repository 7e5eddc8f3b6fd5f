"""Rearrangements: every element goes somewhere, and its gradient comes back the same way."""

from itertools import pairwise

import numpy as np

from tensorgrad.rules import composed, constant, primitive, rule, rule_each


def _transpose(g, _out, _x, axes=None):
    """The inverse permutation."""
    return np.transpose(g, None if axes is None else np.argsort([i % g.ndim for i in axes]))


@primitive
def concatenate(*arrays, axis=0):
    return np.concatenate(arrays, axis)


def _concatenate(g, _out, i, *_arrays, axis=0):
    """The stretch of g that came from argument i."""
    start = sum(a.shape[axis] for a in _arrays[:i])
    index = [slice(None)] * g.ndim
    index[axis] = slice(start, start + _arrays[i].shape[axis])
    return g[tuple(index)]


# fmt: off
rule(np.reshape,      lambda g, _out, _x, shape=None: np.reshape(g, _x.shape))
rule(np.ravel,        lambda g, _out, _x: np.reshape(g, _x.shape))
rule(np.squeeze,      lambda g, _out, _x, axis=None: np.reshape(g, _x.shape))
rule(np.expand_dims,  lambda g, _out, _x, axis=None: np.reshape(g, _x.shape))
rule(np.transpose,    _transpose)
rule(np.swapaxes,     lambda g, _out, _x, axis1=None, axis2=None: np.swapaxes(g, axis1, axis2))
rule(np.moveaxis,     lambda g, _out, _x, source=None, destination=None: np.moveaxis(g, destination, source))
rule(np.broadcast_to, lambda g, _out, _x, shape=None: g)   # the engine undoes broadcasting
rule(np.flip,         lambda g, _out, _x, axis=None: np.flip(g, axis))
rule_each(concatenate, _concatenate)

constant(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.may_share_memory,
         np.shares_memory, np.iterable)
# fmt: on


@composed(np.concatenate)
def _concatenate_list(arrays, axis=0):
    if axis is None:
        return concatenate(*[np.ravel(a) for a in arrays], axis=0)
    return concatenate(*arrays, axis=axis)


@composed(np.stack)
def _stack(arrays, axis=0):
    return concatenate(*[np.expand_dims(a, axis) for a in arrays], axis=axis)


@composed(np.array_split)
def _array_split(ary, indices_or_sections, axis=0):
    n = ary.shape[axis]
    if isinstance(indices_or_sections, (int, np.integer)):
        size, more = divmod(n, indices_or_sections)
        cuts = np.cumsum([0] + [size + 1] * more + [size] * (indices_or_sections - more))
    else:
        cuts = [0, *indices_or_sections, n]
    lead = (slice(None),) * (axis % ary.ndim)
    return [ary[(*lead, slice(a, b))] for a, b in pairwise(cuts)]


@composed(np.split)
def _split(ary, indices_or_sections, axis=0):
    if isinstance(indices_or_sections, (int, np.integer)) and ary.shape[axis] % indices_or_sections:
        raise ValueError(
            f"axis {axis} of length {ary.shape[axis]} cannot be split into {indices_or_sections} equal parts; "
            "np.array_split allows unequal ones"
        )
    return _array_split(ary, indices_or_sections, axis)
