"""Losses: one number to minimize, the distance of predictions from targets."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import Configured, register
from nn.module import Module

CLIP = 1e-7  # as in the book, probabilities stay this far from 0 and 1, because log(0) is infinite


class Loss(Configured):
    """Base of losses, each the mean over a batch.

    A subclass defines `forward(y_pred, y)`, which takes a Tensor and an array.
    """

    _scope: tg.Scope

    def __init_subclass__(cls) -> None:
        cls._scope = tg.Scope(cls.__name__)

    def forward(self, y_pred: tg.Tensor, y: np.ndarray) -> tg.Tensor:
        """Compute the loss; to be defined by a subclass.

        Shapes: y_pred (N, ...), y as the loss requires -> ().
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(y_pred, y)")

    def __call__(self, y_pred: Any, y_true: Any) -> tg.Tensor:
        """Return the mean loss of predictions, without penalties.

        Shapes: y_pred (N, ...), y_true as the loss requires -> ().
        Raises: TypeError or ValueError if the arguments do not fit; ValueError if the loss is NaN.
        """
        y_pred = y_pred if isinstance(y_pred, tg.Tensor) else tg.Tensor(y_pred)
        y = np.asarray(y_true)
        if y_pred.dtype.kind != "f" or y.dtype.kind not in "biuf":
            raise TypeError(
                f"{self!r} takes predictions of a floating-point dtype and targets that are real "
                f"numbers, but got {y_pred.dtype} and {y.dtype}"
            )
        if not y_pred.size:
            raise ValueError(f"{self!r} got no samples: the predictions have shape {y_pred.shape}")
        loss = self._scope.call(self.forward, y_pred, y)
        if loss.item() != loss.item():
            raise ValueError(self._nan_message(y_pred.data, y))
        return loss

    def regularization_loss(self, module: Module) -> tg.Tensor:
        """Return the penalties l1 Σ|w| + l2 Σw² of a module and its submodules; 0 without any.

        Shapes: -> ().
        """
        return module.regularization_loss()

    def _nan_message(self, y_pred: np.ndarray, y: np.ndarray) -> str:
        counts = [f"{np.sum(~np.isfinite(x))} of {x.size}" for x in (y_pred, y)]
        return (
            f"{self!r} is NaN: {counts[0]} predictions and {counts[1]} targets are NaN or infinite;"
            " look for NaN in the data; if there is none, the training has diverged: lower the "
            "learning rate"
        )


@register
class CategoricalCrossentropy(Loss):
    """Categorical cross-entropy: -log of the probability of the right class.

    Targets are class indices or one-hot rows. If the predictions are the output of a softmax, the
    loss is computed from the softmax's input, recorded or not, and its gradient there is
    (p - y) / N, so no logit overflows. Other predictions are clipped at 1e-7 as probabilities; with
    `from_logits=True` predictions are the logits themselves.

    Shapes: y_pred (N, C), y_true (N,) of integers or (N, C) -> ().
    Units: nats.
    """

    def __init__(self, *, from_logits: bool = False) -> None:
        self.from_logits = from_logits

    def forward(self, y_pred: tg.Tensor, y: np.ndarray) -> tg.Tensor:
        """Compute the mean of -log p over the right classes.

        Shapes: y_pred (N, C), y (N,) of integers or (N, C) -> ().
        Raises: ValueError if a shape or a target is wrong; TypeError if indices are not integers.
        """
        if y_pred.ndim != 2:
            raise ValueError(
                f"{self!r} takes predictions of shape (N, C), but got shape {y_pred.shape}"
            )
        y = check_classes(y, *y_pred.shape) if y.ndim == 1 else check_rows(y, y_pred)
        z = y_pred if self.from_logits else tg.logits_of(y_pred, tg.softmax)
        if z is not None:
            return tg.softmax_cross_entropy(z, y)
        if y.ndim == 1:
            return -np.mean(np.log(clipped(y_pred[np.arange(len(y)), y])))
        return -np.sum(y * np.log(clipped(y_pred))) / len(y)


