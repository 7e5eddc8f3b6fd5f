"""Evaluation and prediction, and the checks of data before they are used."""

import contextlib
import copy
import functools
import inspect
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from itertools import repeat
from types import MappingProxyType
from typing import Any, Self

import numpy as np

import tensorgrad as tg
from nn.config import count
from nn.data.batches import Batch, Batches, arrays_of, each, pair
from nn.data.samples import converted
from nn.data.streams import Stream
from nn.losses.base import DefinitionError
from nn.metrics import Mean
from nn.module import Module
from nn.optim.threads import BlasThreads
from nn.training.interruptions import T
from nn.training.processes import ALONE, Processes
from nn.training.programs import Compile, call_module, evaluation_of, outputs_of
from nn.training.progress import accuracy_text
from nn.training.sharing import add_others
from nn.training.train_state import TrainState

EVALUATION_BATCH = 1024  # samples at a time, where the results do not depend on it


class Evaluation(tuple[float, ...]):
    """The mean loss without penalties, the accuracy, NaN if it was not measured, and the metrics.

    It is the tuple of these numbers; `metrics` has the last ones by name.
    """

    metrics: dict[str, float]

    def __new__(
        cls, loss: float, accuracy: float, metrics: Mapping[str, float] = MappingProxyType({})
    ) -> Self:
        """Make the tuple (loss, accuracy, *metrics)."""
        self = super().__new__(cls, (loss, accuracy, *metrics.values()))
        self.metrics = dict(metrics)
        return self

    def __getnewargs__(self) -> Any:  # for copies
        return self.loss, self.accuracy, self.metrics

    @property
    def loss(self) -> float:
        """The mean loss without penalties."""
        return self[0]

    @property
    def accuracy(self) -> float:
        """The accuracy, NaN if it was not measured."""
        return self[1]

    def __str__(self) -> str:
        return f"{accuracy_text(self.accuracy, self.metrics)}loss: {self.loss:.3f}"


def evaluate(
    state: TrainState,
    batches: Batches | Stream,
    mode: Compile = "auto",
    processes: Processes = ALONE,
) -> Evaluation:
    """Compute the loss, the accuracy and the metrics in evaluation mode, of all processes."""
    return in_evaluation_mode(state.module, _evaluate, state, batches, mode, processes)


def _evaluate(
    state: TrainState, batches: Batches | Stream, mode: Compile, processes: Processes
) -> Evaluation:
    assert state.loss is not None
    loss = Mean()
    # Copies, because an epoch that is interrupted goes on with the sums of its steps.
    measures = copy.deepcopy(state.measures())
    for measure in measures.values():
        measure.reset()
    for batch in batches:
        if processes.size > 1 and not batch.counted:
            continue  # a share may have no samples
        parts, args = (state.module, state.loss), (batch.X, *batch.targets)
        y_pred, value = by_program(state, "evaluate", evaluation_of, parts, args, mode)
        loss.update(value.item(), batch.counted)
        for measure in measures.values():
            measure.update(*batch.unmasked(y_pred))
    add_others(processes, loss, measures)
    values = {name: measure.result() for name, measure in measures.items()}
    return Evaluation(loss.result(), values.pop("accuracy", math.nan), values)


def predict(state: TrainState, X: Any, size: int, mode: Compile = "auto") -> np.ndarray:
    """Compute the outputs for samples that `checked_inputs` returned, in evaluation mode.

    Shapes: X (N, ...) -> (N, ...).
    """
    batches = Batches(X, size, parameter_dtype(state.module))

    def compute() -> np.ndarray:
        call = functools.partial(by_program, state, "predict", outputs_of, (state.module,))
        return np.concatenate([call((batch.X,), mode).data for batch in batches])

    return in_step_threads(state, batches.size, in_evaluation_mode, state.module, compute)


def by_program(state: TrainState, *call: Any) -> Any:
    """Call a function of `Programs.call` while no other thread trains or saves.

    A program that is made puts stand-ins into the module's buffers, which a file must not hold.
    """
    return state.guard.between_steps(functools.partial(state.programs.call, *call))


def parameter_dtype(module: Module) -> np.dtype[Any]:
    """Return the dtype of the first parameter, to which data are converted."""
    return next((p.dtype for p in module.parameters()), np.dtype(np.float32))


def checked_batches(
    state: TrainState,
    data: Batch,
    size: int | None,
    names: tuple[str, str],
    rows: np.ndarray | None = None,
    *,
    learning: bool = False,
) -> Batches:
    """Check data with the model, and split them into batches of `size` samples (None: all).

    With `rows`, the samples are these rows of X. With `learning`, the metrics are prepared for the
    targets first, in copies of them.
    Raises: TypeError or ValueError, with the name of the data, if they are unusable.
    """
    dtype = parameter_dtype(state.module)
    size = len(data.y) if size is None else count(size, "batch_size")
    batches = Batches(data, size, dtype, rows)
    validate_inputs(state, batches, names, learning=learning)
    return batches


