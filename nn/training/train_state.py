"""TrainState: the parts of a training, and its place in an epoch."""

from dataclasses import dataclass, field

import numpy as np

from nn.losses import Loss
from nn.metrics import Accuracy
from nn.module import Module
from nn.optim.base import Optimizer
from nn.seeding import generator
from nn.training.history import History
from nn.training.interruptions import StepGuard
from nn.training.position import Position


@dataclass(eq=False, repr=False)
class TrainState:
    """The module, loss, optimizer, metric, history, random generator and place of a training."""

    module: Module
    loss: Loss | None = None
    optimizer: Optimizer | None = None
    accuracy: Accuracy | None = None
    history: History = field(default_factory=History)
    rng: np.random.Generator = field(default_factory=generator)  # of the shuffling
    position: Position | None = None  # in an epoch that is not complete
    guard: StepGuard = field(default_factory=StepGuard)
