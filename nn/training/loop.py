"""The training: its epochs, and the ways that it ends."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from nn.data.batches import Batches
from nn.data.streams import Stream
from nn.training.callback import Callback, Run, call_hook, have_states
from nn.training.evaluation import Evaluation, blas_threads, evaluate, modes_of
from nn.training.interruptions import T
from nn.training.plan import TrainPlan
from nn.training.position import Position
from nn.training.processes import StoppedElsewhere
from nn.training.progress import Progress
from nn.training.resuming import Waiting, resume, saved_states
from nn.training.sharing import Sharing, check_parameters, synchronize
from nn.training.steps import end_epoch, epoch_figures, take_step
from nn.training.train_state import TrainState


def train(state: TrainState, plan: TrainPlan) -> None:
    """Train for more epochs, in training mode; a signal waits for the end of a step.

    Raises: the errors of `train_epoch`, unless a callback takes a divergence as the end.
    """
    restore_modes = modes_of(state.module)
    threads = blas_threads(state.module, plan.batches.size, plan.threads)
    run = Run(
        state, plan.epochs, plan.measured_names(state), plan.steps,
        training=plan.batches, validation=plan.validation,
    )  # fmt: skip

    def learn() -> None:
        state.module.zero_grad()
        state.module.train()
        threads.set()
        try:
            _learn(state, plan, run)
        except FloatingPointError as error:
            run.error = error
            call_hook(plan.callbacks, "on_divergence", run)
            if not run.stopped:
                raise
            run.error = None
        except BaseException as error:
            run.error = error
            raise
        finally:
            call_hook(plan.callbacks, "on_train_end", run)

    def undo() -> None:
        restore_modes()
        threads.restore()
        state.module.zero_grad()  # a step with an error may have left gradients

    state.guard.call(learn, undo)


def _learn(state: TrainState, plan: TrainPlan, run: Run) -> None:
    """Train for the epochs of the plan, or until a callback stops the training."""
    saved = saved_states(state.callbacks)
    # Until they are given back, the states wait: the start may be interrupted.
    state.callbacks = [Waiting(*each) for each in saved] or plan.callbacks
    if not plan.batches.resume(state.source, state.position is not None):
        state.position = None
    synchronize(state, plan)
    try:
        call_hook(plan.callbacks, "on_train_begin", run)
        resume(plan.callbacks, saved, run)
        state.callbacks = plan.callbacks
        if run.stopped:
            progress = Progress(plan.batches.samples, run.steps, plan.print_every)
            progress.print(f"stopped: {run.stopped}")
        _learn_epochs(state, plan, run)
    except Exception:
        state.callbacks = ()
        raise
    state.callbacks = ()
    if state.source is not None:
        state.source = replace(state.source, complete=True)


def _learn_epochs(state: TrainState, plan: TrainPlan, run: Run) -> None:
    """Train until the epochs are over or, in this process or another, a callback stops."""
    epochs = 0
    try:
        while epochs < plan.epochs and not run.stopped:
            train_epoch(state, plan, run)
            epochs += 1
    except StoppedElsewhere as end:
        run.stop(str(end))
        return
    run.stopped = plan.processes.stop(run.stopped)


def train_epoch(state: TrainState, plan: TrainPlan, run: Run) -> None:
    """Train on every sample once; the history records each step, and the epoch at its end.

    An epoch that was interrupted is completed, if the batches are as they were.
    Raises: FloatingPointError at a step whose loss is NaN or infinite; RuntimeError if all
    parameters are frozen.
    """
    batches, callbacks = plan.batches, plan.callbacks
    # Listed once per epoch, because walking the tree takes as long as a small layer.
    parameters = state.module.parameters()
    if parameters and all(p.is_frozen for p in parameters):
        raise RuntimeError(
            f"all {len(parameters)} parameters of the model are frozen, and nothing could learn; "
            "call model.module.unfreeze(), or set p.requires_grad = True for some"
        )
    position = state.position
    if position is None or not position.fits(batches, plan.shuffle):
        position = Position(batches, plan.shuffle)
    progress = Progress(batches.samples, plan.steps, plan.print_every)
    hook = functools.partial(call_hook, callbacks, run=run)
    sharing = Sharing(state, plan)

    def step_end() -> None:
        run.step = position.step
        if callbacks:
            run.logs = state.history.last_step()
            hook("on_step_end")

    def epoch_end(checked: Evaluation | None) -> None:
        run.logs = state.history.last_epoch()
        if checked is not None:
            hook("on_validation_end")
        hook("on_epoch_end")

    try:
        run.epoch, run.step = len(state.history) + 1, position.step
        progress.print(f"epoch: {run.epoch}")
        batches.begin()
        hook("on_epoch_begin")
        while ahead := _read(batches, plan, run):
            step = position.step // plan.accumulate
            backward_end = functools.partial(hook, "on_backward_end") if callbacks else None
            take = functools.partial(
                take_step, state, plan, position, parameters, ahead, sharing, backward_end
            )
            figures, samples = _as_step(state, callbacks, take, step_end)
            progress.step(step, samples, figures)
            if run.stopped:
                progress.print(f"stopped: {run.stopped}")
                return
        check_parameters(state, plan)
        figures = epoch_figures(state, position)
        progress.print_figures("training, ", figures)
        checked = _validate(state, plan, run, progress)
        end = functools.partial(end_epoch, state, batches, figures, position.seconds, checked)
        _as_step(state, callbacks, end, functools.partial(epoch_end, checked))
        if run.stopped:
            progress.print(f"stopped: {run.stopped}")
    finally:
        progress.close()


def _validate(
    state: TrainState, plan: TrainPlan, run: Run, progress: Progress
) -> Evaluation | None:
    """Evaluate after an epoch that has a validation."""
    if plan.validation is None or run.epoch % plan.validation_every:
        return None
    call_hook(plan.callbacks, "on_validation_begin", run)
    checked = evaluate(state, plan.validation, plan.compile, plan.processes)
    progress.print(f"validation, {checked}")
    return checked


def _as_step(
    state: TrainState,
    callbacks: Sequence[Callback],
    action: Callable[[], T],
    tell: Callable[[], None],
) -> T:
    """Call an action as a step that signals wait for, and tell the callbacks.

    If some have a state that changes, they are part of the step.
    """

    def both() -> T:
        result = action()
        tell()
        return result

    if have_states(callbacks):
        return state.guard.step(both)
    result = state.guard.step(action)
    tell()
    return result


def _read(batches: Batches | Stream, plan: TrainPlan, run: Run) -> Sequence[Any]:
    """Return the next batches, or none at the end of the epoch.

    Raises: the error of the iterable that has them, with a note.
    """
    try:
        return batches.ahead(run.step, plan.accumulate)
    except Exception as error:
        error.add_note(
            f"raised by the data of epoch {run.epoch} after {run.step} batches; the model is as "
            "after its last whole step"
        )
        raise
