"""Predictions and targets as rows over the classes."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.losses.base import Loss


def as_rows(y_pred: tg.Tensor) -> tg.Tensor:
    """Return predictions as one list of rows. Shapes: y_pred (..., C) -> (M, C)."""
    return y_pred if y_pred.ndim == 2 else np.reshape(y_pred, (-1, y_pred.shape[-1]))


def check_rows_of(y_pred: tg.Tensor, loss: Loss, *, one_per_sample: bool = False) -> None:
    """Check that predictions are rows over the classes, one for each sample if that is asked.

    Raises: ValueError if they are not.
    """
    if y_pred.ndim < 2 or (one_per_sample and y_pred.ndim > 2):
        raise ValueError(
            f"{loss!r} takes predictions of shape (N, C), but got shape {y_pred.shape}"
        )


def check_classes(y: Any, N: int, C: int) -> Any:
    """Return the targets, after checking that they are N indices of C classes.

    Raises: ValueError if their number or a value is wrong; TypeError if they are not integers.
    """
    if len(y) != N:
        raise ValueError(f"there are {N} predictions but {len(y)} targets; each needs one")
    if y.dtype.kind not in "iu":
        raise TypeError(
            f"targets of shape {y.shape} are class indices and must be integers, but have dtype "
            f"{y.dtype}; if they are whole numbers, write y.astype(int)"
        )
    low = np.minimum.reduce(y)  # faster than np.min and np.max
    high = np.maximum.reduce(y)
    message = "the predictions have {} classes, 0 to {}, but the targets go from {} to {}"
    tg.check((low >= 0) & (high < C), ValueError, message, C, C - 1, low, high)
    return y


def check_rows(y: Any, y_pred: tg.Tensor) -> Any:
    """Return the targets in the predictions' dtype, after checking that each row sums to 1.

    Raises: ValueError if the shapes differ or a row holds no probabilities.
    """
    if y.shape != y_pred.shape:
        is_column = y.shape == (*y_pred.shape[:-1], 1)
        remedy = "; write y[..., 0]" if is_column else ""
        raise ValueError(
            f"predictions of shape {y_pred.shape} need targets of shape {y_pred.shape[:-1]}, class "
            f"indices, or {y_pred.shape}, one-hot rows, but the targets have shape "
            f"{y.shape}{remedy}"
        )
    y = y.astype(y_pred.dtype, copy=False)
    sums = y.sum(axis=-1)
    holds = (y.min() >= 0) & (abs(sums - 1).max() < 1e-2)
    tg.check(holds, ValueError, rows_message, y, sums)
    return y


def rows_message(y: Any, sums: Any) -> str:
    """Describe targets that are no rows of probabilities."""
    return (
        f"targets of shape {y.shape} must be rows of probabilities, such as one-hot rows, but go "
        f"from {y.min()} to {y.max()}, and their sums from {sums.min()} to {sums.max()}"
    )
