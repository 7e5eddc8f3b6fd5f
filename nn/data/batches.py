"""The data of a model: checked once, brought to one dtype once, then handed out in batches."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import tensorgrad as tg


def samples(data: Any, name: str, dtype: np.dtype[Any]) -> np.ndarray:
    """The data as an array of finite numbers, one sample in each row; floats in the given dtype.

    Raises: TypeError or ValueError, with the name, if there are no samples or they are not such.
    """
    try:
        array = data.data if isinstance(data, tg.Tensor) else np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} is not one array of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must be an array of real numbers, but it is {type(data).__name__} of dtype "
            f"{array.dtype}; bring all samples to one shape and their values to numbers"
        )
    if array.ndim == 0 or not array.size:
        raise ValueError(
            f"{name} has shape {array.shape}, which holds no samples; give an array of shape "
            "(N, ...) with N above 0"
        )
    if array.dtype.kind != "f":
        return array
    # A finite sum is of finite numbers, and takes no memory; another may only have overflowed.
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isfinite(array.sum()) and not np.isfinite(array).all():
            bad = ~np.isfinite(array)
            first = tuple(map(int, np.argwhere(bad)[0]))
            raise ValueError(
                f"{name} holds {bad.sum()} values that are NaN or infinite, the first at {first}; "
                "remove those samples or fill the values in"
            )
        cast = array.astype(dtype, copy=False)
        if cast is not array and not np.isfinite(cast.sum()) and not np.isfinite(cast).all():
            raise ValueError(
                f"{name} goes from {array.min():g} to {array.max():g}, beyond what {dtype} can "
                "hold; scale it"
            )
    return cast


def pair(X: Any, y: Any, dtype: np.dtype[Any], names: tuple[str, str]) -> tuple[Any, Any]:
    """Samples and their targets: X in the dtype of the parameters; y too, unless it counts classes.

    Raises: TypeError or ValueError if one is unusable, or they differ in length.
    """
    X = samples(X, names[0], dtype).astype(dtype, copy=False)
    y = samples(y, names[1], dtype)
    if len(X) != len(y):
        raise ValueError(
            f"{names[0]} has {len(X)} samples but {names[1]} has {len(y)} targets; every sample "
            "needs one"
        )
    return X, y


class Batches:
    """X and y in batches of one size, the last with what is left."""

    def __init__(self, X: np.ndarray, y: np.ndarray, size: int) -> None:
        self.X, self.y = X, y
        self.size = min(size, len(X))
        self._buffer = np.empty((0, *X.shape[1:]), X.dtype)

    def __len__(self) -> int:
        return -(-len(self.X) // self.size)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches in the order of the data, as views."""
        for start in range(0, len(self.X), self.size):
            part = slice(start, start + self.size)
            yield self.X[part], self.y[part]

    def shuffled(self, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches in a random order, every sample once; each X takes the place of the last."""
        if len(self) == 1:
            yield from self  # in one batch there is no order
            return
        if not len(self._buffer):
            self._buffer = np.empty((self.size, *self.X.shape[1:]), self.X.dtype)
        order = rng.permutation(len(self.X))
        for start in range(0, len(order), self.size):
            index = order[start : start + self.size]
            # "clip", because with "raise" NumPy writes to a copy of the buffer first.
            X = np.take(self.X, index, axis=0, out=self._buffer[: len(index)], mode="clip")
            yield X, self.y[index]
