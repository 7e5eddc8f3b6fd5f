"""Losses of classifications: cross-entropies, a divergence and a margin."""

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, register
from nn.losses.base import Loss, match_targets, of_samples, weighted_mean

CLIP = 1e-7  # as in the book, probabilities stay this far from 0 and 1, because log(0) is infinite


class Crossentropy(Loss):
    """Base of the cross-entropies, with the settings that they share.

    `label_smoothing` moves targets towards the mean of the C classes: (1 - s) y + s / C.
    `class_weight` has a number for each class, by which the terms of the class are multiplied. The
    sum is divided by the number of predictions, as without weights, so that the loss of a data set
    does not depend on its batches.

    Raises: ValueError if label_smoothing is not at least 0 and below 1, or a weight is negative.
    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), Rethinking the inception
    architecture for computer vision, section 7 (label smoothing).
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        class_weight: Sequence[float] | np.ndarray | None = None,
    ) -> None:
        if not (isinstance(label_smoothing, NUMBER) and 0 <= label_smoothing < 1):
            raise ValueError(
                f"label_smoothing must be at least 0 and below 1, not {label_smoothing!r}"
            )
        self.from_logits = from_logits
        self.label_smoothing = float(label_smoothing)
        self.class_weight = None if class_weight is None else check_weights(class_weight)

    def _weights(self, C: int) -> list[float] | None:
        """Return the weights of C classes, or None if there are none.

        Raises: ValueError if there are not C weights.
        """
        if self.class_weight is not None and len(self.class_weight) != C:
            raise ValueError(
                f"class_weight has {len(self.class_weight)} weights, {self.class_weight}, but "
                f"there are {C} classes; give one weight for each"
            )
        return self.class_weight

    def _smoothed(self, y: Any, C: int) -> Any:
        """Return probabilities moved towards 1 / C by the label smoothing.

        Shapes: y (...) -> (...).
        """
        s = self.label_smoothing
        return (1 - s) * y + s / C if s else y


@register
class CategoricalCrossentropy(Crossentropy):
    """Categorical cross-entropy: -log of the probability of the right class.

    Targets are class indices or one-hot rows. If the predictions are the output of a softmax, the
    loss is computed from the softmax's input, recorded or not, and its gradient there is
    (p - y) / N, so no logit overflows. Other predictions are clipped at 1e-7 as probabilities; with
    `from_logits=True` predictions are the logits themselves. `label_smoothing=s` takes
    (1 - s) y + s / C for the one-hot rows y. `class_weight=[w_1, ..., w_C]` multiplies the terms of
    each class; the sum is still divided by N, as PyTorch does with rows, but not with indices.

    Shapes: y_pred (N, C), y_true (N,) of integers or (N, C) -> ().
    Units: nats.
    Raises: ValueError if label_smoothing is not at least 0 and below 1, or a weight is negative.
    """

    def targets(self, y_pred: tg.Tensor, y: Any) -> Any:
        """Check class indices, or rows of probabilities.

        Shapes: y_pred (N, C), y (N,) of integers or (N, C) -> as y.
        Raises: ValueError if a shape or a target is wrong; TypeError if indices are not integers.
        """
        check_matrix(y_pred, self)
        return check_classes(y, *y_pred.shape) if y.ndim == 1 else check_rows(y, y_pred)

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the mean of -log p over the right classes.

        Shapes: y_pred (N, C), y (N,) of integers or (N, C), sample_weight (N,) -> ().
        """
        y = self._terms(y, y_pred, sample_weight)
        z = y_pred if self.from_logits else tg.logits_of(y_pred, tg.softmax)
        if z is not None:
            return tg.softmax_cross_entropy(z, y)
        if y.ndim == 1:
            return -np.mean(np.log(clipped(y_pred[np.arange(len(y)), y])))
        return -np.sum(y * np.log(clipped(y_pred))) / len(y)

    def _terms(
        self, y: np.ndarray, y_pred: tg.Tensor, sample_weight: np.ndarray | None
    ) -> np.ndarray:
        """Return the factors of -log p, as rows if there are weights or smoothing."""
        C = y_pred.shape[1]
        weights = self._weights(C)
        if not self.label_smoothing and weights is None and sample_weight is None:
            return y
        rows = (y[:, None] == np.arange(C)).astype(y_pred.dtype) if y.ndim == 1 else y
        rows = self._smoothed(rows, C)
        if weights is not None:
            rows = rows * np.array(weights, y_pred.dtype)
        return rows if sample_weight is None else rows * of_samples(sample_weight, 2)


