"""Callback: the protocol of objects that a training calls, and Run, which it passes to them."""

import difflib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from nn.config import Configured, argument_text

HOOKS = ("on_train_begin", "on_epoch_begin", "on_backward_end", "on_step_end",
         "on_validation_begin", "on_validation_end", "on_epoch_end", "on_divergence",
         "on_train_end")  # fmt: skip


@dataclass
class Run:
    """One call of `Model.train`, as its callbacks see it.

    `logs` has the numbers of the last step or, in `on_epoch_end`, of the epoch, by the names of the
    history's columns, such as "loss" and "val_accuracy"; `names` are those that epochs will have.
    `epoch` is the number of the epoch in the history, counted from 1, and `step` that of the steps
    taken in it. `training` and `validation` are the checked data, whose X and y have the samples;
    of an iterable of batches, those of the first.
    """

    model: Any
    epochs: int  # that were asked for
    names: tuple[str, ...] = ()
    steps: int | None = None  # in an epoch, if that is known
    epoch: int = 0
    step: int = 0
    logs: dict[str, float] = field(default_factory=dict)
    error: BaseException | None = None  # that ended the training
    stopped: str = ""  # the reason that a callback gave
    training: Any = None
    validation: Any = None  # None without one

    def stop(self, reason: str) -> None:
        """End the training after this step; in `on_divergence`, without an error."""
        self.stopped = reason or "stopped by a callback"


class Callback(Configured):
    """Base of callbacks: methods that a training calls, each of which does nothing by default.

    A method gets the Run, and may stop it. Between steps the model is whole, and may be changed,
    saved or evaluated; in `on_backward_end`, inside a step, gradients can be read.

    A model that is saved during a training has the `state_dict` of its callbacks. When it is loaded
    and trained on, callbacks of these classes get it by `load_state_dict`, after `on_train_begin`.
    If one of a training has a state, `on_step_end`, `on_validation_end` and `on_epoch_end` of all
    are part of a step, for whose end signals such as Ctrl-C wait.
    """

    acts_last: ClassVar[bool] = False  # after all other callbacks
    # Of processes that train together, those that print or write files act in process 0 alone.
    first_process_only: ClassVar[bool] = False

    def state_dict(self) -> dict[str, Any]:
        """Return the arrays, numbers and strings by name from which a training can go on."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any], run: Run) -> None:
        """Go on from what `state_dict` returned, in a training that is about to begin.

        Raises: ValueError if the state does not fit.
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


def have_states(callbacks: Sequence[Callback]) -> bool:
    """Return True if one of the callbacks is of a class with a state."""
    return any(type(c).state_dict is not Callback.state_dict for c in callbacks)


def check_callbacks(callbacks: Any) -> list[Callback]:
    """Return the callbacks as a list, in which those that act last are the last ones.

    Raises: TypeError if one is no Callback, or has a method that a training cannot call; ValueError
    if one is there twice.
    """
    if isinstance(callbacks, Callback) or not isinstance(callbacks, Sequence | None):
        raise TypeError(f"callbacks must be a list of callbacks, not {argument_text(callbacks)}")
    for callback in callbacks or ():
        if not isinstance(callback, Callback):
            raise TypeError(
                f"a callback must be a subclass of nn.Callback, with methods such as "
                f"on_epoch_end(self, run), but got {argument_text(callback)}"
            )
        _check_hooks(callback)
    given = [id(callback) for callback in callbacks or ()]
    twice = next((c for c in callbacks or () if given.count(id(c)) > 1), None)
    if twice is not None:
        raise ValueError(
            f"the same {type(twice).__name__} is in callbacks twice, and would count each epoch "
            "twice; make another one, or leave one out"
        )
    return sorted(callbacks or (), key=lambda callback: callback.acts_last)


def _check_hooks(callback: Any) -> None:
    """Check that a training can call the methods of a callback.

    Raises: TypeError if one has another name than a hook and no other method uses it, so that it
    would never be called, or if a hook takes more than the Run.
    """
    kind = type(callback).__name__
    methods = [n for n in dir(type(callback)) if callable(getattr(type(callback), n, None))]
    used = _used_names([getattr(type(callback), n) for n in methods])
    for name in (name for name in methods if name.startswith("on_")):
        if name not in HOOKS and name in used:
            continue
        if name not in HOOKS:
            close = difflib.get_close_matches(name, HOOKS, 1)
            remedy = f"write {close[0]}" if close else f"a training calls {', '.join(HOOKS)}"
            raise TypeError(f"{kind} has the method {name}, which no training calls; {remedy}")
        signature = inspect.signature(getattr(callback, name))
        try:
            signature.bind(None)
        except TypeError as error:
            raise TypeError(
                f"{kind}.{name} is called with the Run alone, but takes {signature}; write def "
                f"{name}(self, run), where run.epoch is the epoch and run.logs has its numbers"
            ) from error


def _used_names(functions: Sequence[Any]) -> set[str]:
    """Return the names of attributes and globals in functions, and in those inside of them."""
    codes = [f.__code__ for f in functions if inspect.isfunction(f)]
    for code in codes:
        codes += [c for c in code.co_consts if inspect.iscode(c)]
    return {name for code in codes for name in code.co_names}


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


def prefixed(name: str, arrays: Mapping[str, np.ndarray] | None) -> dict[str, np.ndarray]:
    """Return arrays with the names "name.key" that they have in a state; none for None."""
    return {f"{name}.{key}": array for key, array in (arrays or {}).items()}


def arrays_under(
    name: str, state: Mapping[str, Any], like: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray] | None:
    """Return copies of the arrays that `prefixed` named, None if there are none.

    Raises: ValueError if they have other names, shapes or dtypes than those in `like`.
    """
    prefix = f"{name}."
    arrays = {k.removeprefix(prefix): a for k, a in state.items() if k.startswith(prefix)}
    if not arrays:
        return None
    forms, needed = (
        {key: (np.shape(a), np.asarray(a).dtype) for key, a in each.items()}
        for each in (arrays, like)
    )
    if forms != needed:
        wrong = sorted(k for k in forms | needed if forms.get(k) != needed.get(k))
        raise ValueError(f"its {name} {', '.join(wrong)} are not as those of this model")
    return {key: np.array(array) for key, array in arrays.items()}
