"""Convolution with large kernels by Fourier transforms, in which it is a product.

The gradient in the weights would need longer transforms, of sums over few samples, and gains nothing.
"""

import numpy as np

from tensorgrad.ops.common import create

LEAST = 11  # size of a kernel from which this is faster
MOST = 32  # channels up to which it is: with more, the products of large blocks are


def pays(x, W, windows, groups):
    """Return True if a convolution is faster by Fourier transforms."""
    steps = {*windows.stride, *windows.dilation, groups}
    return (
        steps == {1}
        and min(windows.size) >= LEAST
        and max(x.shape[-1], W.shape[-1]) <= MOST
        and x.dtype.kind == "f"
        and x.dtype.itemsize >= 4
        and x.size > 0
    )


def correlation(x, W, before, counts):
    """Return the sums over i of x[j + i - before] W[i], for j below `counts`; 0 outside of x.

    The last axis of x and the one before it of W are summed over, too.
    Shapes: x (N, L₁, …, Lₙ, C), W (K₁, …, Kₙ, C, O) -> (N, *counts, O).
    """
    n, C, lengths = x.ndim - 2, x.shape[-1], x.shape[1:-1]
    sizes = [fast(length + k - 1) for length, k in zip(lengths, W.shape, strict=False)]
    X = np.fft.rfftn(x, sizes, axes=tuple(range(1, n + 1)))
    F = np.conj(np.fft.rfftn(W, sizes, axes=tuple(range(n))))
    X = np.moveaxis(X, 0, -2).reshape(-1, len(x), C)  # one matrix for each frequency
    products = np.matmul(X, F.reshape(-1, *F.shape[-2:])).reshape(*F.shape[:n], len(x), -1)
    found = np.fft.irfftn(products, sizes, axes=tuple(range(n)))
    for axis, (count, low, size) in enumerate(zip(counts, before, sizes, strict=True)):
        place = (create(np.arange, found, count) - low) % size  # it is periodic
        found = np.take(found, place, axis=axis)
    found = np.moveaxis(found, -2, 0)
    return create(np.ascontiguousarray, found, found)


def fast(n):
    """Return the next length whose transform is fast: even, of the factors 2, 3 and 5."""
    while True:
        n += n % 2
        rest = n
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 2
