"""Position: the place of a training inside an epoch, so that an interrupted epoch is completed."""

from typing import Any

import numpy as np

from nn.bits import generator_in, jsonable
from nn.data.batches import Batches
from nn.data.streams import Stream
from nn.metrics import Mean


class Position:
    """An epoch that has begun: its order of samples, the steps taken, and their sums.

    The order is drawn in the first step, because a step and what it draws are one.
    """

    def __init__(self, batches: Batches | Stream, shuffle: bool) -> None:
        self.samples = batches.samples or 0  # 0 if it is not known
        self.batch_size = batches.size
        self.shuffle = shuffle and isinstance(batches, Batches) and batches.steps > 1
        self.step = 0  # batches that were learned from
        self.seconds = 0.0
        self.data_loss, self.penalty = Mean(), Mean()
        self.random: dict[str, Any] | None = None  # the state that the order was drawn from
        self._order: np.ndarray | None = None

    def fits(self, batches: Batches | Stream, shuffle: bool) -> bool:
        """Return True if the epoch can be completed with these batches."""
        other = Position(batches, shuffle)
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("samples", "batch_size", "shuffle")
        )

    def order(self, rng: np.random.Generator) -> np.ndarray | None:
        """Return the order of the samples, drawn when it is first asked for; None if not shuffled.

        Shapes: -> (N,).
        """
        if not self.shuffle:
            return None
        if self._order is None:
            if self.random is None:
                self.random = rng.bit_generator.state
            else:  # the epoch was begun in another process
                rng = generator_in(jsonable(self.random))
            self._order = rng.permutation(self.samples)
        return self._order

    def description(self) -> dict[str, Any]:
        """Return everything that the rest of the epoch depends on, in a form for JSON."""
        numbers = {name: getattr(self, name) for name in POSITION_NUMBERS}
        sums = {name: vars(getattr(self, name)) for name in POSITION_SUMS}
        return {**numbers, **sums, "random": jsonable(self.random)}

    @classmethod
    def described(cls, description: Any) -> "Position":
        """Make the position that `description` returned.

        Raises: ValueError if it is not one.
        """
        position = cls.__new__(cls)
        entry = description if isinstance(description, dict) else {}
        for name, (kinds, low) in POSITION_NUMBERS.items():
            value: Any = entry.get(name)
            if type(value) not in kinds or not low <= value < COUNT_LIMIT:
                raise ValueError(f"the {name} of its epoch cannot be {value!r}")
            setattr(position, name, value)
        if position.samples and position.step > -(-position.samples // position.batch_size):
            raise ValueError(f"its epoch cannot have {position.step} steps")
        for name in POSITION_SUMS:
            sums = entry.get(name)
            if not isinstance(sums, dict) or [*map(type, sums.values())] != [float, int]:
                raise ValueError(f"the {name} of its epoch cannot be {sums!r}")
            mean = Mean()
            mean.total, mean.count = sums.values()
            setattr(position, name, mean)
        state = entry.get("random")
        position.random = None if state is None else generator_in(state).bit_generator.state
        position._order = None
        return position


COUNT_LIMIT = 1 << 53  # beyond it a float, as in a learning rate, cannot count
# The numbers of a position, with their types and lower bounds, and its sums.
POSITION_NUMBERS = {
    "samples": ((int,), 0),
    "batch_size": ((int,), 1),
    "shuffle": ((bool,), 0),
    "step": ((int,), 1),
    "seconds": ((float,), 0),
}
POSITION_SUMS = ("data_loss", "penalty")
