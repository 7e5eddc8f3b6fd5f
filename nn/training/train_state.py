"""TrainState: the parts of a training, and its place in an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nn.data.streams import SourceState
from nn.losses import Loss
from nn.metrics import Accuracy, Metric
from nn.module import Module
from nn.optim.base import Optimizer
from nn.seeding import generator
from nn.training.history import STEP_COLUMNS, History
from nn.training.interruptions import StepGuard
from nn.training.position import Position
from nn.training.programs import Programs


@dataclass(eq=False, repr=False)
class TrainState:
    """The module, loss, optimizer, metrics, history, random generator and place of a training."""

    module: Module
    loss: Loss | None = None
    optimizer: Optimizer | None = None
    accuracy: Accuracy | None = None
    metrics: list[Metric] = field(default_factory=list)
    history: History = field(default_factory=History)
    rng: np.random.Generator = field(default_factory=generator)  # of the shuffling
    position: Position | None = None  # in an epoch that is not complete
    source: SourceState | None = None  # of the batches, after the last step
    callbacks: Sequence[Any] = ()  # of a training that has not ended
    guard: StepGuard = field(default_factory=StepGuard)
    programs: Programs = field(default_factory=Programs)

    def measures(self) -> dict[str, Metric]:
        """Map names in the history to the accuracy and the metrics; a second one gets a number."""
        named: dict[str, Metric] = {} if self.accuracy is None else {"accuracy": self.accuracy}
        for metric in self.metrics:
            free = (metric.name, *(f"{metric.name}_{k}" for k in range(2, len(self.metrics) + 3)))
            taken = {*named, *STEP_COLUMNS}
            named[next(name for name in free if name not in taken)] = metric
        return named
