"""Metric: the base of all metrics, each a function of sums over the samples."""

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import Configured, check_unmasked
from nn.losses.base import check_sample_weight, check_takes_weights, of_samples
from nn.words import METRIC

WEIGHTED_STATISTICS = "statistics(self, y_pred, y, sample_weight=None), which may ignore them"


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


class Metric(Configured):
    """Base of metrics; a subclass defines `statistics` and `value`.

    The statistics of several batches are combined, so that the result does not depend on how the
    samples were divided into batches. A subclass whose `statistics(y_pred, y, sample_weight=None)`
    has no last parameter takes no weights.
    """

    _words: ClassVar[Mapping[str, str]] = METRIC
    _statistics: np.ndarray | None = None
    name: ClassVar[str]  # in a history: that of the class, such as "r_squared" of RSquared

    def __init_subclass__(cls) -> None:
        if "name" not in vars(cls):
            cls.name = re.sub(
                r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__
            ).lower()

    def init(self, y: Any) -> None:
        """Prepare for the targets of a training, before it starts; does nothing by default.

        Shapes: y (N, ...).
        """

    def statistics(self, y_pred: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Return the numbers that the metric is calculated from; to be defined by a subclass.

        Shapes: y_pred (N, ...), y (N, ...), sample_weight (N,) -> any.
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method statistics(y_pred, y)")

    def combine(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the statistics of two groups of samples together, by default their sum.

        Shapes: a and b as from `statistics` -> the same.
        """
        return a + b

    def value(self, statistics: np.ndarray) -> float:
        """Calculate the metric from its statistics; to be defined by a subclass.

        Shapes: statistics as from `statistics` -> a number.
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method value(statistics)")

    def calculate(self, y_pred: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the metric of these predictions alone.

        Shapes: as for `statistics` -> a number, NaN if all weights are 0.
        Raises: ValueError if there are no predictions, some that should have an order are NaN, or
        the weights are unusable; TypeError if the metric takes none.
        """
        self._check_values(array(y_pred), array(y))
        return self.value(self.measured(y_pred, y, sample_weight))

    def update(self, y_pred: Any, y: Any, sample_weight: Any = None) -> float:
        """Add these predictions to the result, and return their own metric.

        Shapes: as for `statistics` -> a number, NaN if all weights are 0.
        Raises: ValueError if there are no predictions, some that should have an order are NaN, or
        the weights are unusable; TypeError if the metric takes none.
        """
        self._check_values(array(y_pred), array(y))
        return self.add(self.measured(y_pred, y, sample_weight))

    def add(self, statistics: np.ndarray) -> float:
        """Add samples with these statistics to the result, and return their own metric.

        Shapes: statistics as from `statistics` -> a number.
        """
        old = self._statistics
        self._statistics = statistics if old is None else self.combine(old, statistics)
        return self.value(statistics)

    def result(self) -> float:
        """Return the metric of all predictions since the last reset.

        Raises: ValueError if there were none.
        """
        if self._statistics is None:
            raise ValueError(self._no_predictions())
        return self.value(self._statistics)

    def reset(self) -> None:
        """Forget all predictions."""
        self._statistics = None

    def measured(self, y_pred: Any, y: Any, sample_weight: Any = None) -> np.ndarray:
        """Return the statistics of these predictions, of which there is at least one.

        Shapes: as for `statistics`.
        Raises: ValueError if there are no predictions, or the weights are unusable; TypeError if
        the metric takes none.
        """
        if sample_weight is None:
            statistics = self.statistics(y_pred, y)
        else:
            check_takes_weights(self, "statistics", WEIGHTED_STATISTICS)
            weights = check_sample_weight(sample_weight, len(array(y)), np.float64)
            statistics = self.statistics(y_pred, y, weights)
        if not array(y_pred).size:
            raise ValueError(self._no_predictions())
        return statistics

    def _check_values(self, y_pred: np.ndarray, y: np.ndarray) -> None:
        """Check values from which a wrong number would follow in silence; by default none does.

        A training does without it, because its loss has checked the same values.
        Shapes: as for `statistics`.
        Raises: TypeError or ValueError if they are unusable.
        """

    def _no_predictions(self) -> str:
        return f"{self!r} has no result, because it was given no predictions"


def array(x: Any) -> np.ndarray:
    """Convert a Tensor or an array-like to an array.

    Raises: TypeError for a masked array.
    """
    check_unmasked(x, "an argument of the metric")
    return x.data if isinstance(x, tg.Tensor) else np.asarray(x)


def spread(sample_weight: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return the weights of samples for each number of an array of this shape.

    Shapes: sample_weight (N,) or, of steps, (N, T) -> (N, ...).
    """
    weights = np.asarray(sample_weight, np.float64)
    return np.broadcast_to(of_samples(weights, len(shape)), shape)


def mean_of(total: float, weight: float) -> float:
    """Return the mean of a total of this weight, NaN if nothing counts."""
    return total / weight if weight else math.nan


def check_ordered(y_pred: np.ndarray, metric: Metric | str) -> None:
    """Check that predictions have an order, for a metric or a function of this name.

    Raises: ValueError if some are NaN, which would count as the largest or as the smallest.
    """
    if y_pred.dtype.kind == "f" and (bad := np.isnan(y_pred)).any():
        raise ValueError(
            f"{metric} compares predictions with each other or with a number, but {bad.sum()} of "
            f"{bad.size} are NaN; look for NaN in the data or in the parameters"
        )


def check_shapes(y_pred: np.ndarray, y: np.ndarray, metric: Metric | str) -> None:
    """Check that there is one target per prediction, for a metric or a function of this name.

    Raises: ValueError if the shapes differ, because broadcasting would give a wrong result.
    """
    if y_pred.shape != y.shape:
        raise ValueError(
            f"{metric} compares each prediction with one target, but their shapes are "
            f"{y_pred.shape} and {y.shape}"
        )
