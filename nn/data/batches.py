"""The batches of the data of a model, and the share of a process in each."""

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import tensorgrad as tg
from nn.data.samples import converted, inputs, list_hint, samples
from nn.losses.base import check_sample_weight


def pair(
    X: Any, y: Any, dtype: np.dtype[Any], names: tuple[str, str], weights: Any = None
) -> "Batch":
    """Convert samples as `inputs` does, and targets to the dtype unless they are integers.

    X may be a tuple or a dict of arrays, the inputs of the module.
    Shapes: -> X (N, ...), y (N, ...), weights (N,).
    Raises: TypeError or ValueError if one is unusable, or they differ in length.
    """
    hint = list_hint(X)
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
    """Samples, their targets and, or None, their weights and those of their classes.

    X is an array, or a tuple or dict of arrays, the inputs of the module. The weights of classes
    are for the loss alone: they change what is learned, but not how it is measured.
    """

    X: Any
    y: np.ndarray
    weights: np.ndarray | None = None
    class_weights: np.ndarray | None = None

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
        mask, weights = self.mask, self.weights
        if self.class_weights is not None:
            weights = self.class_weights if weights is None else weights * self.class_weights
        if mask is not None:
            return (self.y, weights, mask)
        return (self.y,) if weights is None else (self.y, weights)

    @property
    def counted(self) -> int:
        """The number of samples or, of masked sequences, of steps over which a loss is the mean."""
        mask = self.mask
        return len(self.y) if mask is None else int(np.count_nonzero(mask))

    def unmasked(self, y_pred: tg.Tensor) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Return predictions, targets and weights, of masked sequences of the steps that count.

        Shapes: y_pred (N, ...) -> (M, ...), (M, ...), (M,).
        """
        mask, weights = self.mask, self.weights
        if mask is None:
            return y_pred, self.y, weights
        steps = np.not_equal(mask, 0)
        each = None if weights is None else np.broadcast_to(weights[:, None], steps.shape)[steps]
        return y_pred.data[steps], self.y[steps], each

    def part(self, index: slice | np.ndarray) -> "Batch":
        """Return some of the samples, as views if the index is a slice.

        Shapes: index (n,) -> X (n, ...), y (n, ...), weights (n,).
        """
        return self.targets_of(index)._replace(X=each(lambda array: array[index], self.X))

    def targets_of(self, index: slice | np.ndarray) -> "Batch":
        """Return the targets and weights of some of the samples, beside all inputs.

        Shapes: index (n,).
        """
        given = (None if a is None else a[index] for a in (self.weights, self.class_weights))
        return Batch(self.X, self.y[index], *given)


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


class Share(NamedTuple):
    """The share of the process `rank` of so many in each batch."""

    rank: int
    processes: int

    def of(self, start: int, stop: int) -> slice:
        """Return the share in samples from `start` to `stop`; shares differ by at most one."""
        n = stop - start
        return slice(
            start + n * self.rank // self.processes, start + n * (self.rank + 1) // self.processes
        )

    def of_batch(self, batch: Batch) -> Batch:
        """Return the share in a batch, as views."""
        return batch.part(self.of(0, len(batch.y)))


WHOLE = Share(0, 1)


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

    `samples` and `steps` count the samples and the batches of an epoch. Of each batch, the `share`
    of this process is returned. With `rows`, the samples are these rows of X, one for each of y,
    because X may be larger than the memory and is not copied.
    """

    def __init__(
        self, data: Batch, size: int, dtype: np.dtype[Any], rows: np.ndarray | None = None
    ) -> None:
        self.X, self.y, self.weights, self.class_weights = data
        self.rows = rows
        self.samples = len(self.y)
        self.size = min(size, self.samples)
        self.steps = -(-self.samples // self.size)
        self.dtype = dtype
        self.share = WHOLE
        self._columns = each(lambda array: Column(array, self.size, dtype), self.X)

    def __iter__(self) -> Iterator[Batch]:
        """Iterate over the batches in the order of the data; what is not converted is a view."""
        return (self.batch(k) for k in range(self.steps))

    def batch(self, k: int, order: np.ndarray | None = None) -> Batch:
        """Return the share in batch `k` of the data in this order of samples, by default their own.

        Shapes: order (N,) -> X (size, ...), y (size, ...), weights (size,).
        """
        start = k * self.size
        part: Any = self.share.of(start, min(start + self.size, self.samples))
        if order is not None and self.steps > 1:  # the order within a batch does not matter
            part = order[part]
        rows = part if self.rows is None else self.rows[part]
        X = each(
            lambda column: column.part(rows) if isinstance(rows, slice) else column.take(rows),
            self._columns,
        )
        given = (None if a is None else a[part] for a in (self.weights, self.class_weights))
        return Batch(X, self.targets(part), *given)

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
