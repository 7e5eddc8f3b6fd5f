"""Callbacks that follow one number: EarlyStopping and ReduceOnPlateau."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.config import NUMBER, count
from nn.training.callback import Callback, Run, arrays_under, prefixed
from nn.training.position import COUNT_LIMIT

MODES = ("auto", "min", "max")
SMALLER_IS_BETTER = ("loss", "error", "perplexity")  # in the names of numbers


class Monitor(Callback):
    """Base of callbacks that follow one number of the epochs and count those without progress.

    `mode` is "min", "max" or "auto": a loss or an error should fall, and all else rise. A number
    counts as better if it is so by more than `min_delta`.

    Raises: ValueError if an argument is out of bounds, or the training does not measure the number;
    TypeError if `monitor` is no name.
    """

    def __init__(
        self, monitor: str, patience: int, min_delta: float = 0.0, mode: str = "auto"
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
        if not isinstance(monitor, str):
            raise TypeError(
                "monitor is the name of a number of the training, such as 'val_loss', not "
                f"{monitor!r}"
            )
        if not (isinstance(min_delta, NUMBER) and 0 <= min_delta < math.inf):
            raise ValueError(f"min_delta must be a number of at least 0, not {min_delta!r}")
        self.monitor = monitor
        self.patience = count(patience, "patience")
        self.min_delta = float(min_delta)
        self.mode = mode
        self.best = math.nan  # the best number so far
        self.best_epoch = 0  # and its epoch
        self.waited = 0  # epochs without a better one

    def on_train_begin(self, run: Run) -> None:
        """Check that the number is measured, and start anew.

        Raises: ValueError if it is not.
        """
        if self.monitor not in run.names:
            remedy = ""
            if self.monitor.removeprefix("val_") in run.names:
                remedy = "; it needs validation_data or validation_split"
            raise ValueError(
                f"{type(self).__name__} follows {self.monitor!r}, which this training does not "
                f"measure{remedy}; it measures {', '.join(run.names)}"
            )
        self.best, self.best_epoch, self.waited = math.nan, 0, 0

    def state_dict(self) -> dict[str, Any]:
        """Return the best number and its epoch, and the epochs since."""
        best = None if math.isnan(self.best) else self.best
        numbers = {"best": best, "best_epoch": self.best_epoch, "waited": self.waited}
        return {"monitor": self.monitor, **numbers}

    def load_state_dict(self, state: Mapping[str, Any], run: Run) -> None:
        """Go on from these numbers, unless they are of another monitor.

        Raises: ValueError if they cannot be.
        """
        if state["monitor"] != self.monitor:
            return
        best = math.nan if state["best"] is None else state["best"]
        if type(best) not in (int, float):
            raise ValueError(f"best cannot be {best!r}")
        self.best_epoch = _whole(state, "best_epoch", len(run.model.history))
        self.waited = _whole(state, "waited", len(run.model.history))
        self.best = float(best)

    def better(self, value: float) -> bool:
        """Return True if a number is better than the best so far."""
        falling = any(word in self.monitor for word in SMALLER_IS_BETTER)
        sign = 1 if self.mode == "min" or (self.mode == "auto" and falling) else -1
        return math.isnan(self.best) or sign * (self.best - value) > self.min_delta

    def observe(self, run: Run) -> bool | None:
        """Return True if this epoch is the best, False if not, None if nothing was measured."""
        value = run.logs.get(self.monitor, math.nan)
        if math.isnan(value):
            return None
        if self.better(value):
            self.best, self.best_epoch, self.waited = value, run.epoch, 0
            return True
        self.waited += 1
        return False


class EarlyStopping(Monitor):
    """Stopping when a number has not become better for `patience` epochs.

    With `restore_best`, the model then has the parameters and buffers of the best epoch, also if
    all epochs were trained. They stay in `best_parameters`, also after an error.

    Raises: ValueError if an argument is out of bounds, or the training does not measure the number.
    Source: Prechelt (1998), Early stopping - but when?, section 2.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        *,
        min_delta: float = 0.0,
        mode: str = "auto",
        restore_best: bool = True,
    ) -> None:
        super().__init__(monitor, patience, min_delta, mode)
        self.restore_best = restore_best
        self.best_parameters: dict[str, np.ndarray] | None = None

    def on_train_begin(self, run: Run) -> None:
        """Check that the number is measured, and start anew.

        Raises: ValueError if it is not.
        """
        super().on_train_begin(run)
        self.best_parameters = None

    def state_dict(self) -> dict[str, Any]:
        """Return the numbers, and the parameters of the best epoch."""
        return super().state_dict() | prefixed("parameters", self.best_parameters)

    def load_state_dict(self, state: Mapping[str, Any], run: Run) -> None:
        """Go on from these numbers and parameters, and stop if it is time to.

        Raises: ValueError if they cannot be, or are of another module.
        """
        super().load_state_dict(state, run)
        if state["monitor"] != self.monitor:
            return
        if self.restore_best:
            module = run.model.module
            self.best_parameters = arrays_under("parameters", state, module.state_dict())
        self._stop_after_patience(run)

    def on_epoch_end(self, run: Run) -> None:
        """Keep the parameters of the best epoch, and stop after `patience` others."""
        if self.observe(run) and self.restore_best:
            self.best_parameters = run.model.module.state_dict()
        self._stop_after_patience(run)

    def _stop_after_patience(self, run: Run) -> None:
        if self.waited >= self.patience:
            run.stop(
                f"{self.monitor} has not become better than {self.best:.4g}, of epoch "
                f"{self.best_epoch}, in {self.waited} epochs"
            )

    def on_train_end(self, run: Run) -> None:
        """Restore the best parameters, unless an error ended the training."""
        if self.best_parameters is not None and run.error is None:
            run.model.module.load_state_dict(self.best_parameters)


