"""The data of a model: checked and converted once, then split into batches."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from typing import Any, NamedTuple

import numpy as np

import tensorgrad as tg
from nn.losses.base import check_sample_weight


def samples(data: Any, name: str, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert data to an array of finite numbers, one sample per row.

    Floats are converted to the dtype, unless `Batches` converts them.
    Shapes: -> (N, ...).
    Raises: TypeError if these are not real numbers; ValueError if there are none, or one is NaN,
    infinite or beyond the dtype. Both messages begin with `name`.
    """
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError(
            f"{name} is a masked array, whose mask would be lost; replace the masked values with "
            f"{name}.filled(value), or leave those samples out"
        )
    try:
        array = data.data if isinstance(data, tg.Tensor) else np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} is not one array of numbers: {error}{_several(data)}") from error
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
    if array.dtype.kind == "f":
        copy_context().run(_check_values, array, name, dtype)  # whose `with` a signal can end
        if not by_batch(array, dtype):
            return array.astype(dtype, copy=False)
    return array


def inputs(data: Any, name: str, dtype: np.dtype[Any]) -> np.ndarray:
    """Check samples, and convert them to the dtype unless `converted` does so by batch.

    Shapes: -> (N, ...).
    Raises: TypeError or ValueError, with `name`, if they are unusable.
    """
    array = samples(data, name, dtype)
    return array if by_batch(array, dtype) else converted(array, dtype)