@register
class BinaryCrossentropy(Crossentropy):
    """Binary cross-entropy: -log of the probability of the right answer, the mean over all outputs.

    If the predictions are the output of a sigmoid, the loss is computed from the sigmoid's input,
    recorded or not, and its gradient there is (p - y) / N, so no logit overflows. Other predictions
    are clipped at 1e-7 as probabilities; with `from_logits=True` predictions are the logits
    themselves. `label_smoothing=s` takes (1 - s) y + s / 2 for the targets y.
    `class_weight=[w_0, w_1]` multiplies the terms (1 - y) log(1 - p) by w_0 and y log p by w_1.

    Shapes: y_pred and y_true (N, ...), targets in [0, 1] -> ().
    Units: nats.
    Raises: ValueError if label_smoothing is not at least 0 and below 1, or a weight is negative.
    """

    def targets(self, y_pred: tg.Tensor, y: Any) -> Any:
        """Check that the targets are from 0 to 1.

        Shapes: y_pred and y (N, ...) -> (N, ...).
        Raises: ValueError if the shapes differ or a target lies outside [0, 1].
        """
        y = match_targets(y_pred, y)
        low, high = np.min(y), np.max(y)
        message = "{!r} takes targets from 0 to 1, but they go from {} to {}"
        tg.check((low >= 0) & (high <= 1), ValueError, message, self, low, high)
        return y

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the mean of -(y log p + (1 - y) log(1 - p)).

        Shapes: y_pred and y (N, ...), sample_weight (N,) -> ().
        """
        y = self._smoothed(y, 2)
        weights = self._weights(2)
        no, yes = (1 - y, y) if weights is None else (weights[0] * (1 - y), weights[1] * y)
        if sample_weight is not None:
            no, yes = (of_samples(sample_weight, y.ndim) * part for part in (no, yes))
        z = y_pred if self.from_logits else tg.logits_of(y_pred, tg.sigmoid)
        if z is None:
            p = clipped(y_pred)
            return -np.mean(yes * np.log(p) + no * np.log(1 - p))
        if weights is None and sample_weight is None:
            return np.mean(tg.sigmoid_cross_entropy(z, y))
        return np.mean(yes * tg.softplus(-z) + no * tg.softplus(z))


@register
class KLDivergence(Loss):
    """The Kullback-Leibler divergence of the predictions from the targets: Σ y log(y / p).

    It is the mean over the samples; a target of 0 adds 0. If the predictions are the output of a
    softmax, the loss is computed from the softmax's input. Other predictions are clipped at 1e-7 as
    probabilities; with `from_logits=True` predictions are the logits themselves.

    Shapes: y_pred and y_true (N, C), rows of probabilities -> ().
    Units: nats.
    Source: Kullback and Leibler (1951), On information and sufficiency, equation 2.4.
    """

    def __init__(self, *, from_logits: bool = False) -> None:
        self.from_logits = from_logits

    def targets(self, y_pred: tg.Tensor, y: Any) -> Any:
        """Check rows of probabilities.

        Shapes: y_pred and y (N, C) -> (N, C).
        Raises: ValueError if the shapes differ or a row of targets holds no probabilities.
        """
        check_matrix(y_pred, self)
        return check_rows(match_targets(y_pred, y), y_pred)

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the mean over the samples of Σ y log(y / p).

        Shapes: y_pred and y (N, C), sample_weight (N,) -> ().
        """
        z = y_pred if self.from_logits else tg.logits_of(y_pred, tg.softmax)
        log_p = np.log(clipped(y_pred)) if z is None else tg.log_softmax(z)
        terms = y * (np.log(np.where(y > 0, y, 1)) - log_p)
        return weighted_mean(terms, sample_weight) * y.shape[1]


