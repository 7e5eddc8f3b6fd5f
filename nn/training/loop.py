"""The parts of a model, and what happens to them in a step, an epoch, an evaluation."""

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
from nn.data.batches import Batches
from nn.losses import Loss
from nn.metrics import Accuracy, Mean
from nn.module import Module
from nn.optim.base import Optimizer
from nn.optim.threads import for_products
from nn.training.history import History
from nn.training.progress import Figures, Progress, accuracy_text

CHUNK = 1024  # samples at a time where nothing depends on it


@dataclass(eq=False, repr=False)
class TrainState:
    """All that a model is made of."""

    module: Module
    loss: Loss | None = None
    optimizer: Optimizer | None = None
    accuracy: Accuracy | None = None
    history: History = field(default_factory=History)
    rng: np.random.Generator = field(default_factory=np.random.default_rng)  # shuffles


class Evaluation(NamedTuple):
    """Means over samples; the loss is without penalties, and an accuracy not measured is NaN."""

    loss: float
    accuracy: float

    def __str__(self) -> str:
        return f"{accuracy_text(self.accuracy)}loss: {self.loss:.3f}"


def train_step(parts: TrainState, modules: list[Module], X: np.ndarray, y: np.ndarray) -> Figures:
    """Forward, backward, and a step of the optimizer; `modules` are all that may have a penalty.

    Raises: FloatingPointError, before the step, if the loss is NaN or infinite.
    """
    assert parts.loss is not None
    assert parts.optimizer is not None
    y_pred = parts.module(tg.Tensor(X))
    try:
        data_loss = parts.loss(y_pred, y)
    except ValueError:
        if np.isfinite(y_pred.data).all():
            raise
        raise FloatingPointError("the outputs are NaN or infinite") from None
    penalties = [p for module in modules if (p := module.penalty()) is not None]
    loss = functools.reduce(operator.add, penalties, data_loss)
    if not math.isfinite(loss.item()):
        raise FloatingPointError(f"the loss is {loss.item()}")
    loss.backward()
    parts.optimizer.step()
    accuracy = math.nan if parts.accuracy is None else parts.accuracy.update(y_pred, y)
    penalty = sum((p.item() for p in penalties), 0.0)
    return Figures(data_loss.item(), penalty, accuracy, parts.optimizer.current_learning_rate)


def train_epoch(
    parts: TrainState,
    batches: Batches,
    validation: Batches | None,
    *,
    shuffle: bool,
    print_every: int | None,
) -> None:
    """Every sample once; the history gets each step at once, and the epoch when it is complete."""
    history, optimizer = parts.history, parts.optimizer
    assert optimizer is not None
    # Found once: going through the tree takes as long as a small layer.
    modules, parameters = list(parts.module.modules()), parts.module.parameters()
    number = len(history) + 1
    data_loss, penalty = Mean(), Mean()
    if parts.accuracy is not None:
        parts.accuracy.reset()
    progress = Progress(len(batches.X), len(batches), print_every)
    began = last = time.perf_counter()
    with contextlib.closing(progress):
        progress.say(f"epoch: {number}")
        for step, (X, y) in enumerate(batches.shuffled(parts.rng) if shuffle else batches):
            try:
                figures = train_step(parts, modules, X, y)
            except FloatingPointError as error:
                raise FloatingPointError(_diverged(parts, X, number, step, error)) from error
            for p in parameters:  # not only those that the optimizer has
                p.zero_grad()
            data_loss.update(figures.data_loss, len(X))
            penalty.update(figures.regularization_loss, len(X))
            progress.step(step, len(X), figures)
            now = time.perf_counter()
            history.add_step(number, figures, now - last)
            last = now
    accuracy = math.nan if parts.accuracy is None else parts.accuracy.result()
    figures = Figures(
        data_loss.result(), penalty.result(), accuracy, optimizer.current_learning_rate
    )
    progress.say(f"training, {figures}")
    checked = None
    if validation is not None:
        checked = evaluate(parts, validation)
        progress.say(f"validation, {checked}")
    history.add_epoch(figures, last - began, checked)


def evaluate(parts: TrainState, batches: Batches) -> Evaluation:
    """The loss and the accuracy in evaluation mode."""
    assert parts.loss is not None
    loss = Mean()
    if parts.accuracy is not None:
        parts.accuracy.reset()
    # Recording stays on, because from a recorded softmax the loss finds the logits.
    with mode(parts.module, training=False):
        for X, y in batches:
            y_pred = parts.module(tg.Tensor(X))
            loss.update(parts.loss(y_pred, y).item(), len(X))
            if parts.accuracy is not None:
                parts.accuracy.update(y_pred, y)
    accuracy = math.nan if parts.accuracy is None else parts.accuracy.result()
    return Evaluation(loss.result(), accuracy)


def first_output(module: Module, X: np.ndarray, name: str) -> np.ndarray:
    """What the module makes of the first sample, in evaluation mode.

    Raises: TypeError or ValueError, with the name of the data, if it does not fit the module.
    """
    with mode(module, training=False), tg.no_grad(), _blaming(f"{name}, of shape {X.shape},"):
        out = module(tg.Tensor(X[:1]))
    if not isinstance(out, tg.Tensor) or out.shape[:1] != (1,):
        raise TypeError(
            "a model's module returns a Tensor with a row for each sample, but for one sample "
            f"{type(module).__name__} returned {out!r}"
        )
    return out.data


def validate_inputs(
    parts: TrainState,
    X: np.ndarray,
    y: np.ndarray,
    names: tuple[str, str],
    *,
    learning: bool = False,
) -> None:
    """Try one sample on the module and all targets on the loss, before anything is changed.

    Before `learning`, the accuracy may have to learn from the targets: a copy of it does so here.
    Raises: TypeError or ValueError, with the name of the data.
    """
    out = first_output(parts.module, X, names[0])
    accuracy = copy.deepcopy(parts.accuracy)
    if learning and accuracy is not None:
        accuracy.init(y)
    with tg.no_grad(), _blaming(names[1]):
        for start in range(0, len(y), CHUNK):
            part = y[start : start + CHUNK]
            y_pred = tg.Tensor(np.broadcast_to(out, (len(part), *out.shape[1:])))
            if parts.loss is not None:
                parts.loss(y_pred, part)
            if accuracy is not None:
                accuracy.calculate(y_pred, part)


@contextlib.contextmanager
def mode(module: Module, *, training: bool) -> Iterator[None]:
    """Training or evaluation mode, and afterwards what each module was in before."""
    before = [(m, m.training) for m in module.modules()]
    module.train(training)
    try:
        yield
    finally:
        for m, flag in before:
            m.training = flag


def threads(module: Module, batch_size: int) -> contextlib.AbstractContextManager[Any]:
    """As many threads as suit the largest product of a step."""
    return for_products(batch_size * max((p.size for p in module.parameters()), default=0))


@contextlib.contextmanager
def _blaming(name: str) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} does not fit the model: {error}") from error


def _diverged(parts: TrainState, X: np.ndarray, epoch: int, step: int, error: Exception) -> str:
    """What to say when there is no finite loss."""
    wrong = [name for name, p in parts.module.named_parameters() if not np.isfinite(p.data).all()]
    state = (
        f"the parameters {', '.join(wrong)} hold NaN or infinity: load or build the model anew"
        if wrong
        else "the parameters are finite, as the step before left them"
    )
    return (
        f"{error} in epoch {epoch}, step {step}, with {parts.optimizer!r}; {state}; lower the "
        f"learning rate, or scale the data, which here goes from {X.min():g} to {X.max():g}"
    )
