"""The data of a model: checked and converted once, then split into batches."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import tensorgrad as tg


def samples(data: Any, name: str, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert data to an array of finite numbers, one sample per row; floats to the given dtype.

    Shapes: -> (N, ...).
    Raises: TypeError if these are not real numbers; ValueError if there are none, or one is NaN,
    infinite or beyond the dtype. Both messages begin with `name`.
    """
    try:
        array = data.data if isinstance(data, tg.Tensor) else np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} is not one array of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must be an array of real numbers, but it is {type(data).__name__} of dtype "
            f"{array.dtype}; give all samples the same shape and convert their values to numbers"
        )
    if array.ndim == 0 or not array.size:
        raise ValueError(
            f"{name} has shape {array.shape}, which holds no samples; give an array of shape "
            "(N, ...) with N above 0"
        )
    if array.dtype.kind != "f":
        return array
    # If the sum is finite, so are the numbers, and a sum needs no memory. A sum that is not finite
    # may only have overflowed, so the numbers are tested.
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(array.sum()) and not np.isfinite(array).all():
            bad = ~np.isfinite(array)
            first = tuple(map(int, np.argwhere(bad)[0]))
            raise ValueError(
                f"{name} holds {bad.sum()} values that are NaN or infinite, the first at {first}; "
                "remove those samples or replace the values"
            )
        cast = array.astype(dtype, copy=False)
        if cast is not array and not np.isfinite(cast.sum()) and not np.isfinite(cast).all():
            raise ValueError(
                f"{name} goes from {array.min():g} to {array.max():g}, which {dtype} cannot hold; "
                "scale it"
            )
    return cast


def inputs(data: Any, name: str, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert samples to an array of the given dtype, or of integers of at least 32 bits.

    Shapes: -> (N, ...).
    Raises: TypeError or ValueError, with `name`, if they are unusable.
    """
    array = samples(data, name, dtype)
    # Such integers may be indices. Smaller ones are the bytes of pictures, which overflow silently
    # in a module's `x - 128`.
    if array.dtype.kind in "iu" and array.itemsize >= 4:
        return array
    return array.astype(dtype, copy=False)


def pair(X: Any, y: Any, dtype: np.dtype[Any], names: tuple[str, str]) -> tuple[Any, Any]:
    """Convert samples as `inputs` does, and targets to the dtype unless they are integers.

    Shapes: -> X (N, ...), y (N, ...).
    Raises: TypeError or ValueError if one is unusable, or they differ in length.
    """
    X = inputs(X, names[0], dtype)
    y = samples(y, names[1], dtype)
    if len(X) != len(y):
        raise ValueError(
            f"{names[0]} has {len(X)} samples but {names[1]} has {len(y)} targets; every sample "
            "needs one target"
        )
    return X, y


class Batches:
    """The batches of X and y; all have the same size but the last, which has the remainder."""

    def __init__(self, X: np.ndarray, y: np.ndarray, size: int) -> None:
        self.X, self.y = X, y
        self.size = min(size, len(X))
        self._buffer = np.empty((0, *X.shape[1:]), X.dtype)

    def __len__(self) -> int:
        return -(-len(self.X) // self.size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Iterate over the batches in the order of the data, as views."""
        for start in range(0, len(self.X), self.size):
            part = slice(start, start + self.size)
            yield self.X[part], self.y[part]

    def shuffled(self, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Iterate over batches of shuffled samples; each X overwrites the one before it."""
        if len(self) == 1:
            yield from self  # the order within a batch does not matter
            return
        if not len(self._buffer):
            self._buffer = np.empty((self.size, *self.X.shape[1:]), self.X.dtype)
        order = rng.permutation(len(self.X))
        for start in range(0, len(order), self.size):
            index = order[start : start + self.size]
            # mode="clip", because with "raise" NumPy writes to a copy of the buffer first.
            X = np.take(self.X, index, axis=0, out=self._buffer[: len(index)], mode="clip")
            yield X, self.y[index]
