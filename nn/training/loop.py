"""TrainState, and its training steps, epochs and evaluation."""

import contextlib
import copy
import functools
import math
import operator
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

import tensorgrad as tg
from nn.config import count
from nn.data.batches import Batches, pair
from nn.losses import Loss
from nn.metrics import Accuracy, Mean
from nn.module import Module
from nn.optim.base import Optimizer
from nn.optim.threads import blas_threads
from nn.seeding import generator
from nn.training.history import History
from nn.training.progress import Figures, Progress, accuracy_text

EVALUATION_BATCH = 1024  # samples at a time, where the results do not depend on it


@dataclass(eq=False, repr=False)
class TrainState:
    """The module, loss, optimizer, metric, history and random generator of a training."""

    module: Module
    loss: Loss | None = None
    optimizer: Optimizer | None = None
    accuracy: Accuracy | None = None
    history: History = field(default_factory=History)
    rng: np.random.Generator = field(default_factory=generator)  # of the shuffling


class Evaluation(NamedTuple):
    """The mean loss without penalties and the accuracy, which is NaN if it was not measured."""

    loss: float
    accuracy: float

    def __str__(self) -> str:
        return f"{accuracy_text(self.accuracy)}loss: {self.loss:.3f}"


def train_step(state: TrainState, modules: list[Module], X: np.ndarray, y: np.ndarray) -> Figures:
    """Run forward, backward and a step of the optimizer; add the penalties of `modules`.

    Shapes: X (N, ...), y (N, ...).
    Raises: FloatingPointError, before the step, if the loss is NaN or infinite.
    """
    assert state.loss is not None
    assert state.optimizer is not None
    y_pred = state.module(tg.Tensor(X))
    try:
        data_loss = state.loss(y_pred, y)
    except ValueError:
        if np.isfinite(y_pred.data).all():
            raise
        raise FloatingPointError("the outputs are NaN or infinite") from None
    penalties = [p for module in modules if (p := module.penalty()) is not None]
    loss = functools.reduce(operator.add, penalties, data_loss)
    if not math.isfinite(loss.item()):
        raise FloatingPointError(f"the loss is {loss.item()}")
    loss.backward()
    state.optimizer.step()
    accuracy = math.nan if state.accuracy is None else state.accuracy.update(y_pred, y)
    penalty = sum((p.item() for p in penalties), 0.0)
    return Figures(data_loss.item(), penalty, accuracy, state.optimizer.current_learning_rate)


def train_epoch(
    state: TrainState,
    batches: Batches,
    validation: Batches | None,
    *,
    shuffle: bool,
    print_every: int | None,
) -> None:
    """Train on every sample once; the history records each step, and the epoch at its end.

    Raises: FloatingPointError at a step whose loss is NaN or infinite; RuntimeError if all
    parameters are frozen.
    """
    history, optimizer = state.history, state.optimizer
    assert optimizer is not None
    # Listed once per epoch, because walking the tree takes as long as a small layer.
    modules, parameters = list(state.module.modules()), state.module.parameters()
    if parameters and all(p.is_frozen for p in parameters):
        raise RuntimeError(
            f"all {len(parameters)} parameters of the model are frozen, and nothing could learn; "
            "call model.module.unfreeze(), or set p.requires_grad = True for some"
        )
    number = len(history) + 1
    data_loss, penalty = Mean(), Mean()
    if state.accuracy is not None:
        state.accuracy.reset()
    progress = Progress(len(batches.X), len(batches), print_every)
    began = last = time.perf_counter()
    with contextlib.closing(progress):
        progress.print(f"epoch: {number}")
        for step, (X, y) in enumerate(batches.shuffled(state.rng) if shuffle else batches):
            try:
                figures = train_step(state, modules, X, y)
            except FloatingPointError as error:
                message = _divergence_message(state, X, number, step, error)
                raise FloatingPointError(message) from error
            for p in parameters:  # all of them; the optimizer may have fewer
                p.zero_grad()
            data_loss.update(figures.data_loss, len(X))
            penalty.update(figures.regularization_loss, len(X))
            progress.step(step, len(X), figures)
            now = time.perf_counter()
            history.add_step(number, figures, now - last)
            last = now
    accuracy = math.nan if state.accuracy is None else state.accuracy.result()
    figures = Figures(
        data_loss.result(), penalty.result(), accuracy, optimizer.current_learning_rate
    )
    progress.print(f"training, {figures}")
    checked = None
    if validation is not None:
        checked = evaluate(state, validation)
        progress.print(f"validation, {checked}")
    history.add_epoch(figures, last - began, checked)


