"""GradientHealth: a callback that names the layers whose gradients vanish or explode."""

import warnings

import numpy as np

from nn.config import count
from nn.training.callback import Callback, Run


class GradientWarning(UserWarning):
    """A gradient has vanished or exploded."""


class GradientHealth(Callback):
    """Norms of the gradients, and a warning that names those that vanished or exploded.

    A gradient has vanished if its root mean square is below `low`, and exploded if it is above
    `high`, NaN or infinite. It is measured every `every` steps; `norms` has the root mean squares
    by the names of the parameters. Each parameter is warned of once in a training.

    Raises: ValueError if `every` is not a number of steps, or the bounds are not in order.
    """

    first_process_only = True

    def __init__(self, every: int = 10, *, low: float = 1e-8, high: float = 1e3) -> None:
        if not 0 <= low < high:
            raise ValueError(f"low must be at least 0 and below high, not {low!r} and {high!r}")
        self.every = count(every, "every")
        self.low, self.high = float(low), float(high)
        self.norms: dict[str, list[float]] = {}
        self._told: set[str] = set()
        self._steps = 0

    def on_train_begin(self, run: Run) -> None:
        """Start anew."""
        self.norms, self._told, self._steps = {}, set(), 0

    def on_backward_end(self, run: Run) -> None:
        """Measure the gradients of this step, if it is its turn."""
        self._steps += 1
        if (self._steps - 1) % self.every:
            return
        for name, p in run.model.module.named_parameters():
            if p.grad is None or not p.size:
                continue
            g = np.abs(p.grad.data).astype(np.float64)
            norm = float(np.sqrt(np.mean(np.square(g))))
            self.norms.setdefault(name, []).append(norm)
            self._judge(run, name, norm)

    def _judge(self, run: Run, name: str, norm: float) -> None:
        """Warn if the gradient of a parameter has vanished or exploded."""
        if self.low <= norm <= self.high or name in self._told:
            return
        self._told.add(name)
        owner = name.rpartition(".")[0]
        layer = next(m for path, m in run.model.module.named_modules() if path == owner)
        where = f"the gradient of {name}, in {type(layer).__name__}, epoch {run.epoch}"
        if norm < self.low:
            said = (
                f"{where}, has vanished: its root mean square is {norm:.3g}; the layer does not "
                'learn: try ReLU in place of Sigmoid or Tanh, initializer="he", normalization, or '
                "fewer layers"
            )
        else:
            said = (
                f"{where}, has exploded: its root mean square is {norm:.3g}; lower the learning "
                "rate, give the optimizer clip_norm=1.0, or scale the data"
            )
        warnings.warn(said, GradientWarning, stacklevel=2)
