"""The training: its steps and epochs."""

import functools
import math
import operator
import time

import numpy as np

import tensorgrad as tg
from nn.data.batches import Batches
from nn.module import Module
from nn.training.evaluation import Evaluation, blas_threads, evaluate, modes_of
from nn.training.position import Position
from nn.training.progress import Figures, Progress
from nn.training.train_state import TrainState


def train(
    state: TrainState,
    batches: Batches,
    validation: Batches | None,
    *,
    epochs: int,
    shuffle: bool,
    print_every: int | None,
) -> None:
    """Train for more epochs, in training mode; a signal waits for the end of a step.

    Raises: the errors of `train_epoch`.
    """
    restore_modes, threads = modes_of(state.module), blas_threads(state.module, batches.size)

    def learn() -> None:
        state.module.zero_grad()
        state.module.train()
        threads.set()
        for _ in range(epochs):
            train_epoch(state, batches, validation, shuffle=shuffle, print_every=print_every)

    def undo() -> None:
        restore_modes()
        threads.restore()
        state.module.zero_grad()  # a step with an error may have left gradients

    state.guard.call(learn, undo)


def train_epoch(
    state: TrainState,
    batches: Batches,
    validation: Batches | None,
    *,
    shuffle: bool,
    print_every: int | None,
) -> None:
    """Train on every sample once; the history records each step, and the epoch at its end.

    An epoch that was interrupted is completed, if the batches are as they were.
    Raises: FloatingPointError at a step whose loss is NaN or infinite; RuntimeError if all
    parameters are frozen.
    """
    # Listed once per epoch, because walking the tree takes as long as a small layer.
    modules, parameters = list(state.module.modules()), state.module.parameters()
    if parameters and all(p.is_frozen for p in parameters):
        raise RuntimeError(
            f"all {len(parameters)} parameters of the model are frozen, and nothing could learn; "
            "call model.module.unfreeze(), or set p.requires_grad = True for some"
        )
    position = state.position
    if position is None or not position.fits(batches, shuffle):
        position = Position(batches, shuffle)
    progress = Progress(len(batches.X), len(batches), print_every)
    try:
        progress.print(f"epoch: {len(state.history) + 1}")
        while position.step < len(batches):
            step, samples = position.step, batches.samples_in(position.step)
            figures = state.guard.step(take_step, state, position, batches, modules, parameters)
            progress.step(step, samples, figures)
        figures = epoch_figures(state, position)
        progress.print(f"training, {figures}")
        checked = None
        if validation is not None:
            checked = evaluate(state, validation)
            progress.print(f"validation, {checked}")
        state.guard.step(end_epoch, state, figures, position.seconds, checked)
    finally:
        progress.close()


def take_step(
    state: TrainState,
    position: Position,
    batches: Batches,
    modules: list[Module],
    parameters: list[tg.Tensor],
) -> Figures:
    """Take the next step of an epoch, with everything that it changes.

    Raises: FloatingPointError, before the step, if the loss is NaN or infinite.
    """
    began = time.perf_counter()
    if position.step == 0 and state.accuracy is not None:
        state.accuracy.reset()
    X, y = batches.batch(position.step, position.order(state.rng))
    number = len(state.history) + 1
    try:
        figures = train_step(state, modules, X, y)
    except FloatingPointError as error:
        message = _divergence_message(state, X, number, position.step, error)
        raise FloatingPointError(message) from error
    for p in parameters:  # all of them; the optimizer may have fewer
        p.zero_grad()
    position.data_loss.update(figures.data_loss, len(X))
    position.penalty.update(figures.regularization_loss, len(X))
    seconds = time.perf_counter() - began
    position.seconds += seconds
    state.history.add_step(number, figures, seconds)
    position.step += 1
    state.position = position
    return figures


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


def epoch_figures(state: TrainState, position: Position) -> Figures:
    """Return the means over the samples of an epoch."""
    assert state.optimizer is not None
    accuracy = math.nan if state.accuracy is None else state.accuracy.result()
    rate = state.optimizer.current_learning_rate
    return Figures(position.data_loss.result(), position.penalty.result(), accuracy, rate)


def end_epoch(
    state: TrainState, figures: Figures, seconds: float, checked: Evaluation | None
) -> None:
    """Record a complete epoch."""
    state.history.add_epoch(figures, seconds, checked)
    state.position = None


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
