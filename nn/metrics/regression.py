"""Metrics of regressions."""

from typing import Any

import numpy as np

from nn.config import register
from nn.metrics.base import Metric, array, check_shapes, mean_of, spread


@register
class AbsoluteError(Metric):
    """The mean absolute error: the mean of |y_pred - y|. MeanAbsoluteError is the loss of this.

    Units: those of the targets.
    """

    def statistics(self, y_pred: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Return the sum of |y_pred - y| and the number of predictions, or their weight.

        Shapes: y_pred and y (N, ...), sample_weight (N,) -> (2,).
        Raises: ValueError if the shapes differ.
        """
        e = np.abs(_errors(y_pred, y, self))
        if sample_weight is None:
            return np.array([e.sum(), e.size])
        weights = spread(sample_weight, e.shape)
        return np.array([np.sum(weights * e), weights.sum()])

    def value(self, statistics: np.ndarray) -> float:
        """Return the mean.

        Shapes: statistics (2,) -> a number.
        """
        return mean_of(*statistics.tolist())


@register
class RSquared(Metric):
    """The coefficient of determination: 1 - Σ (y_pred - y)² / Σ (y - mean y)².

    1 is exact and 0 as good as the mean of the targets. Of several outputs it is the mean. Where
    all targets are equal it is 1 if the predictions are exact and 0 otherwise, as in scikit-learn.
    """

    def statistics(self, y_pred: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Return weight, mean, and sums of squared deviations and errors of each output.

        Shapes: y_pred and y (N, ...), sample_weight (N,) -> (4, K), with K the outputs per sample.
        Raises: ValueError if the shapes differ.
        """
        e = _errors(y_pred, y, self)
        N = e.shape[0] if e.ndim else 1
        if not e.size:
            return np.zeros((4, 0))
        e = e.reshape(N, -1)
        y = array(y).astype(np.float64).reshape(N, -1)
        weights = spread(1.0 if sample_weight is None else sample_weight, y.shape)
        total = weights.sum(axis=0)
        mean = np.sum(weights * y, axis=0) / np.where(total, total, 1)
        sums = (np.sum(weights * np.square(x), axis=0) for x in (y - mean, e))
        return np.stack([total, mean, *sums])

    def combine(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the statistics of two groups of samples together.

        Shapes: a and b (4, K) -> (4, K).
        Source: Chan, Golub and LeVeque (1979), Updating formulae and a pairwise algorithm for
        computing sample variances, equation 2.1.
        """
        n = a[0] + b[0]
        share = b[0] / np.where(n, n, 1)
        distance = b[1] - a[1]
        mean = a[1] + distance * share
        return np.stack([n, mean, a[2] + b[2] + distance**2 * a[0] * share, a[3] + b[3]])

    def value(self, statistics: np.ndarray) -> float:
        """Return the mean over the outputs of 1 - errors / deviations.

        Shapes: statistics (4, K) -> a number of at most 1.
        """
        n, _, deviations, errors = statistics
        if not n.any():
            return float("nan")
        constant = deviations == 0
        ratio = errors / np.where(constant, 1, deviations)
        return float(np.mean(np.where(constant, errors == 0, 1 - ratio)))


def _errors(y_pred: Any, y: Any, metric: Metric) -> np.ndarray:
    """Return y_pred - y in float64, so that long sums lose no digits.

    Raises: ValueError if the shapes differ.
    """
    y_pred, y = array(y_pred), array(y)
    check_shapes(y_pred, y, metric)
    return y_pred.astype(np.float64) - y
