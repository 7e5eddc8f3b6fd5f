"""Perplexity: how many equally likely choices a prediction leaves."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import register
from nn.losses.classification import probabilities
from nn.metrics.accuracy import check_indices
from nn.metrics.base import Metric, array, check_shapes, mean_of, spread

LEAST_PROBABILITY = 1e-7  # as in the losses, probabilities count as no less


@register
class Perplexity(Metric):
    """The exponential of the mean cross-entropy: n for a guess among n equally likely classes.

    Predictions are probabilities, or logits with `from_logits`. The lower, the better; 1 is exact.
    """

    def __init__(self, *, from_logits: bool = False) -> None:
        self.from_logits = bool(from_logits)

    def statistics(self, y_pred: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Sum -log p of the right classes, and count them, or both with their weights.

        Shapes: y_pred (..., C), y (...) of integers, sample_weight (N,) -> (2,).
        Raises: ValueError if the shapes do not fit, a class is out of range, or predictions that
        are to be probabilities lie outside [0, 1]; TypeError if classes are not integers.
        """
        y_pred, y = array(y_pred), array(y)
        if y_pred.ndim < 1:
            raise ValueError(f"{self!r} takes rows over the classes, not a single number")
        check_shapes(y_pred[..., 0], y, self)
        check_indices(y, y_pred.shape[-1], self)
        if not self.from_logits and y_pred.size:
            probabilities(self, tg.Tensor(y_pred))
        wide = y_pred.astype(np.result_type(y_pred.dtype, np.float64))
        logs = tg.log_softmax(wide) if self.from_logits else np.log(wide.clip(LEAST_PROBABILITY))
        right = np.take_along_axis(logs, y[..., None].astype(np.intp), -1)[..., 0]
        if sample_weight is None:
            return np.array([-np.sum(right), y.size])
        weights = spread(sample_weight, y.shape)
        return np.array([-np.sum(weights * right), weights.sum()])

    def value(self, statistics: np.ndarray) -> float:
        """Return exp of the mean.

        Shapes: statistics (2,) -> a number of at least 1.
        """
        return float(np.exp(mean_of(*statistics.tolist())))
