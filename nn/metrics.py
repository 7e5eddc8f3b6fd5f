"""Metrics: numbers to read, not to minimize, accumulated over the batches of an epoch."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Configured, register


class Mean:
    """The mean over samples from the means of batches, weighted by the size of each batch."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self.total, self.count = 0.0, 0

    def update(self, mean: float, count: int) -> None:
        """Add the mean of a batch of `count` samples."""
        self.total += float(mean) * count
        self.count += count

    def result(self) -> float:
        """Return the mean over the samples added so far.

        Raises: ValueError if there are none.
        """
        if not self.count:
            raise ValueError("there is no mean yet: update() has added nothing since reset()")
        return self.total / self.count


class Accuracy(Configured):
    """Base of accuracies, the fraction of right predictions; a subclass defines `compare`."""

    _right = _count = 0

    def init(self, y: Any) -> None:
        """Prepare for the targets of a training, before it starts; does nothing by default.

        Shapes: y (N, ...).
        """

    def compare(self, y_pred: Any, y: Any) -> np.ndarray:
        """Compare each prediction with its target; to be defined by a subclass.

        Shapes: y_pred (N, ...), y (N, ...) -> a boolean array with one element per prediction.
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method compare(y_pred, y)")

    def calculate(self, y_pred: Any, y: Any) -> float:
        """Return the accuracy of these predictions alone.

        Shapes: as for `compare` -> a number from 0 to 1.
        Raises: ValueError if there are no predictions.
        """
        return self._ratio(*self._counts(y_pred, y))

    def update(self, y_pred: Any, y: Any) -> float:
        """Add these predictions to the result, and return their own accuracy.

        Shapes: as for `compare` -> a number from 0 to 1.
        Raises: ValueError if there are no predictions.
        """
        right, count = self._counts(y_pred, y)
        self._right += right
        self._count += count
        return self._ratio(right, count)

    def result(self) -> float:
        """Return the accuracy of all predictions since the last reset.

        Raises: ValueError if there were none.
        """
        return self._ratio(self._right, self._count)

    def reset(self) -> None:
        """Forget all predictions."""
        self._right = self._count = 0

    def _counts(self, y_pred: Any, y: Any) -> tuple[int, int]:
        right = self.compare(y_pred, y)
        return int(np.count_nonzero(right)), right.size

    def _ratio(self, right: int, count: int) -> float:
        if not count:
            raise ValueError(f"{self!r} has no accuracy, because it was given no predictions")
        return right / count


@register
class CategoricalAccuracy(Accuracy):
    """The fraction of samples whose largest output is that of the right class.

    Predictions and targets are class indices, or rows over the classes. With `binary`, both have
    the same shape, each output counts by itself, and a prediction above `threshold` means 1: use
    0.5 for probabilities and 0 for logits.
    """

    def __init__(self, binary: bool = False, *, threshold: float = 0.5) -> None:
        self.binary = binary
        self.threshold = threshold

    def compare(self, y_pred: Any, y: Any) -> np.ndarray:
        """Compare the predicted classes with the right ones.

        Shapes: y_pred (N, C) or (N,), y (N,) or (N, C) -> (N,); with `binary` both (...) -> (...).
        Raises: ValueError if the shapes do not fit, or the predictions have a single column.
        """
        y_pred, y = array(y_pred), array(y)
        if self.binary:
            check_shapes(y_pred, y, self)
            return (y_pred > self.threshold) == (y > 0.5)
        if y_pred.ndim > 1 and y_pred.shape[-1] == 1:
            raise ValueError(
                f"{self!r} takes the largest of several outputs, but predictions of shape "
                f"{y_pred.shape} have one output; use CategoricalAccuracy(binary=True)"
            )
        same = y_pred.ndim == y.ndim > 1
        if same:
            check_shapes(y_pred, y, self)
        if same or y_pred.ndim == y.ndim + 1:
            y_pred = y_pred.argmax(axis=-1)
        if same or y.ndim == y_pred.ndim + 1:
            y = y.argmax(axis=-1)
        check_shapes(y_pred, y, self)
        return y_pred == y


@register
class RegressionAccuracy(Accuracy):
    """The fraction of predictions within `precision` of their targets, by default std(y) / 250.

    Raises: ValueError if the precision is negative.
    """

    def __init__(self, precision: float | None = None) -> None:
        if precision is not None and not (isinstance(precision, NUMBER) and precision >= 0):
            raise ValueError(f"precision must be None or at least 0, not {precision!r}")
        self.precision = precision

    def init(self, y: Any, reinit: bool = False) -> None:
        """Set the precision from these targets, if there is none yet or `reinit` is true.

        Shapes: y (N, ...).
        """
        if self.precision is None or reinit:
            self.precision = float(np.std(array(y), dtype=np.float64) / 250)

    def compare(self, y_pred: Any, y: Any) -> np.ndarray:
        """Compare the distances of predictions from targets with the precision.

        Shapes: y_pred and y (N, ...) -> (N, ...).
        Raises: RuntimeError if there is no precision yet; ValueError if the shapes differ.
        """
        y_pred, y = array(y_pred), array(y)
        if self.precision is None:
            raise RuntimeError(
                "RegressionAccuracy has no precision yet; give one, or call init(y) with the "
                "targets of the training"
            )
        check_shapes(y_pred, y, self)
        return np.abs(y_pred - y) <= self.precision


def array(x: Any) -> np.ndarray:
    """Convert a Tensor or an array-like to an array."""
    return x.data if isinstance(x, tg.Tensor) else np.asarray(x)


def check_shapes(y_pred: np.ndarray, y: np.ndarray, metric: Accuracy) -> None:
    """Check that there is one target per prediction.

    Raises: ValueError if the shapes differ, because broadcasting would give a wrong accuracy.
    """
    if y_pred.shape != y.shape:
        raise ValueError(
            f"{metric!r} compares each prediction with one target, but their shapes are "
            f"{y_pred.shape} and {y.shape}"
        )
