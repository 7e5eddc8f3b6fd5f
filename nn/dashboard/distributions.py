"""The distribution of an array's elements, as the few numbers that a page draws."""

from typing import Any

import numpy as np

BARS = 32
COUNTED = 8192  # elements of an array in its histogram; of larger arrays every k-th
SPREAD = 5.0  # standard deviations around the mean that a histogram shows


def distribution(array: np.ndarray) -> list[Any]:
    """Return [least, largest, mean, deviation, share of zeros, not finite, from, to, counts].

    The bins go from the mean minus 5 standard deviations to the mean plus 5, or to the ends of the
    data. All but the first two numbers are of at most 16,384 elements, evenly spaced. Of complex
    numbers they are those of their sizes.
    Shapes: array (...).
    """
    flat = np.ravel(np.abs(array) if np.iscomplexobj(array) else array)
    some = flat[:: max(1, flat.size // COUNTED)].astype(np.float64)
    finite = some[np.isfinite(some)]
    bad = some.size - finite.size
    if not finite.size:
        return [None, None, None, None, 0, bad, 0, 0, []]
    ends = np.array([flat.min(), flat.max()], np.float64)
    low, high = ends if np.isfinite(ends).all() else (finite.min(), finite.max())
    mean, deviation = finite.mean(), finite.std()
    begin, end = max(low, mean - SPREAD * deviation), min(high, mean + SPREAD * deviation)
    zeros = np.count_nonzero(finite == 0) / finite.size
    numbers = [rounded(x) for x in (low, high, mean, deviation, zeros)]
    counts = np.histogram(finite, BARS, (begin, end))[0] if end > begin else [finite.size]
    return [*numbers, bad, rounded(begin), rounded(end), list(map(int, counts))]


def dead_units(outputs: np.ndarray) -> tuple[int, int]:
    """Count the units of a layer whose outputs are 0 for all samples, and all units.

    Shapes: outputs (..., units).
    """
    if outputs.ndim < 2:
        return 0, 0
    used = np.any(outputs != 0, axis=tuple(range(outputs.ndim - 1)))
    return int(np.count_nonzero(~used)), used.size


def rounded(x: Any) -> float | None:
    """Return a number with 4 significant digits, or None if it is NaN or infinite."""
    return float(f"{x:.4g}") if np.isfinite(x) else None
