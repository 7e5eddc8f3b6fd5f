"""Windows over arrays with axes in space, for convolution and pooling.

Mᵢ = (Lᵢ + padding - dilation (Kᵢ - 1) - 1) // stride + 1 windows of size Kᵢ lie along an axis of length Lᵢ.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# "valid" (none), "same" (⌈L / stride⌉ windows), a number, one for each axis, or a pair (before, after) for each axis.
Padding = str | int | Sequence[int] | Sequence[tuple[int, int]]


class Windows(NamedTuple):
    """The windows of a kernel, axis by axis in space: window j begins at stride j - before."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]  # the padding at the beginning
    counts: tuple[int, ...]  # of windows


def windows_of(lengths, size, stride, padding, dilation):
    """Return the windows of a kernel over arrays of these lengths.

    Raises: ValueError if a setting does not fit the axes, or the kernel is larger than the padded array.
    """
    n = len(lengths)
    stride, dilation = per_axis(stride, n, "stride"), per_axis(dilation, n, "dilation")
    extents = [d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True)]
    pads = paddings(padding, lengths, extents, stride)
    counts = []
    for length, extent, s, (low, high) in zip(lengths, extents, stride, pads, strict=True):
        if extent > length + low + high:
            raise ValueError(
                f"a kernel of size {tuple(size)} with dilation {dilation} covers {tuple(extents)} pixels, more than the "
                f"input of lengths {tuple(lengths)} has with padding {padding!r}"
            )
        counts.append((length + low + high - extent) // s + 1)
    return Windows(tuple(size), stride, dilation, tuple(low for low, _ in pads), tuple(counts))


def per_axis(value, n, name, least=1):
    """Return a setting as one integer for each of n axes.

    Raises: ValueError if it is not one integer of at least `least`, or one per axis.
    """
    values = tuple(value) if isinstance(value, Sequence | np.ndarray) else (value,) * n
    if len(values) != n or not all(isinstance(v, int | np.integer) and v >= least for v in values):
        raise ValueError(
            f"{name} must be an integer of at least {least}, or a tuple of {n}, not {value!r}"
        )
    return tuple(map(int, values))


def paddings(padding, lengths, extents, stride):
    """Return the zeros before and after each axis; "same" makes ⌈L / stride⌉ windows.

    Raises: ValueError if the padding is none of the forms.
    """
    n = len(lengths)
    if padding == "valid":
        return [(0, 0)] * n
    if padding == "same":
        rows = zip(lengths, extents, stride, strict=True)
        total = [max((-(-length // s) - 1) * s + extent - length, 0) for length, extent, s in rows]
        return [(t // 2, t - t // 2) for t in total]
    if isinstance(padding, str):
        raise ValueError(f'padding must be "same", "valid" or integers, not {padding!r}')
    pairs = isinstance(padding, Sequence) and any(isinstance(p, Sequence) for p in padding)
    if pairs and len(padding) == n:
        return [per_axis(pair, 2, "each pair of padding", 0) for pair in padding]
    return [(p, p) for p in per_axis(padding, n, "padding", 0)]


def stretches(windows, lengths, rows):
    """Yield each place in the kernel, the windows whose place lies inside the array, and the pixels there.

    Only windows in `rows` of the first axis are counted. The others see zeros of the padding.
    """
    starts = [rows.start, *[0] * (len(lengths) - 1)]
    stops = [rows.stop, *windows.counts[1:]]
    axes = [
        [stretch(length, i * d - low, s, start, stop) for i in range(k)]
        for length, k, s, d, low, start, stop in zip(
            lengths, *windows[:4], starts, stops, strict=True
        )
    ]
    for place, parts in enumerate(itertools.product(*axes)):
        yield place, tuple(w for w, _ in parts), tuple(p for _, p in parts)


def stretch(length, offset, step, start, stop):
    """Return the windows j in [start, stop) with 0 <= offset + step j < length, and these pixels, as slices."""
    first = max(start, -(offset // step))
    last = max(min(stop, (length - 1 - offset) // step + 1), first)
    pixels = slice(0, 0)
    if last > first:
        pixels = slice(offset + step * first, offset + step * (last - 1) + 1, step)
    return slice(first - start, last - start), pixels
