"""ExponentialMovingAverage: a callback that averages the parameters over the steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.config import NUMBER
from nn.training.callback import Callback, Run, arrays_under, prefixed


class ExponentialMovingAverage(Callback):
    """Averages of the parameters, a = decay a + (1 - decay) w after each step, used from then on.

    Validation, later callbacks in `on_epoch_end`, and the model after the training have the
    averages; the next epoch goes on from the parameters themselves. While few steps have been
    taken, the decay is at most (1 + t) / (10 + t), so that the first values are forgotten soon.
    Buffers, such as the running means of BatchNorm, are averages already, and stay those of the
    last step, as by default in PyTorch and Keras.

    Raises: ValueError if the decay is not at least 0 and below 1.
    Source: Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging; the
    bound is TensorFlow's.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not (isinstance(decay, NUMBER) and 0 <= decay < 1):
            raise ValueError(f"decay must be at least 0 and below 1, not {decay!r}")
        self.decay = float(decay)
        self.averages: dict[str, np.ndarray] = {}
        self._own: dict[str, np.ndarray] | None = None  # while the model has the averages
        self._steps = 0

    def on_train_begin(self, run: Run) -> None:
        """Start from the parameters as they are."""
        named = run.model.module.named_parameters()
        self.averages = {name: p.data.copy() for name, p in named}
        self._own, self._steps = None, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the averages, the parameters themselves while they are away, and the steps."""
        state = prefixed("averages", self.averages) | prefixed("own", self._own)
        return {"steps": self._steps, **state}

    def load_state_dict(self, state: Mapping[str, Any], run: Run) -> None:
        """Go on from these averages.

        Raises: ValueError if they are not those of this model.
        """
        like = {name: p.data for name, p in run.model.module.named_parameters()}
        steps = state["steps"]
        if type(steps) is not int or not 0 <= steps <= run.model.optimizer.iterations:
            raise ValueError(f"steps must be the number of steps taken, not {steps!r}")
        averages = arrays_under("averages", state, like)
        self._own, self._steps = arrays_under("own", state, like), steps
        self.averages = self.averages if averages is None else averages

    def on_epoch_begin(self, run: Run) -> None:
        """Put the parameters themselves back."""
        if self._own is not None:
            _assign(run, self._own)
            self._own = None

    def on_step_end(self, run: Run) -> None:
        """Add the parameters to the averages."""
        self._steps += 1
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        for name, p in run.model.module.named_parameters():
            average = self.averages[name]
            average *= decay
            average += (1 - decay) * p.data

    def on_validation_begin(self, run: Run) -> None:
        """Let the model have the averages."""
        if self._own is None:
            self._own = {n: p.data.copy() for n, p in run.model.module.named_parameters()}
            _assign(run, self.averages)

    def on_epoch_end(self, run: Run) -> None:
        """Let the model have the averages, if there was no validation."""
        self.on_validation_begin(run)


def _assign(run: Run, arrays: dict[str, np.ndarray]) -> None:
    """Copy arrays into the parameters of these names, in place as an optimizer holds views."""
    for name, p in run.model.module.named_parameters():
        data = p.data
        data[...] = arrays[name]
        p.data = data
