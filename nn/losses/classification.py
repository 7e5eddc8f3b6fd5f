"""Losses of classifications: cross-entropies, a divergence and a margin."""

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import NUMBER, register
from nn.losses.base import Loss, match_targets, of_samples, weighted_mean
from nn.losses.rows import as_rows, check_classes, check_rows, check_rows_of

ROUNDING = 1e-5  # by which sums and quotients may take a probability out of [0, 1]
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

    Shapes: y_pred (N, C), y_true (N,) of integers or (N, C), or of sequences y_pred (N, T, C),
    y_true (N, T) or (N, T, C) -> ().
    Units: nats.
    Raises: ValueError if label_smoothing is not at least 0 and below 1, or a weight is negative; at
    the call, if predictions that are to be probabilities lie outside [0, 1].
    """

    def targets(self, y_pred: tg.Tensor, y: Any) -> Any:
        """Check class indices, or rows of probabilities; those of sequences become one list.

        Shapes: y_pred (..., C), y (...) of integers or (..., C) -> (M,) or (M, C).
        Raises: ValueError if a shape or a target is wrong; TypeError if indices are not integers.
        """
        if y_pred.ndim == 2:
            return check_classes(y, *y_pred.shape) if y.ndim == 1 else check_rows(y, y_pred)
        check_rows_of(y_pred, self)
        C = y_pred.shape[-1]
        if y.shape == y_pred.shape[:-1]:
            return check_classes(y.reshape(-1), y.size, C)
        return check_rows(y, y_pred).reshape(-1, C)

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the mean of -log p over the right classes.

        Shapes: y_pred (..., C), y (M,) of integers or (M, C), sample_weight (N,) or (N, T) -> ().
        """
        z = y_pred if self.from_logits else tg.logits_of(y_pred, tg.softmax)
        rows = as_rows(probabilities(self, y_pred) if z is None else z)
        y = self._terms(y, y_pred, sample_weight)
        if z is not None:
            return tg.softmax_cross_entropy(rows, y)
        if y.ndim == 1:
            return -np.mean(np.log(clipped(rows[np.arange(len(y)), y])))
        return -np.sum(y * np.log(clipped(rows))) / len(y)

    def _terms(
        self, y: np.ndarray, y_pred: tg.Tensor, sample_weight: np.ndarray | None
    ) -> np.ndarray:
        """Return the factors of -log p, as rows if there are weights or smoothing."""
        C = y_pred.shape[-1]
        weights = self._weights(C)
        if not self.label_smoothing and weights is None and sample_weight is None:
            return y
        rows = (y[:, None] == np.arange(C)).astype(y_pred.dtype) if y.ndim == 1 else y
        rows = self._smoothed(rows, C)
        if weights is not None:
            rows = rows * np.array(weights, y_pred.dtype)
        if sample_weight is None:
            return rows
        each = np.broadcast_to(of_samples(sample_weight, y_pred.ndim - 1), y_pred.shape[:-1])
        return rows * each.reshape(-1, 1)


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
            p = clipped(probabilities(self, y_pred))
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
        check_rows_of(y_pred, self, one_per_sample=True)
        return check_rows(match_targets(y_pred, y), y_pred)

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the mean over the samples of Σ y log(y / p).

        Shapes: y_pred and y (N, C), sample_weight (N,) -> ().
        """
        z = y_pred if self.from_logits else tg.logits_of(y_pred, tg.softmax)
        p = y_pred if z is not None else clipped(probabilities(self, y_pred))
        log_p = np.log(p) if z is None else tg.log_softmax(z)
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


def probabilities(loss: Any, p: tg.Tensor) -> tg.Tensor:
    """Check that predictions are probabilities, because others would be clipped in silence.

    Raises: ValueError if they lie outside [0, 1] by more than rounding.
    """
    values = p.detach()
    low, high = np.min(values), np.max(values)
    outside = (low < -ROUNDING) | (high > 1 + ROUNDING)  # of NaN, neither holds
    tg.check(np.logical_not(outside), ValueError, range_message, loss, low, high)
    return p


def range_message(loss: Any, low: float, high: float) -> str:
    """Describe predictions that are no probabilities."""
    return (
        f"{loss!r} takes probabilities, from 0 to 1, but the predictions go from {low:.4g} to "
        f"{high:.4g}; end the network in its activation, or write "
        f"{type(loss).__name__}(from_logits=True) for logits"
    )


def clipped(p: tg.Tensor) -> tg.Tensor:
    """Clip probabilities away from 0 and 1, where a logarithm is infinite."""
    return np.clip(p, CLIP, 1 - CLIP)


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