class ReduceOnPlateau(Monitor):
    """A learning rate that is multiplied by `factor` when a number has not become better.

    That is after `patience` epochs; the `cooldown` epochs that follow do not count. The rate is not
    reduced below `minimum`. Groups with a rate of their own are reduced as well.

    Raises: ValueError if an argument is out of bounds, the training does not measure the number, or
    a learning rate is a schedule.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        *,
        factor: float = 0.1,
        min_delta: float = 1e-4,
        mode: str = "auto",
        cooldown: int = 0,
        minimum: float = 0.0,
    ) -> None:
        super().__init__(monitor, patience, min_delta, mode)
        if not (isinstance(factor, NUMBER) and 0 < factor < 1):
            raise ValueError(f"factor must be above 0 and below 1, not {factor!r}")
        if not isinstance(cooldown, int | np.integer) or cooldown < 0:
            raise ValueError(f"cooldown must be a number of epochs, at least 0, not {cooldown!r}")
        if not (isinstance(minimum, NUMBER) and 0 <= minimum < math.inf):
            raise ValueError(f"minimum must be a number of at least 0, not {minimum!r}")
        self.factor = float(factor)
        self.cooldown = int(cooldown)
        self.minimum = float(minimum)
        self._resting = 0

    def on_train_begin(self, run: Run) -> None:
        """Check the number and the learning rates, and start anew.

        Raises: ValueError if the number is not measured, or a learning rate is a schedule.
        """
        super().on_train_begin(run)
        self._resting = 0
        for holder in _rates(run.model.optimizer):
            if callable(holder["learning_rate"]):
                raise ValueError(
                    f"ReduceOnPlateau changes learning rates that are numbers, but this one is "
                    f"the schedule {holder['learning_rate']!r}; leave one of the two out"
                )

    def state_dict(self) -> dict[str, Any]:
        """Return the numbers, and how many epochs will not count."""
        return super().state_dict() | {"resting": self._resting}

    def load_state_dict(self, state: Mapping[str, Any], run: Run) -> None:
        """Go on from these numbers, unless they are of another monitor.

        Raises: ValueError if they cannot be.
        """
        super().load_state_dict(state, run)
        if state["monitor"] == self.monitor:
            self._resting = min(_whole(state, "resting", COUNT_LIMIT), self.cooldown)

    def on_epoch_end(self, run: Run) -> None:
        """Reduce the learning rates after `patience` epochs without a better number."""
        resting, self._resting = self._resting > 0, max(self._resting - 1, 0)
        self.observe(run)
        if resting:
            self.waited = 0
        if self.waited >= self.patience:
            self.waited, self._resting = 0, self.cooldown
            for holder in _rates(run.model.optimizer):
                rate = holder["learning_rate"]
                holder["learning_rate"] = max(rate * self.factor, min(rate, self.minimum))


def _whole(state: Mapping[str, Any], name: str, highest: int) -> int:
    """Return an integer of a state that is not above `highest`.

    Raises: ValueError if it is none.
    """
    value = state[name]
    if type(value) is not int or not 0 <= value <= highest:
        raise ValueError(f"{name} must be an integer from 0 to {highest}, not {value!r}")
    return value


def _rates(optimizer: Any) -> list[dict[str, Any]]:
    """List the dicts that hold learning rates: the optimizer's attributes, and its groups."""
    return [vars(optimizer), *(g for g in optimizer.groups if "learning_rate" in g)]
