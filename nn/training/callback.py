"""Callback: the protocol of objects that a training calls, and Run, which it passes to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nn.config import Configured, argument_text

HOOKS = ("on_train_begin", "on_epoch_begin", "on_backward_end", "on_step_end",
         "on_validation_begin", "on_validation_end", "on_epoch_end", "on_divergence",
         "on_train_end")  # fmt: skip


@dataclass
class Run:
    """One call of `Model.train`, as its callbacks see it.

    `logs` has the numbers of the last step or, in `on_epoch_end`, of the epoch, by the names of the
    history's columns, such as "loss" and "val_accuracy"; `names` are those that epochs will have.
    """

    model: Any
    epochs: int  # that were asked for
    names: tuple[str, ...] = ()
    steps: int | None = None  # in an epoch, if that is known
    epoch: int = 0  # number in the history, counted from 1
    step: int = 0  # steps taken in this epoch
    logs: dict[str, float] = field(default_factory=dict)
    error: BaseException | None = None  # that ended the training
    stopped: str = ""  # the reason that a callback gave

    def stop(self, reason: str) -> None:
        """End the training after this step; in `on_divergence`, without an error."""
        self.stopped = reason or "stopped by a callback"


class Callback(Configured):
    """Base of callbacks: methods that a training calls, each of which does nothing by default.

    A method gets the Run, and may stop it. Between steps the model is whole, and may be changed,
    saved or evaluated; in `on_backward_end`, inside a step, gradients can be read.
    """

    def on_train_begin(self, run: Run) -> None:
        """Prepare for a training, whose data and parts are checked."""

    def on_epoch_begin(self, run: Run) -> None:
        """Act before the first step of an epoch, or the next one of an epoch that goes on."""

    def on_backward_end(self, run: Run) -> None:
        """Read the gradients of a step, before the optimizer does."""

    def on_step_end(self, run: Run) -> None:
        """Act after a step of the optimizer."""

    def on_validation_begin(self, run: Run) -> None:
        """Act after the last step of an epoch, before its validation."""

    def on_validation_end(self, run: Run) -> None:
        """Act after a validation, whose numbers are in `run.logs`."""

    def on_epoch_end(self, run: Run) -> None:
        """Act after an epoch that is in the history."""

    def on_divergence(self, run: Run) -> None:
        """Act before the error `run.error` is raised, because a loss is NaN or infinite."""

    def on_train_end(self, run: Run) -> None:
        """Act at the end, also after an error, which is `run.error`."""


def check_callbacks(callbacks: Any) -> list[Callback]:
    """Return the callbacks as a list.

    Raises: TypeError if one is no Callback.
    """
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Sequence | None):
        raise TypeError(f"callbacks must be a list of callbacks, not {argument_text(callbacks)}")
    for callback in callbacks or ():
        if not isinstance(callback, Callback):
            raise TypeError(
                f"a callback must be a subclass of nn.Callback, with methods such as "
                f"on_epoch_end(self, run), but got {argument_text(callback)}"
            )
    return list(callbacks or ())


def call_hook(callbacks: Sequence[Callback], hook: str, run: Run) -> None:
    """Call a method of all callbacks, in their order; an error says where it was raised.

    Raises: the callback's error.
    """
    for callback in callbacks:
        try:
            getattr(callback, hook)(run)
        except Exception as error:
            error.add_note(
                f"raised by {hook} of the callback {callback!r}, in epoch {run.epoch} after "
                f"{run.step} steps; the model is as after its last whole step"
            )
            raise
