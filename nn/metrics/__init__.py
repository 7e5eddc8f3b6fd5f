"""Metrics: numbers to read, not to minimize, accumulated over the batches of an epoch."""

from nn.metrics.accuracy import Accuracy, CategoricalAccuracy, RegressionAccuracy, TopKAccuracy
from nn.metrics.base import Mean, Metric
from nn.metrics.classification import F1, Precision, Recall, confusion_matrix
from nn.metrics.perplexity import Perplexity
from nn.metrics.ranking import ROCAUC
from nn.metrics.regression import AbsoluteError, RSquared

__all__ = [
    "F1",
    "ROCAUC",
    "AbsoluteError",
    "Accuracy",
    "CategoricalAccuracy",
    "Mean",
    "Metric",
    "Perplexity",
    "Precision",
    "RSquared",
    "Recall",
    "RegressionAccuracy",
    "TopKAccuracy",
    "confusion_matrix",
]
