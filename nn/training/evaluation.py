"""Evaluation and prediction, and the checks of data before they are used."""

import contextlib
import copy
import functools
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import copy_context
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

import tensorgrad as tg
from nn.config import count
from nn.data.batches import Batches, converted, pair
from nn.metrics import Mean
from nn.module import Module
from nn.optim.threads import BlasThreads
from nn.training.interruptions import T
from nn.training.progress import accuracy_text
from nn.training.train_state import TrainState

EVALUATION_BATCH = 1024  # samples at a time, where the results do not depend on it


class Evaluation(NamedTuple):
    """The mean loss without penalties and the accuracy, which is NaN if it was not measured."""

    loss: float
    accuracy: float

    def __str__(self) -> str:
        return f"{accuracy_text(self.accuracy)}loss: {self.loss:.3f}"


def evaluate(state: TrainState, batches: Batches) -> Evaluation:
    """Compute the loss and the accuracy in evaluation mode."""
    return in_evaluation_mode(state.module, _evaluate, state, batches)


def _evaluate(state: TrainState, batches: Batches) -> Evaluation:
    assert state.loss is not None
    loss = Mean()
    # A copy, because an epoch that is interrupted goes on with the sums of its steps.
    accuracy = copy.deepcopy(state.accuracy)
    if accuracy is not None:
        accuracy.reset()
    for X, y in batches:
        y_pred = state.module(tg.Tensor(X))
        loss.update(state.loss(y_pred, y).item(), len(X))
        if accuracy is not None:
            accuracy.update(y_pred, y)
    return Evaluation(loss.result(), math.nan if accuracy is None else accuracy.result())


def predict(state: TrainState, X: np.ndarray, size: int) -> np.ndarray:
    """Compute the outputs for samples that `inputs` returned, in evaluation mode.

    Shapes: X (N, ...) -> (N, ...).
    """
    batches = Batches(X, X, size, parameter_dtype(state.module))

    def compute() -> np.ndarray:
        return np.concatenate([state.module(tg.Tensor(part)).data for part, _ in batches])

    return in_step_threads(state, batches.size, in_evaluation_mode, state.module, compute)


def parameter_dtype(module: Module) -> np.dtype[Any]:
    """Return the dtype of the first parameter, to which data are converted."""
    return next((p.dtype for p in module.parameters()), np.dtype(np.float32))


def checked_batches(
    state: TrainState,
    X: Any,
    y: Any,
    size: int | None,
    names: tuple[str, str],
    *,
    learning: bool = False,
) -> Batches:
    """Check X and y with the model, and split them into batches of `size` samples (None: all).

    With `learning`, the accuracy is prepared for the targets first, in a copy of it.
    Shapes: X (N, ...), y (N, ...).
    Raises: TypeError or ValueError, with the name of the data, if they are unusable.
    """
    dtype = parameter_dtype(state.module)
    X, y = pair(X, y, dtype, names)
    batches = Batches(X, y, len(X) if size is None else count(size, "batch_size"), dtype)
    validate_inputs(state, batches, names, learning=learning)
    return batches


def first_output(module: Module, X: np.ndarray, name: str) -> np.ndarray:
    """Compute the output for the first sample, in evaluation mode.

    Shapes: X (N, ...) -> (1, ...).
    Raises: TypeError or ValueError, with the name of the data, if it does not fit the module.
    """
    first = tg.Tensor(converted(X[:1], parameter_dtype(module)))
    with _naming_errors(f"{name}, of shape {X.shape},"):
        out = in_evaluation_mode(module, module, first)
    if not isinstance(out, tg.Tensor) or out.shape[:1] != (1,):
        raise TypeError(
            "the module of a model must return a Tensor with one row per sample, but for one "
            f"sample {type(module).__name__} returned {out!r}"
        )
    return out.data


def validate_inputs(
    state: TrainState, batches: Batches, names: tuple[str, str], *, learning: bool
) -> None:
    """Check one sample with the module and all targets with the loss, before anything changes.

    Raises: TypeError or ValueError, with the name of the data, if they do not fit.
    """
    out = first_output(state.module, batches.X, names[0])
    accuracy = copy.deepcopy(state.accuracy)
    if learning and accuracy is not None:
        accuracy.init(batches.y)

    def check() -> None:
        with tg.no_grad():
            for start in range(0, len(batches.y), EVALUATION_BATCH):
                part = batches.targets(slice(start, start + EVALUATION_BATCH))
                y_pred = tg.Tensor(np.broadcast_to(out, (len(part), *out.shape[1:])))
                if state.loss is not None:
                    state.loss(y_pred, part)
                if accuracy is not None:
                    accuracy.calculate(y_pred, part)

    with _naming_errors(names[1]):
        copy_context().run(check)


def modes_of(module: Module) -> Callable[[], Any]:
    """Return a function that restores the mode of each module, as it is now."""
    modules = list(module.modules())
    modes = [m.training for m in modules]
    # All of them in one call, which no signal can interrupt.
    return functools.partial(
        deque, map(object.__setattr__, modules, repeat("training"), modes), maxlen=0
    )


def in_evaluation_mode(module: Module, function: Callable[..., T], *args: Any) -> T:
    """Call a function in evaluation mode, without recording."""

    def call() -> T:
        with tg.no_grad():
            return function(*args)

    restore = modes_of(module)
    try:
        module.eval()
        # In a copy of the context, so that recording comes back whatever happens: a signal can end
        # `with` before the first line of `__exit__`.
        return copy_context().run(call)
    finally:
        restore()


def blas_threads(module: Module, batch_size: int) -> BlasThreads:
    """Choose the BLAS threads for the largest matrix product of a step."""
    return BlasThreads(batch_size * max((p.size for p in module.parameters()), default=0))


def in_step_threads(
    state: TrainState, batch_size: int, function: Callable[..., T], *args: Any
) -> T:
    """Call a function with the BLAS threads for batches of a size."""
    threads = blas_threads(state.module, batch_size)

    def call() -> T:
        threads.set()
        return function(*args)

    return state.guard.call(call, threads.restore)


@contextlib.contextmanager
def _naming_errors(name: str) -> Iterator[None]:
    """Put the name of the data into errors that are raised inside."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} does not fit the model: {error}") from error
