"""A training that several processes share: what they agree on, and what a step exchanges."""

import functools
import platform
import sys
import zlib
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

import tensorgrad as tg
from nn.bits import jsonable
from nn.data.batches import Batch, Batches, arrays_of
from nn.metrics import Mean, Metric
from nn.optim.base import Optimizer
from nn.training.callback import Callback
from nn.training.generators import generators
from nn.training.plan import TrainPlan
from nn.training.processes import Processes, weighted_sums, without_addresses
from nn.training.train_state import TrainState


class Learned(NamedTuple):
    """The means and the metrics' statistics of the samples of a step, in some of the processes.

    `counted` is the number over which the losses are means, `present` tells which parameters have
    gradients, and `state` is that of the random generators and integers of process 0.
    """

    counted: int
    samples: int
    data_loss: float
    penalty: float
    statistics: dict[str, np.ndarray]
    present: list[bool] = []
    state: Any = None


def combined(measures: Mapping[str, Metric], a: Learned, b: Learned) -> Learned:
    """Return the means and the statistics of two groups of samples together."""
    if not (a.counted and b.counted):
        first = a if a.counted else b
        return first._replace(samples=a.samples + b.samples, state=a.state)
    counted = a.counted + b.counted
    data_loss, penalty = (
        (x * a.counted + y * b.counted) / counted
        for x, y in ((a.data_loss, b.data_loss), (a.penalty, b.penalty))
    )
    statistics = {
        name: measure.combine(a.statistics[name], b.statistics[name])
        for name, measure in measures.items()
    }
    present = [x or y for x, y in zip(a.present, b.present)]
    samples = a.samples + b.samples
    return Learned(counted, samples, data_loss, penalty, statistics, present, a.state)


class Sharing:
    """The part of this process in the steps of a training.

    Between steps the state of the training is the same in each process. In a step, each draws its
    own random numbers, from a state that follows from the common one and its rank; process 0 draws
    from the common one itself.
    """

    def __init__(self, state: TrainState, plan: TrainPlan) -> None:
        self.processes = plan.processes
        self._state = state
        self._parameters = state.module.parameters()
        first, *others = [rng for rng, _ in generators(state)]
        self._order, self._generators = first, others  # that of the order is the common one
        self._has_buffers = any(True for _ in state.module.named_buffers())
        self._streams = not isinstance(plan.batches, Batches)
        self._before: list[Any] = []

    def begin(self) -> None:
        """Remember the state before a step, and let the random numbers be those of this process."""
        if self.processes.size == 1:
            return
        rngs = (self._order, *self._generators)
        self._before = [
            [(rng.bit_generator, rng.bit_generator.state) for rng in rngs],
            [(array, array.copy()) for array in self._buffers()],
        ]
        if self.processes.rank:
            for rng in self._generators:
                rng.bit_generator.state = _state_of(rng.bit_generator, self.processes.rank)

    def undo(self) -> None:
        """Return to the state before the step, of which no parameter has changed yet."""
        if self.processes.size == 1:
            return
        states, arrays = self._before
        for bits, state in states:
            bits.state = state
        for array, (_, old) in zip(self._buffers(), arrays):
            array[...] = old

    def exchange(self, learned: Learned, ahead: Any) -> Learned:
        """Return what all processes learned, after giving the gradients their means.

        Floating-point buffers get their means, too, and all other state is that of process 0.
        Raises: ValueError, in each process, if their steps differ; the error of another process.
        """
        if self.processes.size == 1:
            return learned
        p0 = self.processes.rank == 0
        learned = learned._replace(
            present=[p.grad is not None for p in self._parameters],
            state=self._common_state() if p0 else None,
        )
        measures = self._state.measures()
        found = self.processes.exchange(
            "a step of the training", self._step_texts(ahead), learned,
            functools.partial(combined, measures),
        )  # fmt: skip
        if not found.counted:
            raise ValueError("the masks of this step are False everywhere: no step counts")
        weight = learned.counted / found.counted
        self.processes.complete(lambda: self._average(found.present, weight))
        self._set_common_state(found.state)
        return found

    def _buffers(self) -> list[np.ndarray]:
        return [a for _, a in self._state.module.named_buffers()] if self._has_buffers else []

    def _means(self) -> list[np.ndarray]:
        return [a for a in self._buffers() if a.dtype.kind in "fc"]

    def _average(self, present: list[bool], weight: float) -> None:
        """Replace gradients, and buffers of floating-point numbers, by their weighted means."""
        parameters = [p for p, is_there in zip(self._parameters, present) if is_there]
        grads = [np.zeros_like(p.data) if p.grad is None else p.grad.data for p in parameters]
        buffers = self._means()
        sums = weighted_sums(self.processes, [*grads, *buffers], weight)
        for p, total in zip(parameters, sums):
            p.grad = tg.Tensor(total)
        for array, total in zip(buffers, sums[len(grads) :]):
            array[...] = total

    def _common_state(self) -> Any:
        """Return the states of the generators, and the buffers that have no means."""
        numbers = [a for a in self._buffers() if a.dtype.kind not in "fc"]
        return [rng.bit_generator.state for rng in self._generators], numbers

    def _set_common_state(self, state: Any) -> None:
        if self.processes.rank == 0:
            return
        states, numbers = state
        for rng, found in zip(self._generators, states):
            rng.bit_generator.state = found
        own = [a for a in self._buffers() if a.dtype.kind not in "fc"]
        for array, found in zip(own, numbers):
            array[...] = found

    def _step_texts(self, ahead: Any) -> list[str]:
        """List what must be the same in each process at this step."""
        optimizer = self._state.optimizer
        assert optimizer is not None
        texts = [f"the step {optimizer.iterations}", *_rate_texts(optimizer)]
        if self._streams:
            texts += [f"the batch {_described_batch(batch)}" for batch in ahead]
        return texts


