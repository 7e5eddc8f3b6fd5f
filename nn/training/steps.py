"""The step of a training: forward, backward and the optimizer, with everything that it changes."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import tensorgrad as tg
from nn.data.batches import Batch, Batches, arrays_of
from nn.data.streams import Stream
from nn.metrics import Metric
from nn.training.evaluation import Evaluation
from nn.training.messages import is_known
from nn.training.plan import TrainPlan
from nn.training.position import Position
from nn.training.programs import Compile, call_module, step_of
from nn.training.progress import Figures
from nn.training.sharing import Learned, Sharing
from nn.training.train_state import TrainState


def take_step(
    state: TrainState,
    plan: TrainPlan,
    position: Position,
    parameters: list[tg.Tensor],
    ahead: Sequence[Any],
    sharing: Sharing,
    backward_end: Callable[[], None] | None,
) -> tuple[Figures, int]:
    """Take the next step of an epoch, with everything that it changes.

    The result is its figures and the number of its samples, in all processes.
    Raises: FloatingPointError, before the step, if the loss is NaN or infinite.
    """
    began = time.perf_counter()
    batches = plan.batches
    source = batches.state()
    measures = state.measures()
    if position.step == 0:
        for measure in measures.values():
            measure.reset()
    try:
        learned = _learned_by_all(state, plan, position, ahead, sharing, measures)
        figures = _updated(state, learned, measures, backward_end)
    except FloatingPointError as error:
        if is_known(error):
            raise
        message = _divergence_message(state, batches, ahead, position, error)
        raise FloatingPointError(message) from error
    for p in parameters:  # all of them; the optimizer may have fewer
        p.zero_grad()
    position.data_loss.update(figures.data_loss, learned.counted)
    position.penalty.update(figures.regularization_loss, learned.samples)
    seconds = time.perf_counter() - began
    position.seconds += seconds
    done = position.step + len(ahead)
    part = done / batches.steps if batches.steps else math.nan
    state.history.add_step(len(state.history) + 1, figures, seconds, part)
    position.step = done
    state.source = source
    state.position = position if source or isinstance(batches, Batches) else None
    return figures, learned.samples


def _learned_by_all(
    state: TrainState,
    plan: TrainPlan,
    position: Position,
    ahead: Sequence[Any],
    sharing: Sharing,
    measures: Mapping[str, Metric],
) -> Learned:
    """Return what all processes learn from the next batches; after an error nothing has changed."""
    sharing.begin()
    try:
        taken = plan.batches.taken(ahead, position.order(state.rng))
        return sharing.exchange(_learned(state, taken, plan, measures), ahead)
    except BaseException:
        sharing.undo()
        raise


def _learned(
    state: TrainState, batches: list[Batch], plan: TrainPlan, measures: Mapping[str, Metric]
) -> Learned:
    """Run forward and backward on each batch, and measure; the gradients are those of the mean.

    Raises: FloatingPointError if the loss is NaN or infinite.
    """
    if plan.processes.size > 1:
        batches = [batch for batch in batches if batch.counted]  # a share may have no samples
    counted = [batch.counted for batch in batches]
    total = sum(counted)
    data_loss = penalty = 0.0
    statistics: dict[str, Any] = {}
    for batch, n in zip(batches, counted):
        share = n / (total or 1)
        y_pred, loss, of_parameters = _backward(state, batch, share, plan.compile)
        data_loss += share * loss
        penalty += share * of_parameters
        for name, measure in measures.items():
            found = measure.measured(*batch.unmasked(y_pred))
            known = statistics.get(name)
            statistics[name] = found if known is None else measure.combine(known, found)
    samples = sum(len(batch.y) for batch in batches)
    return Learned(total, samples, data_loss, penalty, statistics)


def _updated(
    state: TrainState,
    learned: Learned,
    measures: Mapping[str, Metric],
    backward_end: Callable[[], None] | None,
) -> Figures:
    """Take a step of the optimizer, and return the figures of its samples."""
    assert state.optimizer is not None
    if backward_end is not None:
        backward_end()
    state.optimizer.step()
    statistics = learned.statistics
    values = {name: measure.add(statistics[name]) for name, measure in measures.items()}
    accuracy, rate = values.pop("accuracy", math.nan), state.optimizer.current_learning_rate
    return Figures(learned.data_loss, learned.penalty, accuracy, rate, values)


def _backward(
    state: TrainState, batch: Batch, share: float, mode: Compile
) -> tuple[tg.Tensor, float, float]:
    """Add the gradients of a share of the loss; return the outputs, the loss and the penalty.

    Raises: FloatingPointError, before backward, if the loss is NaN or infinite.
    """
    args = (None if share == 1 else float(share), batch.X, *batch.targets)
    parts = (state.module, state.loss)
    try:
        y_pred, data_loss, penalties = state.programs.call("train", step_of, parts, args, mode)
    except ValueError:
        with tg.no_grad():
            outputs = call_module(state.module, batch.X).data
        if np.isfinite(outputs).all():
            raise
        raise FloatingPointError("the outputs are NaN or infinite") from None
    return y_pred, data_loss.item(), sum((p.item() for p in penalties), 0.0)


def epoch_figures(state: TrainState, position: Position) -> Figures:
    """Return the means over the samples of an epoch."""
    assert state.optimizer is not None
    values = {name: measure.result() for name, measure in state.measures().items()}
    accuracy, rate = values.pop("accuracy", math.nan), state.optimizer.current_learning_rate
    return Figures(position.data_loss.result(), position.penalty.result(), accuracy, rate, values)


def end_epoch(
    state: TrainState,
    batches: Batches | Stream,
    figures: Figures,
    seconds: float,
    checked: Evaluation | None,
) -> None:
    """Record a complete epoch."""
    state.source = batches.state()
    state.history.add_epoch(figures, seconds, checked)
    state.position = None


def _divergence_message(
    state: TrainState,
    batches: Batches | Stream,
    ahead: Sequence[Any],
    position: Position,
    error: Exception,
) -> str:
    """Describe a step without a finite loss, and the remedy."""
    wrong = [name for name, p in state.module.named_parameters() if not np.isfinite(p.data).all()]
    parameters = (
        f"the parameters {', '.join(wrong)} hold NaN or infinity: load or build the model again"
        if wrong
        else "the parameters are finite, as they were after the step before"
    )
    taken = batches.taken(ahead, position.order(state.rng))
    arrays = [array for batch in taken for array in arrays_of(batch.X)]
    held = [a for a in arrays if a.size]  # a share may have no samples
    low = min((a.min() for a in held), default=math.nan)
    high = max((a.max() for a in held), default=math.nan)
    place = f"epoch {len(state.history) + 1}, step {position.step}"
    return (
        f"{error} in {place}, with {state.optimizer!r}; {parameters}; lower the "
        f"learning rate, or scale the data, which goes from {low:g} to {high:g} here"
    )
