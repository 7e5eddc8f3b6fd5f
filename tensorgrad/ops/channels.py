"""Sums over all axes but the last, that of the channels, in long rows and in blocks that stay in the cache."""

from collections.abc import Iterator

import numpy as np

from tensorgrad.operands import reduction
from tensorgrad.ops.common import create
from tensorgrad.rules import primitive, rule

ROW = 8192  # numbers in a row: beside a vector, NumPy takes twice as long for shorter ones
ROW_BYTES = 1 << 20  # bytes of a block


def channels_last(x, *vectors):
    """Return x in one piece of memory. Shapes: x (..., C), vectors (C,) -> as x.

    Raises: ValueError if x has no axes, or a vector does not have one number per channel.
    """
    if not x.ndim:
        raise ValueError(
            "an array of channels has at least one axis, but a single number was given"
        )
    for vector in vectors:
        if np.shape(vector) != x.shape[-1:]:
            raise ValueError(
                f"channels of shape {x.shape} take vectors of shape {x.shape[-1:]}, one number for each channel along "
                f"the last axis, not of shape {np.shape(vector)}"
            )
    return create(np.ascontiguousarray, x, x)


def long_rows(x):
    """Return a view of contiguous numbers in which a row holds the channels k times, and k.

    Shapes: x (..., C) -> (n, k C).
    """
    C = x.shape[-1]
    n = x.size // max(C, 1)
    enough = -(-ROW // max(C, 1))
    longer, shorter = range(enough, min(4 * enough, n) + 1), range(min(enough - 1, n), 1, -1)
    k = next((k for some in (longer, shorter) for k in some if n % k == 0), 1)
    return x.reshape(n // k, k * C), k


def in_blocks(*arrays) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the same rows of each array, few enough to stay in the cache."""
    first = arrays[0]
    rows = max(ROW_BYTES // max(first.shape[1] * first.itemsize, 1), 1)
    for i in range(0, len(first), rows):
        yield tuple(a[i : i + rows] for a in arrays)


def per_channel(row, k):
    """Sum the k parts of a long row, in float64 at least. Shapes: (k C,) -> (C,)."""
    return reduction(np.add, row)(
        row.astype(np.promote_types(row.dtype, float)).reshape(k, -1), axis=0
    )


@primitive
def sum_channels(x):
    """Sum over all axes but the last; of float16 in float32.

    Shapes: x (..., C) -> (C,).
    """
    rows, k = long_rows(channels_last(x))
    precise = np.promote_types(x.dtype, np.float32)
    ones = create(np.ones, x, len(rows), precise)
    return per_channel(np.dot(ones, rows.astype(precise, copy=False)), k).astype(x.dtype)


# fmt: off
rule(sum_channels, lambda g, _out, _x: np.broadcast_to(g, _x.shape))
# fmt: on
