"""Loss: the base of all losses, and the checks of their targets and weights."""

import inspect
import reprlib
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import Configured
from nn.module import Module


class Loss(Configured):
    """Base of losses, each the mean over a batch.

    A subclass defines `forward(y_pred, y, sample_weight=None)`, which takes a Tensor and arrays;
    without the last, it takes no weights.
    """

    _scope: tg.Scope

    def __init_subclass__(cls) -> None:
        cls._scope = tg.Scope(cls.__name__)

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the loss; to be defined by a subclass.

        Shapes: y_pred (N, ...), y as the loss requires, sample_weight (N,) -> ().
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(y_pred, y)")

    def __call__(self, y_pred: Any, y_true: Any, sample_weight: Any = None) -> tg.Tensor:
        """Return the mean loss of predictions, without penalties.

        Weights multiply the losses of the samples; their sum is divided by N, as without weights.
        Shapes: y_pred (N, ...), y_true as the loss requires, sample_weight (N,) -> ().
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
        arguments = [y_pred, y]
        if sample_weight is not None:
            self._check_takes_weights()
            arguments.append(check_sample_weight(sample_weight, len(y_pred), y_pred.dtype))
        loss = self._scope.call(self.forward, *arguments)
        if loss.item() != loss.item():
            raise ValueError(self._nan_message(y_pred.data, y))
        return loss

    def regularization_loss(self, module: Module) -> tg.Tensor:
        """Return the penalties l1 Σ|w| + l2 Σw² of a module and its submodules; 0 without any.

        Shapes: -> ().
        """
        return module.regularization_loss()

    def _check_takes_weights(self) -> None:
        """Raise TypeError if the loss has a forward without weights."""
        if "sample_weight" not in inspect.signature(self.forward).parameters:
            name = type(self).__name__
            raise TypeError(
                f"{name} was given sample_weight, but its forward takes none; define "
                "forward(self, y_pred, y, sample_weight=None), for example with "
                "nn.losses.weighted_mean"
            )

    def _nan_message(self, y_pred: np.ndarray, y: np.ndarray) -> str:
        counts = [f"{np.sum(~np.isfinite(x))} of {x.size}" for x in (y_pred, y)]
        return (
            f"{self!r} is NaN: {counts[0]} predictions and {counts[1]} targets are NaN or infinite;"
            " look for NaN in the data; if there is none, the training has diverged: lower the "
            "learning rate"
        )


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


def check_sample_weight(weights: Any, N: int, dtype: Any) -> np.ndarray:
    """Return the weights of N samples as an array of the dtype.

    Shapes: weights (N,) -> (N,).
    Raises: ValueError if they are not N finite numbers of at least 0.
    """
    array = np.asarray(weights)
    if array.shape != (N,):
        raise ValueError(
            f"sample_weight needs one number for each of the {N} samples, shape ({N},), but has "
            f"shape {array.shape}"
        )
    if array.dtype.kind not in "biuf" or not (array >= 0).all() or not np.isfinite(array).all():
        raise ValueError(
            "sample_weight must be finite numbers of at least 0, not "
            f"{reprlib.repr(array.tolist())} of dtype {array.dtype}"
        )
    return array.astype(dtype, copy=False)


def weighted_mean(terms: tg.Tensor, sample_weight: np.ndarray | None) -> tg.Tensor:
    """Return the mean over samples and outputs, after multiplying by the weights if there are any.

    Shapes: terms (N, ...), sample_weight (N,) -> ().
    """
    if sample_weight is None:
        return np.mean(terms)
    return np.mean(terms * of_samples(sample_weight, terms.ndim))


def of_samples(sample_weight: np.ndarray, ndim: int) -> np.ndarray:
    """Return weights with so many axes that they multiply arrays of samples.

    Shapes: sample_weight (N,) -> (N, 1, ...).
    """
    return sample_weight.reshape(-1, *(1,) * (ndim - 1))
