"""Metrics of classifications that look at the order of the scores."""

from typing import Any

import numpy as np

from nn.config import register
from nn.metrics.accuracy import check_indices
from nn.metrics.base import Metric, array, check_ordered, check_shapes, spread


@register
class ROCAUC(Metric):
    """The area under the ROC curve: the probability that a positive sample has the higher score.

    Equal scores count half. With several classes, it is the mean over the classes, each against the
    rest; classes without positive or without negative samples are left out. Scores can be logits or
    probabilities. It is NaN if no class has both.

    Source: Fawcett (2006), An introduction to ROC analysis, sections 7 and 8.
    """

    name = "roc_auc"

    def statistics(self, y_pred: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Return the scores, and the weights with the sign + for samples that belong to a class.

        Shapes: y_pred (N, C), y (N,) of integers or (N, C); or both (N,) or (N, 1) with C = 1;
        sample_weight (N,) -> (2, N, C).
        Raises: ValueError if the shapes do not fit; TypeError if classes are not integers.
        """
        scores, y = array(y_pred), array(y)
        if scores.ndim == 2 and scores.shape[1] > 1 and y.ndim == 1:
            check_shapes(scores[:, 0], y, self)
            check_indices(y, scores.shape[1], self)
            y = np.eye(scores.shape[1])[y.astype(np.intp)]
        check_shapes(scores, y, self)
        if scores.ndim not in (1, 2):
            raise ValueError(f"{self!r} takes scores of shape (N, C) or (N,), not {scores.shape}")
        columns = (len(y), -1) if len(y) else (0, 1)
        scores, positive = scores.astype(np.float64).reshape(columns), (y > 0.5).reshape(columns)
        weights = spread(1.0 if sample_weight is None else sample_weight, positive.shape)
        return np.stack([scores, np.where(positive, weights, -weights)])

    def _check_values(self, y_pred: np.ndarray, y: np.ndarray) -> None:
        check_ordered(y_pred, self)

    def combine(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the samples of two groups together.

        Shapes: a (2, A, C), b (2, B, C) -> (2, A + B, C).
        """
        return np.concatenate([a, b], axis=1)

    def value(self, statistics: np.ndarray) -> float:
        """Return the mean of the areas of the classes.

        Shapes: statistics (2, N, C) -> a number from 0 to 1, or NaN.
        """
        areas = [_area(*column) for column in zip(*np.swapaxes(statistics, 1, 2))]
        defined = [area for area in areas if area == area]
        return float(np.mean(defined)) if defined else float("nan")


def _area(scores: np.ndarray, signed: np.ndarray) -> float:
    """Return the area from the weights below each score; NaN if there is only one class.

    Shapes: scores and signed (N,), weights with the sign - of negative samples -> a number.
    """
    values, index = np.unique(scores, return_inverse=True)
    positive, negative = (
        np.bincount(index, np.maximum(sign * signed, 0), len(values)) for sign in (1, -1)
    )
    pairs = positive.sum() * negative.sum()
    if not pairs:
        return float("nan")
    below = np.cumsum(negative) - negative / 2  # of equal scores, half
    return float(positive @ below / pairs)
