"""Pooling with channels last, by whole slices of an array: one for each place in the window.

Shapes: windows of (K₁, …, Kₙ) over x (N, L₁, …, Lₙ, C) give (N, M₁, …, Mₙ, C). The padding takes no part.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tensorgrad.ops.common import as_inexact, create, values
from tensorgrad.ops.spatial import Padding, Windows, per_axis, stretches, windows_of
from tensorgrad.rules import Array, primitive, rule

# Bytes of the samples that are pooled at a time, so that they stay in the cache.
POOL_BYTES = 1 << 20
Size = int | Sequence[int]


class Pools(NamedTuple):
    """The windows of a pooling, and how slices of the array and of the result are found.

    Where windows lie side by side along the last axis in space, their k pixels there are taken as one pixel of k C
    channels: the slices then hold whole rows, in which NumPy is several times faster than in short ones.
    """

    windows: Windows
    places: list[tuple[tuple[slice, ...], tuple[slice, ...]]]  # from `stretches`, without those k
    k: int

    def wide(self, x):
        """Return a view of x. Shapes: (N, L₁, …, Lₙ, C) -> (N, L₁, …, Mₙ, k C), or as it is."""
        if self.k == 1:
            return x
        M = self.windows.counts[-1]
        return x[..., : M * self.k, :].reshape(*x.shape[:-2], M, self.k * x.shape[-1])

    def repeated(self, out):
        """Repeat the channels k times. Shapes: (…, C) -> (…, k C)."""
        return out if self.k == 1 else np.tile(out, self.k)

    def parts(self, rows):
        """Return the k parts of the channels. Shapes: (…, k C) -> k times (…, C)."""
        return np.split(rows, self.k, -1) if self.k > 1 else [rows]

    def tile(self, x):
        """Return True if every pixel of x lies in exactly one window."""
        w = self.windows
        lengths = tuple(k * n for k, n in zip(w.size, w.counts, strict=True))
        return w.stride == w.size and not any(w.before) and lengths == x.shape[1:-1]

    def weights(self, x):
        """Return 1 / pixels in each window, without the padding, for x. Shapes: -> (M₁, …, Mₙ, 1)."""
        counts = np.zeros((*self.windows.counts, 1))
        for seen, _ in self.places:
            counts[seen] += self.k
        return create(np.asarray, x, (1 / counts).astype(x.dtype))


def pools_of(x, size, stride, padding):
    """Return the windows of a pooling of x, which by default do not overlap."""
    lengths = x.shape[1:-1]
    if not lengths:
        raise ValueError(f"pooling takes x (N, *lengths, channels), but got the shape {x.shape}")
    size = per_axis(size, len(lengths), "size")
    windows = windows_of(lengths, size, size if stride is None else stride, padding, 1)
    for n, k, step, before, count in zip(
        lengths, size, windows.stride, windows.before, windows.counts, strict=True
    ):
        if before >= k or (count - 1) * step - before >= n:
            raise ValueError(
                f"with padding {padding!r}, windows of size {size} lie beside the input of lengths {tuple(lengths)}, and "
                "have no element; take a padding smaller than the size"
            )
    rest, along, k = windows, tuple(lengths), 1
    inside = windows.counts[-1] * size[-1] <= lengths[-1] and not windows.before[-1]
    if windows.stride[-1] == size[-1] and inside:
        k, along = size[-1], (*along[:-1], windows.counts[-1])
        rest = windows._replace(size=(*size[:-1], 1), stride=(*windows.stride[:-1], 1))
    places = stretches(rest, along, slice(0, windows.counts[0]))
    return Pools(windows, [(seen, at) for _, seen, at in places], k)


def in_samples(x):
    """Yield slices of the samples of x, few enough to stay in the cache."""
    some = max(POOL_BYTES // max(x[:1].nbytes, 1), 1)
    yield from (slice(i, i + some) for i in range(0, len(x), some))


@primitive
def max_pool(x: Array, size: Size, stride: Size | None = None, padding: Padding = "valid") -> Array:
    """Return the maximum of each window, `stride` apart, by default its size; elements that tie share the gradient.

    `padding` is as in `conv`; it is never the maximum.
    Shapes: x (N, L₁, ..., Lₙ, C) -> (N, M₁, ..., Mₙ, C).
    Raises: ValueError if a setting does not fit the axes, the window is larger than the padded array, or a window has
    no element; TypeError for complex numbers, which have no order.
    """
    kind = x.dtype.kind
    if kind not in "biuf":
        raise TypeError(f"max_pool takes real numbers, but got an array of dtype {x.dtype}")
    pools = pools_of(x, size, stride, padding)
    lowest = -np.inf if kind == "f" else np.iinfo(x.dtype).min if kind in "iu" else False
    out = create(np.empty, x, (len(x), *pools.windows.counts, x.shape[-1]), x.dtype)
    wide = pools.wide(create(np.ascontiguousarray, x, x))
    full = pools.tile(x)
    for samples in in_samples(x):
        if full:
            rows = functools.reduce(np.maximum, [wide[(samples, *at)] for _, at in pools.places])
        else:
            rows = create(np.full, x, (*out[samples].shape[:-1], wide.shape[-1]), lowest, x.dtype)
            for seen, at in pools.places:
                here = rows[(slice(None), *seen)]
                np.maximum(here, wide[(samples, *at)], out=here)
        out[samples] = functools.reduce(np.maximum, pools.parts(rows))
    return out


def maxima(x, out, pools):
    """Return which pixels of each window have the maximum.

    Shapes: x as from `wide`, out (N, M₁, …, Mₙ, C) -> masks (N, M₁, …, Mₙ, k C) for each place.
    """
    best = pools.repeated(out)
    masks = [
        np.equal(x[(slice(None), *at)], best[(slice(None), *seen)]) for seen, at in pools.places
    ]
    if np.isnan(out).any():  # NaN is the maximum, and is not equal to itself
        pairs = zip(masks, pools.places, strict=True)
        masks = [mask | np.isnan(x[(slice(None), *at)]) for mask, (_, at) in pairs]
    return masks


def counted(masks, shape, pools):
    """Return how many pixels of each window have the maximum. Shapes: shape (N, M₁, …, Mₙ, C)."""
    dtype = np.min_scalar_type(math.prod(pools.windows.size))
    counts = create(np.zeros, masks[0], (*shape[:-1], shape[-1] * pools.k), dtype)
    for mask, (seen, _) in zip(masks, pools.places, strict=True):
        counts[(slice(None), *seen)] += mask
    return functools.reduce(np.add, pools.parts(counts))


@primitive
def max_pool_input(g, x, out, size=None, stride=None, padding="valid"):
    """Give the gradient of each maximum to the pixels that have it, in equal parts.

    Shapes: g and out (N, M₁, …, Mₙ, C), x (N, L₁, …, Lₙ, C) -> as x.
    """
    pools = pools_of(x, size, stride, padding)
    once = pools.tile(x)
    found = create(np.empty if once else np.zeros, g, x.shape, g.dtype)
    wide, target = pools.wide(create(np.ascontiguousarray, x, x)), pools.wide(found)
    for samples in in_samples(x):
        share = g[samples]
        masks = maxima(wide[samples], out[samples], pools)
        # Windows that are full have a maximum each, and so no two if there are as many as windows.
        if not once or sum(map(np.count_nonzero, masks)) != share.size:
            counts = counted(masks, share.shape, pools)
            share = share if counts.max(initial=1) == 1 else share / counts.astype(g.dtype)
        share = pools.repeated(share)
        for mask, (seen, at) in zip(masks, pools.places, strict=True):
            step = share[(slice(None), *seen)]
            if once:
                np.multiply(step, mask, out=target[(samples, *at)])
            else:
                target[(samples, *at)] += step * mask
    return found


@primitive
def max_pool_output(g, x, out, size=None, stride=None, padding="valid"):
    """Return the mean of g over the pixels that have the maximum of their window: the adjoint of max_pool_input.

    Shapes: g and x (N, L₁, …, Lₙ, C), out (N, M₁, …, Mₙ, C) -> as out.
    """
    pools = pools_of(x, size, stride, padding)
    found = create(np.empty, g, out.shape, g.dtype)
    wide, source = (
        pools.wide(create(np.ascontiguousarray, x, x)),
        pools.wide(create(np.ascontiguousarray, g, g)),
    )
    for samples in in_samples(x):
        masks = maxima(wide[samples], out[samples], pools)
        counts = counted(masks, out[samples].shape, pools)
        total = create(np.zeros, g, (*out[samples].shape[:-1], wide.shape[-1]), g.dtype)
        for mask, (seen, at) in zip(masks, pools.places, strict=True):
            total[(slice(None), *seen)] += source[(samples, *at)] * mask
        np.divide(
            functools.reduce(np.add, pools.parts(total)), counts.astype(g.dtype), out=found[samples]
        )
    return found


@primitive
def average_pool(
    x: Array, size: Size, stride: Size | None = None, padding: Padding = "valid"
) -> Array:
    """Return the mean of each window, `stride` apart, by default its size.

    `padding` is as in `conv`; it does not count.
    Shapes: x (N, L₁, ..., Lₙ, C) -> (N, M₁, ..., Mₙ, C).
    Raises: ValueError if a setting does not fit the axes, or the window is larger than the padded array.
    """
    x = as_inexact(x)
    x = create(np.ascontiguousarray, x, x)
    pools = pools_of(x, size, stride, padding)
    out = create(np.empty, x, (len(x), *pools.windows.counts, x.shape[-1]), x.dtype)
    wide, parts = pools.wide(x), pools.weights(x)
    for samples in in_samples(x):
        total = create(np.zeros, x, (*out[samples].shape[:-1], wide.shape[-1]), x.dtype)
        for seen, at in pools.places:
            total[(slice(None), *seen)] += wide[(samples, *at)]
        np.multiply(functools.reduce(np.add, pools.parts(total)), parts, out=out[samples])
    return out


@primitive
def average_pool_input(g, lengths=(), size=None, stride=None, padding="valid"):
    """Give each pixel of a window an equal part of its gradient: the adjoint of average_pool.

    Shapes: g (N, M₁, …, Mₙ, C), lengths (L₁, …, Lₙ) -> (N, L₁, …, Lₙ, C).
    """
    found = create(np.zeros, g, (len(g), *lengths, g.shape[-1]), g.dtype)
    pools = pools_of(found, size, stride, padding)
    target, parts = pools.wide(found), pools.weights(g)
    if g.shape[1:-1] != pools.windows.counts:
        raise ValueError(
            f"there are {pools.windows.counts} windows, but outputs of shape {g.shape}"
        )
    for samples in in_samples(found):
        share = pools.repeated(g[samples] * parts)
        for seen, at in pools.places:
            target[(samples, *at)] += share[(slice(None), *seen)]
    return found


# fmt: off
rule(max_pool, lambda g, out, x, size=None, stride=None, padding="valid":
     max_pool_input(g, values(x), values(out), size=size, stride=stride, padding=padding))
rule(max_pool_input, lambda g, _out, _g, x, out, size=None, stride=None, padding="valid":
     max_pool_output(g, x, out, size=size, stride=stride, padding=padding))
rule(max_pool_output, lambda g, _out, _g, x, out, size=None, stride=None, padding="valid":
     max_pool_input(g, x, out, size=size, stride=stride, padding=padding))
rule(average_pool, lambda g, _out, _x, size=None, stride=None, padding="valid":
     average_pool_input(g, lengths=_x.shape[1:-1], size=size, stride=stride, padding=padding))
rule(average_pool_input, lambda g, _out, _h, lengths=(), size=None, stride=None, padding="valid":
     average_pool(g, size=size, stride=stride, padding=padding))
# fmt: on
