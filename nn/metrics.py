"""Metrics: figures to read, not to minimize, gathered over the batches of an epoch."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, Configured, register


class Mean:
    """The mean of all samples, told by the means of batches: a short last batch counts for less."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, mean: float, count: int) -> None:
        """Add a batch of `count` samples."""
        self.total += float(mean) * count
        self.count += count

    def result(self) -> float:
        """The mean so far.

        Raises: ValueError if nothing was added.
        """
        if not self.count:
            raise ValueError("there is no mean yet: update() has added nothing since reset()")
        return self.total / self.count


class Accuracy(Configured):
    """The fraction of predictions that are right; one of your own defines `compare`."""

    _right = _count = 0

    def init(self, y: Any) -> None:
        """Learn from the targets of a training what being right means; called before it."""

    def compare(self, y_pred: Any, y: Any) -> np.ndarray:
        """Whether each prediction is right."""
        raise NotImplementedError(f"{type(self).__name__} needs a method compare(y_pred, y)")

    def calculate(self, y_pred: Any, y: Any) -> float:
        """The accuracy of these predictions alone."""
        return self._ratio(*self._counts(y_pred, y))

    def update(self, y_pred: Any, y: Any) -> float:
        """The accuracy of these predictions, which also count for the result."""
        right, count = self._counts(y_pred, y)
        self._right += right
        self._count += count
        return self._ratio(right, count)

    def result(self) -> float:
        """The accuracy of all predictions since the last reset.

        Raises: ValueError if there were none.
        """
        return self._ratio(self._right, self._count)

    def reset(self) -> None:
        self._right = self._count = 0

    def _counts(self, y_pred: Any, y: Any) -> tuple[int, int]:
        right = self.compare(y_pred, y)
        return int(np.count_nonzero(right)), right.size

    def _ratio(self, right: int, count: int) -> float:
        if not count:
            raise ValueError(f"{self!r} has no accuracy, for it was given no predictions")
        return right / count


@register
class CategoricalAccuracy(Accuracy):
    """How often the largest output is that of the right class, or with `binary` each is right.

    Predictions and targets are class indices, or one row over the classes each. With `binary` they
    have one shape, and a prediction above `threshold` means 1 (0.5: probabilities, 0: logits).
    """

    def __init__(self, binary: bool = False, *, threshold: float = 0.5) -> None:
        self.binary = binary
        self.threshold = threshold

    def compare(self, y_pred: Any, y: Any) -> np.ndarray:
        y_pred, y = array(y_pred), array(y)
        if self.binary:
            check_shapes(y_pred, y, self)
            return (y_pred > self.threshold) == (y > 0.5)
        if y_pred.ndim > 1 and y_pred.shape[-1] == 1:
            raise ValueError(
                f"{self!r} looks for the largest of several outputs, but predictions of shape "
                f"{y_pred.shape} have one; use CategoricalAccuracy(binary=True)"
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
    """How often a prediction is within `precision` of its target, by default std(y) / 250."""

    def __init__(self, precision: float | None = None) -> None:
        if precision is not None and not (isinstance(precision, NUMBER) and precision >= 0):
            raise ValueError(f"precision is a distance, None or at least 0, not {precision!r}")
        self.precision = precision

    def init(self, y: Any, reinit: bool = False) -> None:
        """Take the precision from these targets, unless there is one already and not `reinit`."""
        if self.precision is None or reinit:
            self.precision = float(np.std(array(y), dtype=np.float64) / 250)

    def compare(self, y_pred: Any, y: Any) -> np.ndarray:
        y_pred, y = array(y_pred), array(y)
        if self.precision is None:
            raise RuntimeError(
                "RegressionAccuracy has no precision yet; give one, or call init(y) with the "
                "targets of the training"
            )
        check_shapes(y_pred, y, self)
        return np.abs(y_pred - y) <= self.precision


def array(x: Any) -> np.ndarray:
    return x.data if isinstance(x, tg.Tensor) else np.asarray(x)


def check_shapes(y_pred: np.ndarray, y: np.ndarray, metric: Accuracy) -> None:
    """Raises: ValueError if the shapes differ, which would broadcast to a wrong number."""
    if y_pred.shape != y.shape:
        raise ValueError(
            f"{metric!r} compares each prediction with one target, but their shapes are "
            f"{y_pred.shape} and {y.shape}"
        )