def checked_data(
    state: TrainState, X: Any, y: Any, names: tuple[str, str], sample_weight: Any = None
) -> Batch:
    """Check data by themselves, and convert what has the size of the parameters' dtype.

    Shapes: X (N, ...), y (N, ...), sample_weight (N,).
    Raises: TypeError or ValueError, with the name of the data, if they are unusable.
    """
    data = pair(X, y, parameter_dtype(state.module), names, sample_weight)
    if data.weights is not None and not data.weights.any():
        raise ValueError(
            f"sample_weight is 0 for all {len(data.y)} samples of {names[0]}, so that none counts; "
            "give some another weight, or leave sample_weight out"
        )
    return data


def checked_inputs(module: Module, X: Any) -> Batch:
    """Check samples without targets with a module.

    Shapes: X (N, ...).
    Raises: TypeError or ValueError if they are unusable.
    """
    first = next(iter(X.values())) if isinstance(X, dict) and X else X
    first = first[0] if isinstance(first, tuple) and first else first
    N = len(first) if hasattr(first, "__len__") else 1
    data = pair(X, np.zeros(N, np.int8), parameter_dtype(module), ("X", "X"))
    first_output(module, data.X, "X")
    return data


def first_output(module: Module, X: Any, name: str) -> np.ndarray:
    """Compute the output for the first sample, in evaluation mode.

    Shapes: X (N, ...) -> (1, ...).
    Raises: TypeError or ValueError, with the name of the data, if it does not fit the module.
    """
    dtype = parameter_dtype(module)
    first = each(lambda array: converted(array[:1], dtype), X)
    shapes = each(lambda array: array.shape, X)
    with _naming_errors(f"{name}, of shape {shapes},", lambda: _hint(module, X, name)):
        out = in_evaluation_mode(module, call_module, module, first)
    if not isinstance(out, tg.Tensor) or out.shape[:1] != (1,):
        raise TypeError(
            "the module of a model must return a Tensor with one row per sample, but for one "
            f"sample {type(module).__name__} returned {out!r}"
        )
    return out.data


def _hint(module: Module, X: Any, name: str) -> str:
    """Return what to write if the data, which do not fit a module, do as one sample, else "".

    The same for data that are other than as many arrays as the module takes.
    """
    signature = inspect.signature(module.forward)
    try:
        signature.bind(**X) if isinstance(X, dict) else signature.bind(*arrays_of(X))
    except TypeError:
        parameters = signature.parameters.values()
        names = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        takes = f"{len(names)} input{'s' * (len(names) != 1)} ({', '.join(names)})"
        given = "one array" if isinstance(X, np.ndarray) else f"a {type(X).__name__} of {len(X)}"
        if isinstance(X, np.ndarray) and len(names) > 1:
            given += ", as a list of arrays is too: give a tuple of arrays"
        return f"{type(module).__name__} takes {takes}, and this is {given}; "
    try:
        sample = each(lambda array: converted(array[None], parameter_dtype(module)), X)
        in_evaluation_mode(module, call_module, module, sample)
    except (TypeError, ValueError):
        return ""
    write = f"{name}[None]" if isinstance(X, np.ndarray) else "each array as array[None]"
    return f"the first axis counts samples, and this is one sample alone, so write {write}; "


def validate_inputs(
    state: TrainState, batches: Batches | Stream, names: tuple[str, str], *, learning: bool
) -> None:
    """Check one sample with the module and all targets with the loss, before anything changes.

    Of batches that come one by one, those of the first are checked.
    Raises: TypeError or ValueError, with the name of the data, if they do not fit.
    """
    out = first_output(state.module, batches.X, names[0])
    measures = list(copy.deepcopy(state.measures()).values())
    if learning:
        for measure in measures:
            measure.init(batches.y)

    def check() -> None:
        try:
            check_by(EVALUATION_BATCH)
            return
        except (TypeError, ValueError) as error:
            of_a_batch = error
        check_by(len(batches.y))  # so that the error has the shapes of all the data
        raise of_a_batch

    def check_by(size: int) -> None:
        with tg.no_grad():
            for start in range(0, len(batches.y), size):
                part = slice(start, start + size)
                y, weights = batches.targets(part), batches.weights
                weights = None if weights is None else weights[part]
                y_pred = tg.Tensor(np.broadcast_to(out, (len(y), *out.shape[1:])))
                if state.loss is not None:
                    state.loss(y_pred, y, weights)
                for measure in measures:
                    measure.calculate(y_pred, y, weights)

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


def blas_threads(module: Module, batch_size: int, number: int | None = None) -> BlasThreads:
    """Choose the BLAS threads, by the largest matrix product of a step unless a number is given."""
    largest = max((p.size for p in module.parameters()), default=0)
    return BlasThreads(batch_size * largest, number)


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
def _naming_errors(name: str, hint: Callable[[], str] = str) -> Iterator[None]:
    """Put the name of the data, and a hint, into errors that are raised inside."""
    try:
        yield
    except DefinitionError:  # for which the data cannot help
        raise
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} does not fit the model: {hint()}{error}") from error
