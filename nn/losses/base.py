"""Loss: the base of all losses, and the checks of their targets and weights."""

import functools
import inspect
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

import tensorgrad as tg
from nn.config import Configured, argument_text, check_unmasked, names_remedy
from nn.module import Module
from nn.words import LOSS

WEIGHTED_FORWARD = (
    "forward(self, y_pred, y, sample_weight=None), for example with nn.losses.weighted_mean"
)


class Loss(Configured):
    """Base of losses, each the mean over a batch.

    A subclass defines `forward(y_pred, y, sample_weight=None)`, which takes a Tensor and arrays;
    without the last, it takes no weights. If it takes targets of one kind only, it checks them in
    `targets`, once and apart from `forward`, which decides nothing by values.
    """

    _words: ClassVar[Mapping[str, str]] = LOSS
    _scope: tg.Scope

    def __init_subclass__(cls) -> None:
        cls._scope = tg.Scope(cls.__name__, parameters=tuple)

    def forward(
        self, y_pred: tg.Tensor, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> tg.Tensor:
        """Compute the loss; to be defined by a subclass.

        Shapes: y_pred (N, ...), y as the loss requires, sample_weight (N,) -> ().
        Raises: NotImplementedError if the subclass does not define it.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method forward(y_pred, y)")

    def targets(self, y_pred: tg.Tensor, y: Any) -> Any:
        """Check the targets, and return them as `forward` takes them.

        Of the predictions only the shape and the dtype count. Where an error depends on values, it
        is raised by `tensorgrad.check`.
        Shapes: y_pred (N, ...), y as the loss requires -> as y.
        """
        return y

    def prepare(
        self, y_pred: tg.Tensor, y_true: Any, sample_weight: Any = None, mask: Any = None
    ) -> tuple[Any, ...]:
        """Check the data of a call, and return them as `forward` takes them after predictions.

        Of the predictions only the shape and the dtype count. A mask becomes weights.
        Shapes: y_pred (N, ...), y_true as the loss requires, sample_weight (N,), mask (N, T) ->
        each as it is.
        Raises: TypeError or ValueError if the arguments do not fit.
        """
        y = as_data(y_true)
        if y_pred.dtype.kind != "f" or y.dtype.kind not in "biuf":
            remedy = names_remedy(y, "y")
            raise TypeError(
                f"{self!r} takes predictions of a floating-point dtype and targets that are real "
                f"numbers, but got {y_pred.dtype} and {y.dtype}{'; ' if remedy else ''}{remedy}"
            )
        if not y_pred.size:
            raise ValueError(f"{self!r} got no samples: the predictions have shape {y_pred.shape}")
        if sample_weight is None and mask is None:
            return (self.targets(y_pred, y),)
        check_takes_weights(self, "forward", WEIGHTED_FORWARD)
        weights: Any = None
        if sample_weight is not None:
            weights = check_sample_weight(sample_weight, y_pred.shape[0], y_pred.dtype)
        if mask is not None:
            steps = mask_weights(mask, y_pred)
            weights = steps if weights is None else steps * of_samples(weights, steps.ndim)
        return self.targets(y_pred, y), weights

    def __call__(
        self, y_pred: Any, y_true: Any, sample_weight: Any = None, mask: Any = None
    ) -> tg.Tensor:
        """Return the mean loss of predictions, without penalties.

        Weights multiply the losses of the samples; their sum is divided by N, as without weights.
        With a mask, the mean is over the steps where it is True.
        Shapes: y_pred (N, ...), y_true as the loss requires, sample_weight (N,), mask (N, T) of
        predictions (N, T, ...) -> ().
        Raises: TypeError or ValueError if the arguments do not fit; ValueError if the loss is NaN;
        DefinitionError, a TypeError, if `forward` returns no Tensor of one number.
        """
        y_pred = y_pred if isinstance(y_pred, tg.Tensor) else tg.Tensor(y_pred)
        data = self.prepare(y_pred, y_true, sample_weight, mask)
        loss = self._scope.run(self.forward, (y_pred, *data))
        if not isinstance(loss, tg.Tensor) or loss.ndim:
            what = f"shape {loss.shape}" if isinstance(loss, tg.Tensor) else argument_text(loss)
            raise DefinitionError(
                f"{type(self).__name__}.forward must return one number, a Tensor that is computed "
                f"from y_pred, such as np.mean((y_pred - y) ** 2), but returned {what}"
            )
        tg.check(loss == loss, ValueError, nan_message, self, y_pred, data[0])
        return loss

    def regularization_loss(self, module: Module) -> tg.Tensor:
        """Return the penalties l1 Σ|w| + l2 Σw² of a module and its submodules; 0 without any.

        Shapes: -> ().
        """
        return module.regularization_loss()


class DefinitionError(TypeError):
    """A loss or metric that is not written as it is used, whatever the data are."""


@functools.lru_cache
def takes_weights(method: Callable[..., Any]) -> bool:
    """Return True if a method has a parameter for weights; looked up once, not at each batch."""
    return "sample_weight" in inspect.signature(method).parameters


def check_takes_weights(part: Any, method: str, definition: str) -> None:
    """Raise DefinitionError if a method of a loss or metric has no parameter for weights."""
    if not takes_weights(getattr(type(part), method)):
        raise DefinitionError(
            f"{type(part).__name__} was given sample_weight, but its {method} takes none; define "
            f"{definition}"
        )


def as_data(x: Any) -> Any:
    """Return data as an array; tensors, and arrays of other kinds than NumPy's, as they are.

    Raises: TypeError for a tensor that requires a gradient, or a masked array, which would be lost.
    """
    if type(x) is np.ndarray:
        return x
    check_unmasked(x, "an argument of the loss")
    followed = hasattr(x, "__array_function__") and not isinstance(x, np.ndarray)
    return x if followed and not getattr(x, "requires_grad", False) else np.asarray(x)


def nan_message(loss: Loss, y_pred: Any, y: Any) -> str:
    """Describe data of which a loss is NaN."""
    counts = [f"{np.sum(~np.isfinite(x))} of {x.size}" for x in (y_pred, y)]
    return (
        f"{loss!r} is NaN: {counts[0]} predictions and {counts[1]} targets are NaN or infinite; "
        "look for NaN in the data; if there is none, the training has diverged: lower the "
        "learning rate"
    )


def match_targets(y_pred: tg.Tensor, y: Any) -> Any:
    """Return the targets in the dtype of the predictions, so that float32 stays float32.

    Raises: ValueError if the shapes differ, because broadcasting would give a wrong loss.
    """
    if y.shape != y_pred.shape:
        remedy = f"; write y.reshape({(-1, *y_pred.shape[1:])})" if y.size == y_pred.size else ""
        raise ValueError(
            f"the predictions have shape {y_pred.shape}, but the targets {y.shape}; each "
            f"prediction needs one target{remedy}"
        )
    return y.astype(y_pred.dtype, copy=False)


def check_sample_weight(weights: Any, N: int, dtype: Any) -> Any:
    """Return the weights of N samples as an array of the dtype.

    Shapes: weights (N,) -> (N,).
    Raises: ValueError if they are not N finite numbers of at least 0.
    """
    array = as_data(weights)
    if array.shape != (N,):
        remedy = "; write sample_weight.reshape(-1)" if array.size == N else ""
        raise ValueError(
            f"sample_weight needs one number for each of the {N} samples, shape ({N},), but has "
            f"shape {array.shape}{remedy}"
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(weights_message(array))
    holds = np.all(array >= 0) & np.all(np.isfinite(array))
    tg.check(holds, ValueError, weights_message, array)
    return array.astype(dtype, copy=False)


def mask_weights(mask: Any, y_pred: tg.Tensor) -> Any:
    """Return weights of steps, 0 where the mask is False, whose mean is 1.

    Shapes: mask (N, T), y_pred (N, T, ...) -> (N, T).
    Raises: ValueError if the shapes do not fit, or the mask is False everywhere.
    """
    mask = as_data(mask)
    if mask.ndim >= y_pred.ndim or mask.shape != y_pred.shape[: mask.ndim]:
        raise ValueError(
            f"a mask of shape {mask.shape} does not fit predictions of shape {y_pred.shape}; it is "
            "True for the steps (N, T) of predictions (N, T, ...) that count"
        )
    counts = np.not_equal(mask, 0).astype(y_pred.dtype)
    total = np.sum(counts)
    tg.check(total > 0, ValueError, "the mask of a loss is False everywhere: no step counts")
    return counts * (counts.size / total)


def weights_message(weights: Any) -> str:
    """Describe weights of samples that are none."""
    return (
        "sample_weight must be finite numbers of at least 0, not "
        f"{reprlib.repr(weights.tolist())} of dtype {weights.dtype}"
    )


def weighted_mean(terms: tg.Tensor, sample_weight: np.ndarray | None) -> tg.Tensor:
    """Return the mean over samples and outputs, after multiplying by the weights if there are any.

    Shapes: terms (N, ...), sample_weight (N,) or (N, T) -> ().
    """
    if sample_weight is None:
        return np.mean(terms)
    return np.mean(terms * of_samples(sample_weight, terms.ndim))


def of_samples(sample_weight: np.ndarray, ndim: int) -> np.ndarray:
    """Return weights with so many axes that they multiply arrays of samples.

    Shapes: sample_weight (N,) or, of steps, (N, T) -> (N, 1, ...) or (N, T, 1, ...).
    """
    return sample_weight.reshape(*sample_weight.shape, *(1,) * (ndim - sample_weight.ndim))
