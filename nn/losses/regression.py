"""Losses of regressions: distances of numbers from numbers."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, register
from nn.losses.base import Loss, match_targets, weighted_mean


class Regression(Loss):
    """Base of losses of which each prediction needs one number as its target."""

    def targets(self, y_pred: tg.Tensor, y: Any) -> Any:
        """Return the targets in the dtype of the predictions.

        Shapes: y_pred and y (N, ...) -> (N, ...).
        Raises: ValueError if the shapes differ.
        """
        return match_targets(y_pred, y)


@register
class MeanSquaredError(Regression):
    """The mean of (y_pred - y)² over outputs and samples.

    Shapes: y_pred and y_true (N, ...) -> ().
    """

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the mean of (y_pred - y)².

        Shapes: y_pred and y (N, ...), sample_weight (N,) -> ().
        """
        return weighted_mean(np.square(y_pred - y), sample_weight)


@register
class MeanAbsoluteError(Regression):
    """The mean of |y_pred - y| over outputs and samples.

    Shapes: y_pred and y_true (N, ...) -> ().
    """

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the mean of |y_pred - y|.

        Shapes: y_pred and y (N, ...), sample_weight (N,) -> ().
        """
        return weighted_mean(np.abs(y_pred - y), sample_weight)


@register
class Huber(Regression):
    """The mean of d² / 2 for errors d up to `delta`, and of delta (|d| - delta / 2) beyond.

    Shapes: y_pred and y_true (N, ...) -> ().
    Raises: ValueError if delta is not a finite number above 0.
    Source: Huber (1964), Robust estimation of a location parameter.
    """

    def __init__(self, delta: float = 1.0) -> None:
        if not (isinstance(delta, NUMBER) and 0 < delta < np.inf):
            raise ValueError(f"delta must be a finite number above 0, not {delta!r}")
        self.delta = float(delta)

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the mean of d² / 2 or delta (|d| - delta / 2), where d = y_pred - y.

        Shapes: y_pred and y (N, ...), sample_weight (N,) -> ().
        """
        d = y_pred - y
        near = np.clip(d, -self.delta, self.delta)
        # Both formulas in one, which squares no large error.
        return weighted_mean(near * (d - near / 2), sample_weight)