def synchronize(state: TrainState, plan: TrainPlan) -> None:
    """Check that all processes have the same training, and give them the state of process 0.

    Raises: ValueError, in each process, with the first difference.
    """
    processes = plan.processes
    if processes.size == 1:
        return
    rngs = [rng for rng, _ in generators(state)]
    common = [rng.bit_generator.state for rng in rngs], state.history.state_dict()
    first = processes.exchange(
        "model.train", list(_training_texts(state, plan)), common if processes.rank == 0 else None
    )
    module = state.module.state_dict()
    for array in module.values():
        processes.copy_from_first(array)
    state.module.load_state_dict(module)
    for rng, found in zip(rngs, first[0]):
        rng.bit_generator.state = found
    state.history.load_state_dict(first[1])


def add_others(processes: Processes, loss: Mean, measures: Mapping[str, Metric]) -> None:
    """Add what the other processes have measured to the mean of a loss and to metrics.

    Raises: the error of another process.
    """
    if processes.size == 1:
        return
    statistics: Any = {name: measure._statistics for name, measure in measures.items()}
    mean = loss.result() if loss.count else 0.0
    own = Learned(loss.count, loss.count, mean, 0.0, statistics)
    call = "the validation", (), own, functools.partial(combined, measures)
    whole: Learned = processes.exchange(*call)
    loss.reset()
    loss.update(whole.data_loss, whole.counted)
    for name, measure in measures.items():
        measure._statistics = whole.statistics[name]


def check_parameters(state: TrainState, plan: TrainPlan) -> None:
    """Check at the end of an epoch that the parameters are still the same in each process.

    Raises: ValueError, in each process, with the name of the first that is not.
    """
    if plan.processes.size > 1:
        named = state.module.named_parameters()
        texts = [f"the parameter {name} of checksum {_crc(p.data)}" for name, p in named]
        plan.processes.exchange("the end of an epoch", texts)


def _training_texts(state: TrainState, plan: TrainPlan) -> Iterator[str]:
    """Iterate over what must be the same in each process before a training, as texts."""
    yield f"Python {platform.python_version()}, {sys.byteorder}-endian"
    yield f"NumPy {np.__version__}"
    yield f"tensorgrad {tg.__version__}"
    for name, p in state.module.named_parameters():
        yield f"the parameter {name} {p.shape} {p.dtype}{', frozen' * p.is_frozen}"
    for name, array in state.module.named_buffers():
        yield f"the buffer {name} {array.shape} {array.dtype}"
    for name in ("module", "loss", "optimizer", "accuracy", "metrics"):
        yield f"the {name} {without_addresses(getattr(state, name))}"
    yield f"{len(generators(state))} random generators"
    yield from (f"the callback {type(callback).__name__}" for callback in shared_ones(plan))
    batches = plan.batches
    options = {
        "epochs": plan.epochs, "batch_size": batches.size, "steps": batches.steps,
        "shuffle": plan.shuffle, "accumulate": plan.accumulate, "compile": plan.compile,
        "validation_every": plan.validation_every,
    }  # fmt: skip
    yield from (f"{name}={value}" for name, value in options.items())
    yield f"the optimizer after {state.optimizer.iterations if state.optimizer else 0} steps"
    yield f"the history {len(state.history)} epochs, {len(state.history.steps['loss'])} steps"
    position = None if state.position is None else state.position.description()
    yield f"the place in an epoch {position and (position['step'], position['random'])}"
    for name, data in (("data", batches), ("validation", plan.validation)):
        if isinstance(data, Batches):
            batch = Batch(data.X, data.y, data.weights, data.class_weights)
            yield f"the {name} {_described_batch(batch, whole=True)}"
        else:
            yield f"the {name} {type(data).__name__}"


def shared_ones(plan: TrainPlan) -> list[Callback]:
    """List the callbacks of a plan that act in each process."""
    return [callback for callback in plan.callbacks if not callback.first_process_only]


def _described_batch(batch: Batch, whole: bool = False) -> str:
    """Describe samples by shapes and checksums: of the targets and, if not `whole`, of the first.

    Reading every sample takes as long as a small step.
    """
    X = [array if whole else array[:1] for array in arrays_of(batch.X)]
    weights = [a for a in (batch.weights, batch.class_weights) if a is not None]
    shapes = [array.shape for array in arrays_of(batch.X)]
    sums = [f"{_crc(array)}" for array in (*X, batch.y, *weights)]
    return f"of shape {shapes} and {batch.y.shape}, checksum {', '.join(sums)}"


def _crc(array: np.ndarray) -> str:
    """Return a checksum of the values of an array, which is read a part at a time."""
    checksum, rows = 0, array.reshape(1, -1) if array.ndim == 0 else array
    step = max(1, (1 << 22) // max(1, rows[:1].nbytes))
    for k in range(0, len(rows), step):
        checksum = zlib.crc32(np.ascontiguousarray(rows[k : k + step]).data.cast("B"), checksum)
    return f"{checksum:08x}"


def _rate_texts(optimizer: Optimizer) -> Iterator[str]:
    """Iterate over the learning rates of an optimizer and of its groups, as texts."""
    for holder in (vars(optimizer), *(g for g in optimizer.groups if "learning_rate" in g)):
        rate = holder["learning_rate"]
        yield f"the learning rate {without_addresses(rate) if callable(rate) else rate!r}"


def _state_of(bits: Any, rank: int) -> Any:
    """Return the state that a generator has in the process of this rank, from the common one."""
    digest = blake2b(repr(jsonable(bits.state)).encode(), digest_size=16).digest()
    return type(bits)(np.random.SeedSequence([int.from_bytes(digest), rank])).state