def converted(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert an array to the dtype, unless it holds integers that may be indices."""
    return array if may_be_indices(array.dtype) else array.astype(dtype, copy=False)


def by_batch(array: np.ndarray, dtype: np.dtype[Any]) -> bool:
    """Return True if an array is converted by batch, because all at once would need more memory."""
    return array.dtype.itemsize < dtype.itemsize or _is_mapped(array)


def _several(data: Any) -> str:
    """Return a hint for several arrays in place of one."""
    if not isinstance(data, list) or not all(isinstance(x, np.ndarray) for x in data):
        return ""
    return (
        f"; it is a list of {len(data)} arrays, and each of them counts as a sample: several "
        "inputs of a module are given as a tuple"
    )


def _is_mapped(array: np.ndarray) -> bool:
    """Return True if an array lies in a file that is mapped to memory."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        if isinstance(owner, np.memmap):
            return True
        owner = owner.base
    return False


def _check_values(array: np.ndarray, name: str, dtype: np.dtype[Any]) -> None:
    """Raise ValueError if a number is NaN, infinite or beyond the dtype."""
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
        low, high = array.min(), array.max()
        if not np.isfinite(np.array([low, high]).astype(dtype)).all():
            raise ValueError(
                f"{name} goes from {low:g} to {high:g}, which {dtype} cannot hold; scale it"
            )


def may_be_indices(dtype: np.dtype[Any]) -> bool:
    """Return True for integers of at least 32 bits.

    Smaller ones are the bytes of pictures, which overflow silently in a module's `x - 128`.
    """
    return dtype.kind in "iu" and dtype.itemsize >= 4


def pair(
    X: Any, y: Any, dtype: np.dtype[Any], names: tuple[str, str], weights: Any = None
) -> "Batch":
    """Convert samples as `inputs` does, and targets to the dtype unless they are integers.

    X may be a tuple or a dict of arrays, the inputs of the module.
    Shapes: -> X (N, ...), y (N, ...), weights (N,).
    Raises: TypeError or ValueError if one is unusable, or they differ in length.
    """
    hint = _several(X)
    if isinstance(X, dict):
        X = {k: inputs(a, f"{names[0]}[{k!r}]", dtype) for k, a in X.items()}
    elif isinstance(X, tuple):
        X = tuple(inputs(a, f"{names[0]}[{k}]", dtype) for k, a in enumerate(X))
    else:
        X = inputs(X, names[0], dtype)
    y = samples(y, names[1], dtype)
    arrays = arrays_of(X)
    lengths = {len(a) for a in arrays}
    if len(lengths) != 1:
        raise ValueError(
            f"the inputs in {names[0]} have {[len(a) for a in arrays]} samples; each needs as many"
        )
    if len(arrays[0]) != len(y):
        raise ValueError(
            f"{names[0]} has {len(arrays[0])} samples but {names[1]} has {len(y)} targets; every "
            f"sample needs one target{hint}"
        )
    if weights is not None:
        weights = check_sample_weight(weights, len(y), np.result_type(dtype, np.float32))
    return Batch(X, y, weights)


class Batch(NamedTuple):
    """Samples, their targets and, or None, their weights.

    X is an array, or a tuple or dict of arrays, the inputs of the module.
    """

    X: Any
    y: np.ndarray
    weights: np.ndarray | None = None

    @property
    def mask(self) -> np.ndarray | None:
        """The input "mask" if the targets have its steps, and None otherwise.

        Shapes: -> (N, T).
        """
        mask, y = self.X.get("mask") if isinstance(self.X, dict) else None, self.y
        if mask is None or mask.ndim != 2 or y.shape[:2] != mask.shape:
            return None
        # Of two axes, numbers of a floating-point dtype are outputs of a sample, not steps.
        return mask if y.ndim > 2 or y.dtype.kind in "iu" else None

    @property
    def targets(self) -> tuple[Any, ...]:
        """The arguments of a loss after the predictions: targets, and weights and a mask if any."""
        mask = self.mask
        if mask is not None:
            return (self.y, self.weights, mask)
        return (self.y,) if self.weights is None else (self.y, self.weights)

    @property
    def counted(self) -> int:
        """The number of samples or, of masked sequences, of steps over which a loss is the mean."""
        mask = self.mask
        return len(self.y) if mask is None else int(np.count_nonzero(mask))

    def unmasked(self, y_pred: tg.Tensor) -> tuple[Any, np.ndarray]:
        """Return predictions and targets, of masked sequences those of the steps that count.

        Shapes: y_pred (N, ...) -> (M, ...), (M, ...).
        """
        mask = self.mask
        if mask is None:
            return y_pred, self.y
        steps = np.not_equal(mask, 0)
        return y_pred.data[steps], self.y[steps]


def each(function: Callable[[Any], Any], X: Any) -> Any:
    """Apply a function to an array, or to each of a tuple or dict of them."""
    if isinstance(X, dict):
        return {key: function(array) for key, array in X.items()}
    return tuple(map(function, X)) if isinstance(X, tuple) else function(X)


def arrays_of(X: Any) -> list[np.ndarray]:
    """List the arrays among the inputs of a module."""
    if isinstance(X, dict):
        return list(X.values())
    return list(X) if isinstance(X, tuple) else [X]


class Column:
    """An array of samples, of which parts are converted to a dtype."""

    def __init__(self, array: np.ndarray, size: int, dtype: np.dtype[Any]) -> None:
        self.array, self.size, self.dtype = array, size, dtype
        self._buffer = np.empty((0, *array.shape[1:]), array.dtype)

    def part(self, part: slice) -> np.ndarray:
        """Return consecutive samples, as a view if nothing is converted.

        Shapes: -> (n, ...).
        """
        return converted(self.array[part], self.dtype)

    def take(self, index: np.ndarray) -> np.ndarray:
        """Return the samples with these numbers.

        Shapes: index (n,) -> (n, ...).
        """
        # mode="clip", because with "raise" NumPy writes to a copy of the buffer first.
        out = self._free_buffer()[: len(index)]
        return converted(np.take(self.array, index, axis=0, out=out, mode="clip"), self.dtype)

    def _free_buffer(self) -> np.ndarray:
        """Return memory for a batch: that of the last one, unless anything still refers to it."""
        if not len(self._buffer) or sys.getrefcount(self._buffer) > UNUSED:
            self._buffer = np.empty((self.size, *self.array.shape[1:]), self.array.dtype)
        return self._buffer


class Batches:
    """The batches of data, each converted; all have the same size but a smaller last one.

    `samples` and `steps` count the samples and the batches of an epoch.
    """

    def __init__(self, data: Batch, size: int, dtype: np.dtype[Any]) -> None:
        self.X, self.y, self.weights = data
        self.samples = len(self.y)
        self.size = min(size, self.samples)
        self.steps = -(-self.samples // self.size)
        self.dtype = dtype
        self._columns = each(lambda array: Column(array, self.size, dtype), self.X)

    def __iter__(self) -> Iterator[Batch]:
        """Iterate over the batches in the order of the data; what is not converted is a view."""
        return (self.batch(k) for k in range(self.steps))

    def batch(self, k: int, order: np.ndarray | None = None) -> Batch:
        """Return batch `k` of the data in this order of samples, by default their own.

        Shapes: order (N,) -> X (size, ...), y (size, ...), weights (size,).
        """
        part: Any = slice(k * self.size, (k + 1) * self.size)
        # The order within a batch does not matter.
        if order is None or self.steps == 1:
            X = each(lambda column: column.part(part), self._columns)
        else:
            part = order[part]
            X = each(lambda column: column.take(part), self._columns)
        return Batch(X, self.targets(part), None if self.weights is None else self.weights[part])

    def targets(self, part: slice | np.ndarray) -> np.ndarray:
        """Return some of the targets, converted unless they are integers.

        Shapes: -> (n, ...).
        """
        y = self.y[part]
        return y.astype(self.dtype, copy=False) if y.dtype.kind == "f" else y

    def no_samples(self) -> Any:
        """Return inputs of the shapes and dtypes of a batch, without samples."""
        return each(lambda column: column.part(slice(0)), self._columns)

    def state(self) -> None:
        """Return None: the place in arrays is that of the training."""

    def resume(self, saved: Any, inside: bool) -> bool:
        """Return True: an epoch of arrays can be completed."""
        return True

    def begin(self) -> None:
        """Begin an epoch."""

    def ahead(self, step: int, n: int) -> Sequence[Any]:
        """Return what `taken` needs for the next `n` batches, or for fewer at the end."""
        return range(step, min(step + n, self.steps))

    def taken(self, ahead: Sequence[Any], order: np.ndarray | None) -> list[Batch]:
        """Return batches in this order of samples."""
        return [self.batch(k, order) for k in ahead]


class _Holder:
    def __init__(self) -> None:
        self.buffer = np.empty(0)

    def references(self) -> int:
        return sys.getrefcount(self.buffer)


UNUSED = _Holder().references()  # to an array that only an attribute refers to
