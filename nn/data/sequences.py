"""Sequences of different lengths as one array and a mask."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nn.config import count


def pad(
    sequences: Sequence[Any], length: int | None = None, *, value: float = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return sequences of different lengths as one array, and a mask that is True for their steps.

    They are filled up at their ends with `value` to the `length`, by default that of the longest. A
    model takes both as {"x": padded, "mask": mask}: the mask reaches the layers that take one, the
    loss and the metrics.

    Shapes: N sequences of (T_i, ...) -> (N, T, ...), (N, T).
    Raises: ValueError if there are no sequences, or their shapes, the length or `value` do not fit;
    TypeError if they do not hold numbers.

    >>> pad([[3, 1, 2], [5]])
    (array([[3, 1, 2],
           [5, 0, 0]]), array([[ True,  True,  True],
           [ True, False, False]]))
    """
    arrays = [np.asarray(sequence) for sequence in sequences]
    if not arrays:
        raise ValueError("pad was given no sequences; give a list of at least one")
    for i, array in enumerate(arrays):
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"pad takes sequences of numbers, but number {i} has dtype {array.dtype}"
            )
        if not array.ndim:
            raise ValueError(
                f"pad takes a list of sequences, but number {i} is the number {array}; one "
                "sequence alone is given as [sequence]"
            )
        if array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"pad takes sequences whose steps have one shape, but number {i} has shape "
                f"{array.shape} and number 0 has {arrays[0].shape}"
            )
    lengths = [len(array) for array in arrays]
    longest = max(lengths)
    T = longest if length is None else count(length, "length of pad")
    if longest > T:
        raise ValueError(
            f"length={T} is too short: sequence {lengths.index(longest)} has {longest} steps"
        )
    # An empty list tells nothing of its dtype.
    dtype = np.result_type(*({a.dtype for a in arrays if a.size} or {a.dtype for a in arrays}))
    shape = (len(arrays), T, *arrays[0].shape[1:])
    padded = np.full(shape, held(value, dtype))
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return padded, length_mask(lengths, T)


def held(value: Any, dtype: np.dtype) -> Any:
    """Return a number in a dtype.

    Raises: ValueError if the dtype cannot hold it.
    """
    with np.errstate(all="ignore"):
        found = np.asarray(value).astype(dtype)[()]
    if dtype.kind in "biu" and found != value:
        raise ValueError(
            f"value={value!r} is no number of {dtype}, which the sequences have; convert them to a "
            "dtype that holds it"
        )
    return found


def length_mask(lengths: Any, n_steps: int) -> np.ndarray:
    """Return the mask of sequences of these lengths: True for the first steps of each.

    Shapes: lengths (N,) of integers -> (N, T), with T = n_steps.
    Raises: ValueError if a length is not from 0 to n_steps; TypeError if they are not integers.
    """
    if not isinstance(n_steps, int | np.integer) or n_steps < 0:
        raise ValueError(f"n_steps must be an integer of at least 0, not {n_steps!r}")
    lengths = np.asarray(lengths)
    if lengths.dtype.kind not in "iu" or lengths.ndim != 1:
        raise TypeError(
            f"lengths are one integer for each sequence, but they have shape {lengths.shape} and "
            f"dtype {lengths.dtype}"
        )
    if lengths.size and not (lengths.min() >= 0 and lengths.max() <= n_steps):
        raise ValueError(
            f"lengths go from {lengths.min()} to {lengths.max()}, but there are {n_steps} steps"
        )
    return np.arange(n_steps) < lengths[:, None]