@register
class BinaryCrossentropy(Loss):
    """Binary cross-entropy: -log of the probability of the right answer, the mean over all outputs.

    If the predictions are the output of a sigmoid, the loss is computed from the sigmoid's input,
    recorded or not, and its gradient there is (p - y) / N, so no logit overflows. Other predictions
    are clipped at 1e-7 as probabilities; with `from_logits=True` predictions are the logits
    themselves.

    Shapes: y_pred and y_true (N, ...), targets in [0, 1] -> ().
    Units: nats.
    """

    def __init__(self, *, from_logits: bool = False) -> None:
        self.from_logits = from_logits

    def forward(self, y_pred: tg.Tensor, y: np.ndarray) -> tg.Tensor:
        """Compute the mean of -(y log p + (1 - y) log(1 - p)).

        Shapes: y_pred and y (N, ...) -> ().
        Raises: ValueError if the shapes differ or a target lies outside [0, 1].
        """
        y = match_targets(y_pred, y)
        if not (y.min() >= 0 and y.max() <= 1):
            raise ValueError(
                f"{self!r} takes targets from 0 to 1, but they go from {y.min()} to {y.max()}"
            )
        z = y_pred if self.from_logits else tg.logits_of(y_pred, tg.sigmoid)
        if z is not None:
            return np.mean(tg.sigmoid_cross_entropy(z, y))
        p = clipped(y_pred)
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


@register
class MeanSquaredError(Loss):
    """The mean of (y_pred - y)² over outputs and samples.

    Shapes: y_pred and y_true (N, ...) -> ().
    """

    def forward(self, y_pred: tg.Tensor, y: np.ndarray) -> tg.Tensor:
        """Compute the mean of (y_pred - y)².

        Shapes: y_pred and y (N, ...) -> ().
        Raises: ValueError if the shapes differ.
        """
        return np.mean(np.square(y_pred - match_targets(y_pred, y)))


@register
class MeanAbsoluteError(Loss):
    """The mean of |y_pred - y| over outputs and samples.

    Shapes: y_pred and y_true (N, ...) -> ().
    """

    def forward(self, y_pred: tg.Tensor, y: np.ndarray) -> tg.Tensor:
        """Compute the mean of |y_pred - y|.

        Shapes: y_pred and y (N, ...) -> ().
        Raises: ValueError if the shapes differ.
        """
        return np.mean(np.abs(y_pred - match_targets(y_pred, y)))


def clipped(p: tg.Tensor) -> tg.Tensor:
    """Clip probabilities away from 0 and 1, where a logarithm is infinite."""
    return np.clip(p, CLIP, 1 - CLIP)


def match_targets(y_pred: tg.Tensor, y: np.ndarray) -> np.ndarray:
    """Return the targets in the dtype of the predictions, so that float32 stays float32.

    Raises: ValueError if the shapes differ, because broadcasting would give a wrong loss.
    """
    if y.shape != y_pred.shape:
        remedy = f"; write y.reshape({y_pred.shape})" if y.size == y_pred.size else ""
        raise ValueError(
            f"the predictions have shape {y_pred.shape}, but the targets {y.shape}; each "
            f"prediction needs one target{remedy}"
        )
    return y.astype(y_pred.dtype, copy=False)


def check_classes(y: np.ndarray, N: int, C: int) -> np.ndarray:
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
    if y.min() < 0 or y.max() >= C:
        raise ValueError(
            f"the predictions have {C} classes, 0 to {C - 1}, but the targets go from {y.min()} to "
            f"{y.max()}"
        )
    return y


def check_rows(y: np.ndarray, y_pred: tg.Tensor) -> np.ndarray:
    """Return the targets in the predictions' dtype, after checking that each row sums to 1.

    Raises: ValueError if the shapes differ or a row holds no probabilities.
    """
    if y.shape != y_pred.shape:
        N, C = y_pred.shape
        raise ValueError(
            f"predictions of shape {y_pred.shape} need targets of shape ({N},), class indices, or "
            f"({N}, {C}), one-hot rows, but the targets have shape {y.shape}"
        )
    y = y.astype(y_pred.dtype, copy=False)
    if not (y.min() >= 0 and abs(y.sum(axis=1) - 1).max() < 1e-2):
        sums = y.sum(axis=1)
        raise ValueError(
            f"targets of shape {y.shape} must be rows of probabilities, such as one-hot rows, but "
            f"go from {y.min()} to {y.max()}, and their sums from {sums.min()} to {sums.max()}"
        )
    return y
