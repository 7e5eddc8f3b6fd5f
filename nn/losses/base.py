"""Loss: the base of all losses, and the checks of their targets."""

from typing import Any

import numpy as np

import tensorgrad as tg
from nn.config import Configured
from nn.module import Module


class Loss(Configured):
    """Base of losses, each the mean over a batch.

    A subclass defines `forward(y_pred, y)`, which takes a Tensor and an array, and, if it takes
    targets of one kind only, `prepare`.
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

    def prepare(self, y_pred: tg.Tensor, y: Any) -> Any:
        """Check the targets of a call, and return them as `forward` takes them.

        Of the predictions only the shape and the dtype count.
        Shapes: y_pred (N, ...), y as the loss requires -> as `forward` requires.
        Raises: TypeError or ValueError if the arguments do not fit.
        """
        if y_pred.dtype.kind != "f" or y.dtype.kind not in "biuf":
            raise TypeError(
                f"{self!r} takes predictions of a floating-point dtype and targets that are real "
                f"numbers, but got {y_pred.dtype} and {y.dtype}"
            )
        if not y_pred.size:
            raise ValueError(f"{self!r} got no samples: the predictions have shape {y_pred.shape}")
        return y

    def __call__(self, y_pred: Any, y_true: Any) -> tg.Tensor:
        """Return the mean loss of predictions, without penalties.

        Shapes: y_pred (N, ...), y_true as the loss requires -> ().
        Raises: TypeError or ValueError if the arguments do not fit; ValueError if the loss is NaN.
        """
        y_pred = y_pred if isinstance(y_pred, tg.Tensor) else tg.Tensor(y_pred)
        constant = isinstance(y_true, tg.Tensor) and not y_true.requires_grad
        y = y_true if constant else np.asarray(y_true)
        loss = self._scope.call(self.forward, y_pred, self.prepare(y_pred, y))
        tg.check(loss == loss, ValueError, nan_message, self, y_pred, y)
        return loss

    def regularization_loss(self, module: Module) -> tg.Tensor:
        """Return the penalties l1 Σ|w| + l2 Σw² of a module and its submodules; 0 without any.

        Shapes: -> ().
        """
        return module.regularization_loss()


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
        remedy = f"; write y.reshape({y_pred.shape})" if y.size == y_pred.size else ""
        raise ValueError(
            f"the predictions have shape {y_pred.shape}, but the targets {y.shape}; each "
            f"prediction needs one target{remedy}"
        )
    return y.astype(y_pred.dtype, copy=False)
