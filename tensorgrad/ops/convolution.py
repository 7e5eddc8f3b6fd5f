"""Convolution with channels last, and its gradients: three functions that are each other's rules.

Windows are copied into a block of columns, which stays in the cache for one product and is not saved. There may be any
number of axes in space: Lᵢ is a length, Kᵢ a size of the kernel, Mᵢ a number of windows. Group q of G takes the q-th
share of the channels C to the q-th share of the channels O.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorgrad.operands import has_foreign
from tensorgrad.ops.channels import long_rows, sum_channels
from tensorgrad.ops.common import create
from tensorgrad.ops.spatial import Padding, per_axis, stretches, windows_of
from tensorgrad.ops.spectral import correlation, pays
from tensorgrad.rules import Array, primitive, rule

COLUMN_BYTES = 2_000_000  # bytes of columns: more leave the cache, fewer make products small


def blocks(n, counts, size):
    """Yield blocks of windows: slices of the samples and of the first axis. A window has `size` bytes of columns."""
    row = max(math.prod(counts[1:]) * size, 1)
    rows = counts[0]
    if row * rows <= COLUMN_BYTES:
        samples = COLUMN_BYTES // (row * rows) if rows else max(n, 1)
        yield from ((slice(i, min(i + samples, n)), slice(0, rows)) for i in range(0, n, samples))
        return
    some = max(COLUMN_BYTES // row, 1)
    for i in range(n):
        for j in range(0, rows, some):
            yield slice(i, i + 1), slice(j, min(j + some, rows))


def items_of(x, windows, groups):
    """Return a view in which what lies together in columns is one item, and the windows over these items.

    Items are copied faster than their numbers: the K pixels of a window along the last axis or, if they do not lie
    side by side, those of a group in one pixel. Windows of one channel are so short that their numbers are faster.
    Shapes: x (N, L₁, …, Lₙ, C) -> (G, N, L₁, …, Lₙ - K + 1), with the padding, or (G, N, L₁, …, Lₙ).
    """
    C, K = x.shape[-1] // groups, windows.size[-1]
    if C == 1:
        return np.moveaxis(x, -1, 0), windows
    if not x.size or has_foreign(x):  # whose items are numbers
        return np.moveaxis(x.reshape(*x.shape[:-1], groups, C), -2, 0), windows
    if groups > 1 or K == 1 or windows.dilation[-1] > 1:
        return np.moveaxis(x.view(np.dtype((np.void, C * x.itemsize))), -1, 0), windows
    x = padded(x, windows)
    shape, item = (*x.shape[:-2], x.shape[-2] - K + 1), np.dtype((np.void, K * C * x.itemsize))
    items = np.ndarray(shape, item, x.view(np.uint8), strides=x.strides[:-1])
    first = windows._replace(size=(*windows.size[:-1], 1), before=(*windows.before[:-1], 0))
    return items[None], first


def padded(x, windows):
    """Return x with the padding along the last axis in space, or as it is if there is none.

    Windows that begin inside have a negative one, as in the gradient by inputs with more padding than a kernel reaches.
    """
    low, length = windows.before[-1], x.shape[-2]
    needed = windows.stride[-1] * (windows.counts[-1] - 1) + windows.size[-1]
    if not low and needed <= length:
        return x
    x, low = x[..., max(-low, 0) :, :], max(low, 0)
    length = x.shape[-2]
    out = create(np.zeros, x, (*x.shape[:-2], max(needed, low + length), x.shape[-1]), x.dtype)
    out[..., low : low + length, :] = x
    return out


def columns(x, windows, groups):
    """Yield blocks of samples and rows, each with its windows of x as the rows of a matrix per group.

    Shapes: x (N, L₁, …, Lₙ, C) -> (G, windows, K₁ ⋯ Kₙ C / G), valid until the next one is asked for.
    """
    C, everything = x.shape[-1], slice(None)
    items, seats = items_of(x, windows, groups)
    places, width = math.prod(seats.size), math.prod(windows.size) * (C // groups)
    # Of numbers the windows of a place lie side by side, so that whole rows are copied.
    single = width == places
    buffer, found = np.zeros(0), []
    for samples, rows in blocks(len(x), windows.counts, width * groups * x.itemsize):
        heights = rows.stop - rows.start
        shape = (samples.stop - samples.start, heights, *windows.counts[1:])
        shape = (groups, places, *shape) if single else (groups, *shape, places)
        if buffer.shape[: len(shape)] != shape or heights < windows.counts[0]:
            # In which nothing is written to the padding.
            buffer = create(np.zeros, items, (*shape, *items.shape[x.ndim :]), items.dtype)
            found = list(stretches(seats, items.shape[2 : x.ndim], rows))
        for place, seen, at in found:
            to = (place, everything, *seen) if single else (everything, *seen, place)
            buffer[(everything, *to)] = items[(everything, samples, *at)]
        if single:
            yield samples, rows, np.swapaxes(buffer.reshape(groups, width, -1), -1, -2)
        else:
            yield samples, rows, buffer.view(x.dtype).reshape(groups, -1, width)


def by_group(x, groups):
    """Return a view as one matrix per group. Shapes: x (..., O) -> (G, rows, O / G)."""
    return np.moveaxis(x.reshape(-1, groups, x.shape[-1] // groups), 1, 0)


def convolved(x, W, b, windows, groups):
    """Return the products of the windows with the weights: as `conv`, which checks them."""
    if pays(x, W, windows, groups):
        found = correlation(x, W, windows.before, windows.counts)
        return found if b is None else found + b
    out = create(np.empty, x, (len(x), *windows.counts, W.shape[-1]), x.dtype)
    matrices = create(np.ascontiguousarray, W, by_group(W, groups))  # (G, K₁ ⋯ Kₙ C / G, O / G)
    for samples, rows, cols in columns(x, windows, groups):
        part = out[samples, rows]
        np.matmul(cols, matrices, out=by_group(part, groups))
        if b is not None:
            long, k = long_rows(part)
            long += np.tile(b, k)
    return out


def turned(W, groups):
    """Return the weights that take the outputs back to the inputs: turned in space, channels exchanged.

    Shapes: W (K₁, …, Kₙ, C / G, O) -> (K₁, …, Kₙ, O / G, C).
    """
    *size, C, outputs = W.shape
    flipped = np.flip(W, tuple(range(len(size)))).reshape(*size, C, groups, outputs // groups)
    turned = create(np.ascontiguousarray, W, np.swapaxes(flipped, -3, -1))
    return turned.reshape(*size, outputs // groups, -1)


def folded(g, W, windows, lengths, groups):
    """Return the products of g with the weights, each added to the pixels of its window: as `conv_input`."""
    *size, C, _ = W.shape
    out = create(np.zeros, g, (len(g), *lengths, groups, C), g.dtype)
    matrices = np.swapaxes(by_group(W, groups), -1, -2)  # (G, O / G, K₁ ⋯ Kₙ C / G)
    for samples, rows in blocks(len(g), windows.counts, math.prod(size) * C * groups * g.itemsize):
        part = g[samples, rows]
        cols = np.matmul(by_group(part, groups), matrices)
        cols = cols.reshape(groups, *part.shape[:-1], -1, C)
        cols = np.moveaxis(cols, (0, -2), (-2, 0))  # (K₁ ⋯ Kₙ, N, M₁, …, Mₙ, G, C / G)
        for place, seen, at in stretches(windows, lengths, rows):
            out[(samples, *at)] += cols[(place, slice(None), *seen)]
    return out.reshape(*out.shape[:-2], groups * C)


def in_one_dtype(*arrays):
    """Return contiguous arrays of one dtype, that of their sum; None as it is."""
    dtype = np.result_type(*(a for a in arrays if a is not None))
    return [a if a is None else create(np.ascontiguousarray, a, a, dtype) for a in arrays]


def check_axes(x, n):
    """Raise ValueError if an array does not have n axes in space, and two others."""
    if x.ndim != n + 2 or n < 1:
        raise ValueError(
            "a convolution takes arrays (N, *lengths, channels) and weights (*kernel, channels / groups, outputs), with "
            f"as many lengths as the kernel has axes, but got an array of shape {x.shape} beside a kernel of {n} axes"
        )


def check_channels(C, weights, groups, given=None):
    """Raise ValueError if the channels of the inputs or outputs do not fit the weights and groups."""
    per_axis(groups, 1, "groups")
    inputs, outputs = weights[-2] * groups, weights[-1]
    fits = C == inputs > 0 and outputs > 0 == outputs % groups
    if not fits or given not in (None, outputs):
        found = f"{C} channels" + ("" if given is None else f", and outputs of {given}")
        raise ValueError(
            f"weights of shape {tuple(weights)} in {groups} group{'s' * (groups > 1)} take {inputs} channels to "
            f"{outputs}, but the inputs have {found}; weights have the shape (*kernel, channels / groups, outputs), and "
            "groups divides both numbers of channels"
        )


@primitive
def conv(
    x: Array,
    W: Any,
    b: Any,
    stride: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """Return the sums over windows of x times W, plus b (or None): the convolution of networks.

    `padding` is "valid" (none), "same" (⌈L / stride⌉ windows), an integer, one per axis, or a pair (before, after) for
    each axis.
    Shapes: x (N, L₁, ..., Lₙ, C), W (K₁, ..., Kₙ, C / groups, O), b (O,) -> (N, M₁, ..., Mₙ, O).
    Raises: ValueError if the shapes or settings do not fit each other.
    """
    check_axes(x, len(np.shape(W)) - 2)
    check_channels(x.shape[-1], W.shape, groups)
    if b is not None and np.shape(b) != W.shape[-1:]:
        raise ValueError(
            f"weights of shape {W.shape} take biases of shape {W.shape[-1:]}, not {np.shape(b)}"
        )
    windows = windows_of(x.shape[1:-1], W.shape[:-2], stride, padding, dilation)
    x, W, b = in_one_dtype(x, W, b)
    return convolved(x, W, b, windows, groups)


@primitive
def conv_input(
    g: Array,
    W: Any,
    lengths: Sequence[int] = (),
    stride: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """Return the gradient of `conv` in its input of these lengths: the transposed convolution.

    Shapes: g (N, M₁, ..., Mₙ, O), W (K₁, ..., Kₙ, C / groups, O), lengths (L₁, ..., Lₙ) -> (N, L₁, ..., Lₙ, C).
    Raises: ValueError if the shapes or settings do not fit each other.
    """
    check_axes(g, len(lengths))
    check_axes(W, len(lengths))
    check_channels(W.shape[-2] * groups, W.shape, groups, g.shape[-1])
    windows = windows_of(lengths, W.shape[:-2], stride, padding, dilation)
    check_counts(g, windows, lengths)
    g, W = in_one_dtype(g, W)
    if any(s > 1 for s in windows.stride):
        return folded(g, W, windows, lengths, groups)
    spans = zip(windows.size, windows.dilation, windows.before, strict=True)
    before = tuple(d * (k - 1) - low for k, d, low in spans)
    back = windows._replace(before=before, counts=tuple(lengths))
    return convolved(g, turned(W, groups), None, back, groups)


@primitive
def conv_weights(
    x: Array,
    g: Any,
    size: Sequence[int] = (),
    stride: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Array:
    """Return the gradient of `conv` in its weights, whose kernel has this size.

    Shapes: x (N, L₁, ..., Lₙ, C), g (N, M₁, ..., Mₙ, O), size (K₁, ..., Kₙ) -> (K₁, ..., Kₙ, C / groups, O).
    Raises: ValueError if the shapes or settings do not fit each other.
    """
    check_axes(x, len(size))
    check_axes(g, len(size))
    C, outputs = x.shape[-1], g.shape[-1]
    check_channels(C, (*size, C // groups, outputs), groups)
    windows = windows_of(x.shape[1:-1], size, stride, padding, dilation)
    check_counts(g, windows, x.shape[1:-1])
    if len(x) != len(g):
        raise ValueError(
            f"there are {len(x)} inputs but {len(g)} outputs; each input has one output"
        )
    x, g = in_one_dtype(x, g)
    total = create(
        np.zeros, x, (groups, math.prod(size) * (C // groups), outputs // groups), x.dtype
    )
    for samples, rows, cols in columns(x, windows, groups):
        total += np.matmul(np.swapaxes(cols, -1, -2), by_group(g[samples, rows], groups))
    return np.moveaxis(total, 0, 1).reshape(*size, C // groups, outputs)


def check_counts(g, windows, lengths):
    """Raise ValueError if g does not have one row for each window."""
    if g.shape[1:-1] != windows.counts:
        raise ValueError(
            f"there are {windows.counts} windows over inputs of lengths {tuple(lengths)}, but outputs of shape {g.shape} "
            "were given"
        )


def _conv_biases(g, _out, _x, _W, _b, stride=1, padding="valid", dilation=1, groups=1):
    """Sum g over all axes but the channels."""
    return sum_channels(g)


# fmt: off
rule(conv,
     lambda g, _out, _x, W, _b, stride=1, padding="valid", dilation=1, groups=1:
         conv_input(g, W, lengths=_x.shape[1:-1], stride=stride, padding=padding, dilation=dilation, groups=groups),
     lambda g, _out, x, _W, _b, stride=1, padding="valid", dilation=1, groups=1:
         conv_weights(x, g, size=_W.shape[:-2], stride=stride, padding=padding, dilation=dilation, groups=groups),
     _conv_biases)
rule(conv_input,
     lambda g, _out, _h, W, lengths=(), stride=1, padding="valid", dilation=1, groups=1:
         conv(g, W, None, stride=stride, padding=padding, dilation=dilation, groups=groups),
     lambda g, _out, h, _W, lengths=(), stride=1, padding="valid", dilation=1, groups=1:
         conv_weights(g, h, size=_W.shape[:-2], stride=stride, padding=padding, dilation=dilation, groups=groups))
rule(conv_weights,
     lambda g, _out, _x, h, size=(), stride=1, padding="valid", dilation=1, groups=1:
         conv_input(h, g, lengths=_x.shape[1:-1], stride=stride, padding=padding, dilation=dilation, groups=groups),
     lambda g, _out, x, _h, size=(), stride=1, padding="valid", dilation=1, groups=1:
         conv(x, g, None, stride=stride, padding=padding, dilation=dilation, groups=groups))
# fmt: on