def evaluate(state: TrainState, batches: Batches) -> Evaluation:
    """Compute the loss and the accuracy in evaluation mode."""
    assert state.loss is not None
    loss = Mean()
    if state.accuracy is not None:
        state.accuracy.reset()
    with mode(state.module, training=False), tg.no_grad():
        for X, y in batches:
            y_pred = state.module(tg.Tensor(X))
            loss.update(state.loss(y_pred, y).item(), len(X))
            if state.accuracy is not None:
                state.accuracy.update(y_pred, y)
    accuracy = math.nan if state.accuracy is None else state.accuracy.result()
    return Evaluation(loss.result(), accuracy)


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
    X, y = pair(X, y, parameter_dtype(state.module), names)
    batches = Batches(X, y, len(X) if size is None else count(size, "batch_size"))
    validate_inputs(state, X, y, names, learning=learning)
    return batches


def first_output(module: Module, X: np.ndarray, name: str) -> np.ndarray:
    """Compute the output for the first sample, in evaluation mode.

    Shapes: X (N, ...) -> (1, ...).
    Raises: TypeError or ValueError, with the name of the data, if it does not fit the module.
    """
    with mode(module, training=False), tg.no_grad(), _naming_errors(f"{name}, of shape {X.shape},"):
        out = module(tg.Tensor(X[:1]))
    if not isinstance(out, tg.Tensor) or out.shape[:1] != (1,):
        raise TypeError(
            "the module of a model must return a Tensor with one row per sample, but for one "
            f"sample {type(module).__name__} returned {out!r}"
        )
    return out.data


def validate_inputs(
    state: TrainState,
    X: np.ndarray,
    y: np.ndarray,
    names: tuple[str, str],
    *,
    learning: bool,
) -> None:
    """Check one sample with the module and all targets with the loss, before anything changes.

    Shapes: X (N, ...), y (N, ...).
    Raises: TypeError or ValueError, with the name of the data, if they do not fit.
    """
    out = first_output(state.module, X, names[0])
    accuracy = copy.deepcopy(state.accuracy)
    if learning and accuracy is not None:
        accuracy.init(y)
    with tg.no_grad(), _naming_errors(names[1]):
        for start in range(0, len(y), EVALUATION_BATCH):
            part = y[start : start + EVALUATION_BATCH]
            y_pred = tg.Tensor(np.broadcast_to(out, (len(part), *out.shape[1:])))
            if state.loss is not None:
                state.loss(y_pred, part)
            if accuracy is not None:
                accuracy.calculate(y_pred, part)


@contextlib.contextmanager
def mode(module: Module, *, training: bool) -> Iterator[None]:
    """Switch all modules to training or evaluation mode, and restore the mode of each on exit."""
    before = [(m, m.training) for m in module.modules()]
    module.train(training)
    try:
        yield
    finally:
        for m, flag in before:
            m.training = flag


def step_threads(module: Module, batch_size: int) -> contextlib.AbstractContextManager[Any]:
    """Choose the number of BLAS threads for the largest matrix product of a step."""
    return blas_threads(batch_size * max((p.size for p in module.parameters()), default=0))


@contextlib.contextmanager
def _naming_errors(name: str) -> Iterator[None]:
    """Put the name of the data into errors that are raised inside."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} does not fit the model: {error}") from error


def _divergence_message(
    state: TrainState, X: np.ndarray, epoch: int, step: int, error: Exception
) -> str:
    """Describe a step without a finite loss, and the remedy."""
    wrong = [name for name, p in state.module.named_parameters() if not np.isfinite(p.data).all()]
    parameters = (
        f"the parameters {', '.join(wrong)} hold NaN or infinity: load or build the model again"
        if wrong
        else "the parameters are finite, as they were after the step before"
    )
    return (
        f"{error} in epoch {epoch}, step {step}, with {state.optimizer!r}; {parameters}; lower the "
        f"learning rate, or scale the data, which goes from {X.min():g} to {X.max():g} here"
    )