@register
class Hinge(Loss):
    """The hinge loss of a classifier with a margin: the mean of max(1 - y z, 0).

    Predictions z are scores without an activation; targets y are -1 and 1, or 0 and 1, where 0
    stands for -1.

    Shapes: y_pred and y_true (N, ...) -> ().
    Source: Cortes and Vapnik (1995), Support-vector networks, section 3.
    """

    def targets(self, y_pred: tg.Tensor, y: Any) -> Any:
        """Return targets that are -1 and 1.

        Shapes: y_pred and y (N, ...) -> (N, ...).
        Raises: ValueError if the shapes differ, or the targets are not of two classes.
        """
        y = match_targets(y_pred, y)
        from_zero = np.all(np.equal(y, 0) | np.equal(y, 1))
        holds = from_zero | np.all(np.equal(np.abs(y), 1))
        tg.check(holds, ValueError, margin_message, self, y)
        return np.where(from_zero & (np.min(y) == 0), 2 * y - 1, y)

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the mean of max(1 - y z, 0).

        Shapes: y_pred and y (N, ...), sample_weight (N,) -> ().
        """
        return weighted_mean(tg.relu(1 - y * y_pred), sample_weight)


def margin_message(loss: Loss, y: Any) -> str:
    """Describe targets that are not of two classes."""
    found = reprlib.repr(np.unique(y).tolist())
    return f"{loss!r} takes targets that are -1 and 1, or 0 and 1, but got {found}"


def clipped(p: tg.Tensor) -> tg.Tensor:
    """Clip probabilities away from 0 and 1, where a logarithm is infinite."""
    return np.clip(p, CLIP, 1 - CLIP)


def check_matrix(y_pred: tg.Tensor, loss: Loss) -> None:
    """Check that there is one row of predictions per sample.

    Raises: ValueError if there is not.
    """
    if y_pred.ndim != 2:
        raise ValueError(
            f"{loss!r} takes predictions of shape (N, C), but got shape {y_pred.shape}"
        )


def check_weights(weights: Sequence[float] | np.ndarray) -> list[float]:
    """Return the weights of classes as a list of floats.

    Raises: ValueError if they are no list of finite numbers of at least 0.
    """
    listed = isinstance(weights, list | tuple | np.ndarray)
    if not listed or not all(isinstance(w, NUMBER) and 0 <= w < np.inf for w in weights):
        raise ValueError(
            "class_weight must be a list with a finite number of at least 0 for each class, such "
            f"as [1.0, 2.5], not {weights!r}"
        )
    return [float(w) for w in weights]


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
        N, C = y_pred.shape
        raise ValueError(
            f"predictions of shape {y_pred.shape} need targets of shape ({N},), class indices, or "
            f"({N}, {C}), one-hot rows, but the targets have shape {y.shape}"
        )
    y = y.astype(y_pred.dtype, copy=False)
    sums = y.sum(axis=1)
    holds = (y.min() >= 0) & (abs(sums - 1).max() < 1e-2)
    tg.check(holds, ValueError, rows_message, y, sums)
    return y


def rows_message(y: Any, sums: Any) -> str:
    """Describe targets that are no rows of probabilities."""
    return (
        f"targets of shape {y.shape} must be rows of probabilities, such as one-hot rows, but go "
        f"from {y.min()} to {y.max()}, and their sums from {sums.min()} to {sums.max()}"
    )
