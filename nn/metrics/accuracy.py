"""Accuracies: fractions of right predictions."""

from typing import Any

import numpy as np

from nn.config import NUMBER, count, names_remedy, register
from nn.metrics.base import Metric, array, check_ordered, check_shapes, mean_of, spread


class Accuracy(Metric):
    """Base of accuracies, the fraction of right predictions; a subclass defines `compare`."""

    def compare(self, y_pred: Any, y: Any) -> np.ndarray:
        """Compare each prediction with its target; to be defined by a subclass.

        Shapes: y_pred (N, ...), y (N, ...) -> a boolean array with one element per prediction.
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method compare(y_pred, y)")

    def statistics(self, y_pred: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Count the right predictions and all, or sum their weights.

        Shapes: as for `compare`, sample_weight (N,) -> (2,).
        """
        right = self.compare(y_pred, y)
        if sample_weight is not None:
            weights = spread(sample_weight, np.shape(right))
            return np.array([weights[right].sum(), weights.sum()])
        return np.array([np.count_nonzero(right), right.size])

    def value(self, statistics: np.ndarray) -> float:
        """Return the fraction of right predictions.

        Shapes: statistics (2,) -> a number from 0 to 1.
        """
        return mean_of(*statistics.tolist())


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
        y_pred, y = class_indices(y_pred, y, self, "CategoricalAccuracy(binary=True)")
        return y_pred == y

    def _check_values(self, y_pred: np.ndarray, y: np.ndarray) -> None:
        check_ordered(y_pred, self)
        if not self.binary and y.dtype.kind != "f":  # whole numbers may be floats
            check_indices(y, y_pred.shape[-1] if y_pred.ndim == y.ndim + 1 else None, self)


@register
class TopKAccuracy(Accuracy):
    """The fraction of samples whose right class is among the `k` largest outputs.

    Of equal outputs, those of lower classes come first, so that k = 1 is CategoricalAccuracy.

    Raises: ValueError if k is not an integer of at least 1.
    """

    def __init__(self, k: int = 5) -> None:
        self.k = count(k, "k of TopKAccuracy")

    def compare(self, y_pred: Any, y: Any) -> np.ndarray:
        """Compare the k most probable classes with the right ones.

        Shapes: y_pred (..., C), y (...) of integers or (..., C) -> (...).
        Raises: ValueError if the shapes do not fit, or there are fewer than k classes; TypeError
        if indices are not integers.
        """
        y_pred, y = array(y_pred), array(y)
        C = y_pred.shape[-1] if y_pred.ndim > 1 else 0
        if self.k > C:
            raise ValueError(
                f"{self!r} takes rows of at least {self.k} outputs, but got predictions of shape "
                f"{y_pred.shape}"
            )
        if y.ndim == y_pred.ndim:
            check_shapes(y_pred, y, self)
            y = y.argmax(axis=-1)
        check_shapes(y_pred[..., 0], y, self)
        check_indices(y, C, self)
        y = y[..., None]
        own = np.take_along_axis(y_pred, y, -1)
        behind = (y_pred < own) | ((y_pred == own) & (np.arange(C) >= y))
        return np.count_nonzero(~behind, axis=-1) < self.k

    def _check_values(self, y_pred: np.ndarray, y: np.ndarray) -> None:
        check_ordered(y_pred, self)


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


def class_indices(
    y_pred: np.ndarray, y: np.ndarray, metric: Metric | str, remedy: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return predictions and targets as class indices; those with one more axis are rows.

    Raises: ValueError if the shapes do not fit, or the predictions have a single column.
    """
    if y_pred.ndim > 1 and y_pred.shape[-1] == 1:
        raise ValueError(
            f"{metric} takes the largest of several outputs, but predictions of shape "
            f"{y_pred.shape} have one output; use {remedy}"
        )
    same = y_pred.ndim == y.ndim > 1
    if same:
        check_shapes(y_pred, y, metric)
    if same or y_pred.ndim == y.ndim + 1:
        y_pred = y_pred.argmax(axis=-1)
    if same or y.ndim == y_pred.ndim + 1:
        y = y.argmax(axis=-1)
    check_shapes(y_pred, y, metric)
    return y_pred, y


def check_indices(y: np.ndarray, C: int | None, metric: Metric | str) -> None:
    """Check that an array holds indices of C classes or, if C is None, of any number.

    Raises: TypeError if they are not integers; ValueError if one is out of range.
    """
    if y.dtype.kind not in "iub":
        remedy = names_remedy(y, "y") or "if they are whole numbers, write y.astype(int)"
        raise TypeError(
            f"{metric} takes class indices that are integers, but they have dtype {y.dtype}; "
            f"{remedy}"
        )
    if y.size and (y.min() < 0 or (C is not None and y.max() >= C)):
        classes = "numbered from 0" if C is None else f"0 to {C - 1}"
        raise ValueError(
            f"{metric} takes classes {classes}, but they go from {y.min()} to {y.max()}"
        )
