"""The plan of a training: its data and its options."""

from collections.abc import Sequence
from dataclasses import dataclass

from nn.data.batches import Batches, Share
from nn.data.streams import Stream
from nn.training.callback import Callback
from nn.training.processes import ALONE, Processes
from nn.training.programs import Compile
from nn.training.train_state import TrainState


@dataclass
class TrainPlan:
    """The data and the options of one call of `Model.train`."""

    batches: Batches | Stream
    validation: Batches | Stream | None
    epochs: int
    shuffle: bool
    print_every: int | None
    validation_every: int = 1  # epochs
    accumulate: int = 1  # batches in a step
    callbacks: Sequence[Callback] = ()
    compile: Compile = "auto"
    threads: int | None = None  # of BLAS
    processes: Processes = ALONE

    def __post_init__(self) -> None:
        """Give this process its share of the data, and process 0 what is printed and written."""
        share = Share(self.processes.rank, self.processes.size)
        self.batches.share = share
        if self.validation is not None:
            self.validation.share = share
        if self.processes.rank:
            self.print_every = None
            self.callbacks = [c for c in self.callbacks if not c.first_process_only]

    @property
    def steps(self) -> int | None:
        """The number of steps of the optimizer in an epoch, if it is known."""
        steps = self.batches.steps
        return None if steps is None else -(-steps // self.accumulate)

    def measured_names(self, state: TrainState) -> tuple[str, ...]:
        """List the numbers that the epochs of a training will have."""
        measures = list(state.measures())
        names = ["loss", "data_loss", "regularization_loss", *measures, "learning_rate", "time"]
        if self.validation is not None:
            names += ["val_loss", *(f"val_{name}" for name in measures)]
        return tuple(names)
