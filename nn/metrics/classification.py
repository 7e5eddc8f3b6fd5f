"""Metrics of classifications that look at each class: confusion matrix, precision, recall, F1."""

from typing import Any

import numpy as np

from nn.config import NUMBER, register
from nn.losses.base import check_sample_weight
from nn.metrics.accuracy import check_indices, class_indices
from nn.metrics.base import Metric, array, check_ordered, check_shapes, spread

AVERAGES = ("macro", "weighted", "micro", "binary")


class ClassMetric(Metric):
    """Base of metrics that are a fraction for each class; a subclass defines `fraction`.

    Predictions and targets are class indices, or rows over the classes. `average="macro"` is the
    mean over the classes that occur in predictions or targets, in "weighted" each of them counts
    with the number of its samples, and "micro" counts all samples together. With "binary", both
    have the same shape, each output counts by itself, a prediction above `threshold` means 1, and
    the fraction is that of class 1. A fraction 0 / 0 is 0.

    Raises: ValueError if the average has another name or the threshold is not a number.
    """

    def __init__(self, average: str = "macro", *, threshold: float = 0.5) -> None:
        if average not in AVERAGES:
            raise ValueError(f"average must be one of {', '.join(AVERAGES)}, not {average!r}")
        if not isinstance(threshold, NUMBER):
            raise ValueError(f"threshold must be a number, not {threshold!r}")
        self.average = average
        self.threshold = float(threshold)

    def fraction(self, right: Any, predicted: Any, actual: Any) -> tuple[Any, Any]:
        """Return numerator and denominator for each class; to be defined by a subclass.

        Shapes: right, predicted and actual (C,) -> (C,), (C,).
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} needs a method fraction(right, predicted, actual)"
        )

    def statistics(self, y_pred: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Return the confusion matrix.

        Shapes: y_pred (N, C) or (N,), y (N,) or (N, C), sample_weight (N,) -> (C, C); if binary,
        both (N, ...) -> (2, 2).
        Raises: ValueError if the shapes do not fit; TypeError if classes are not integers.
        """
        y_pred, y = array(y_pred), array(y)
        if self.average == "binary":
            check_shapes(y_pred, y, self)
            return _count_pairs(y_pred > self.threshold, y > 0.5, 2, sample_weight)
        remedy = f'{type(self).__name__}("binary")'
        return _count_classes(y_pred, y, self, remedy, sample_weight)

    def _check_values(self, y_pred: np.ndarray, y: np.ndarray) -> None:
        check_ordered(y_pred, self)

    def combine(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the sum of two confusion matrices, of which one may have more classes.

        Shapes: a (A, A), b (B, B) -> (C, C) with C the larger of A and B.
        """
        small, large = sorted((a, b), key=len)
        out = large.astype(np.result_type(a, b))
        out[: len(small), : len(small)] += small
        return out

    def value(self, statistics: np.ndarray) -> float:
        """Return the average of the fractions of the classes.

        Shapes: statistics (C, C) -> a number from 0 to 1, NaN if nothing was counted.
        """
        if not statistics.any():
            return float("nan")
        right = np.diagonal(statistics)
        predicted, actual = statistics.sum(axis=0), statistics.sum(axis=1)
        above, below = self.fraction(right, predicted, actual)
        if self.average == "binary":
            above, below = above[1:], below[1:]
        elif self.average == "micro":
            above, below = above.sum(keepdims=True), below.sum(keepdims=True)
        else:
            seen = predicted + actual > 0
            above, below, actual = above[seen], below[seen], actual[seen]
        fractions = np.divide(above, below, out=np.zeros(len(below)), where=below > 0)
        shares = actual if self.average == "weighted" else np.ones(len(fractions))
        return float(np.average(fractions, weights=shares))


@register
class Precision(ClassMetric):
    """The precision: of the samples predicted as a class, the fraction that belongs to it.

    `average` is "macro", the mean over the classes that occur; "weighted", the same mean with the
    number of samples of each class as its weight; "micro", all samples together; or "binary", which
    takes predictions above `threshold` as 1 and gives the precision of class 1.
    A class that is never predicted has precision 0.

    Raises: ValueError if the average has another name or the threshold is not a number.
    """

    def fraction(self, right: Any, predicted: Any, actual: Any) -> tuple[Any, Any]:
        """Return the right predictions and all predictions of each class.

        Shapes: right, predicted and actual (C,) -> (C,), (C,).
        """
        return right, predicted


@register
class Recall(ClassMetric):
    """The recall: of the samples that belong to a class, the fraction that is predicted as it.

    `average` is "macro", the mean over the classes that occur; "weighted", the same mean with the
    number of samples of each class as its weight; "micro", all samples together; or "binary", which
    takes predictions above `threshold` as 1 and gives the recall of class 1.
    A class without samples has recall 0.

    Raises: ValueError if the average has another name or the threshold is not a number.
    """

    def fraction(self, right: Any, predicted: Any, actual: Any) -> tuple[Any, Any]:
        """Return the right predictions and the samples of each class.

        Shapes: right, predicted and actual (C,) -> (C,), (C,).
        """
        return right, actual


@register
class F1(ClassMetric):
    """The harmonic mean of precision and recall: 2 right / (predicted + actual).

    `average` is "macro", the mean over the classes that occur; "weighted", the same mean with the
    number of samples of each class as its weight; "micro", all samples together; or "binary", which
    takes predictions above `threshold` as 1 and gives the F1 of class 1.

    Raises: ValueError if the average has another name or the threshold is not a number.
    Source: van Rijsbergen (1979), Information Retrieval, chapter 7 (with equal weights).
    """

    def fraction(self, right: Any, predicted: Any, actual: Any) -> tuple[Any, Any]:
        """Return twice the right predictions, and the predictions and samples of each class.

        Shapes: right, predicted and actual (C,) -> (C,), (C,).
        """
        return 2 * right, predicted + actual


def confusion_matrix(y_pred: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
    """Count the samples of each class, in rows, by the class predicted for them, in columns.

    With weights, the samples are not counted, but their weights are summed.
    Shapes: y_pred (N, C) or (N,), y (N,) or (N, C), sample_weight (N,) -> (C, C); without rows,
    C - 1 is the largest class.
    Raises: ValueError if the shapes do not fit, or predictions are NaN; TypeError if classes are
    not integers.
    """
    y_pred, y = array(y_pred), array(y)
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, len(y), np.float64)
    check_ordered(y_pred, "confusion_matrix")
    remedy = "(y_pred[:, 0] > 0.5).astype(int)"
    return _count_classes(y_pred, y, "confusion_matrix", remedy, sample_weight)


def _count_classes(
    y_pred: np.ndarray, y: np.ndarray, metric: Metric | str, remedy: str, sample_weight: Any
) -> np.ndarray:
    """Return the confusion matrix of class indices, or of rows over the classes.

    Shapes: y_pred (N, C) or (N,), y (N,) or (N, C), sample_weight (N,) or None -> (C, C).
    Raises: ValueError if the shapes do not fit; TypeError if classes are not integers.
    """
    rows = next((a for a in (y_pred, y) if a.ndim > 1), None)
    C = None if rows is None else rows.shape[-1]
    y_pred, y = class_indices(y_pred, y, metric, remedy)
    for indices in (y_pred, y):
        check_indices(indices, C, metric)
    return _count_pairs(y_pred, y, C, sample_weight)


def _count_pairs(
    y_pred: np.ndarray, y: np.ndarray, C: int | None, sample_weight: Any
) -> np.ndarray:
    """Count the pairs of target and prediction, of C classes or as many as there are.

    Shapes: y_pred and y (N, ...) of integers, sample_weight (N,) or None -> (C, C).
    """
    weights = None if sample_weight is None else spread(sample_weight, y.shape).ravel()
    a, b = y.ravel().astype(np.intp), y_pred.ravel().astype(np.intp)
    if C is None:
        C = int(max(a.max(initial=-1), b.max(initial=-1))) + 1
    return np.bincount(a * C + b, weights, minlength=C * C).reshape(C, C)
