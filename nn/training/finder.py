"""LearningRateFinder: a callback that tries rising learning rates and shows the losses."""

import math
import os
from typing import Any

import numpy as np

from nn.config import NUMBER, count
from nn.figures import finish_figure, new_figure
from nn.training.callback import Callback, Run
from nn.training.generators import generators
from nn.training.history import History

SMOOTHING = 0.98  # of the losses, as in fastai
DIVERGED = 4  # times the lowest loss


class LearningRateFinder(Callback):
    """A trial of learning rates that rise from `lowest` to `highest` in so many steps.

    Train with it once, with as many epochs as it needs: it stops when the loss rises, and the
    model, its optimizer, history and random numbers are then as before. `rates` and `losses` have
    the numbers, `suggestion` is the rate where the loss fell fastest, and `plot` draws them.

    Raises: ValueError if the rates are not in order, or `steps` is below 1.
    Source: Smith (2017), Cyclical learning rates for training neural networks, section 3.3,
    arXiv:1506.01186.
    """

    def __init__(self, lowest: float = 1e-7, highest: float = 10.0, steps: int = 100) -> None:
        ordered = isinstance(lowest, NUMBER) and isinstance(highest, NUMBER)
        if not ordered or not 0 < lowest < highest < math.inf:
            raise ValueError(
                f"lowest must be above 0 and below highest, not {lowest!r} and {highest!r}"
            )
        self.lowest, self.highest = float(lowest), float(highest)
        self.steps = count(steps, "steps")
        self.rates: list[float] = []
        self.losses: list[float] = []  # smoothed
        self._mean = 0.0
        self._before: dict[str, Any] = {}

    def rate(self, step: int) -> float:
        """Return the learning rate of a step of the trial, counted from 0."""
        return self.lowest * (self.highest / self.lowest) ** (step / max(self.steps - 1, 1))

    def on_train_begin(self, run: Run) -> None:
        """Remember the model, and let the optimizer take the rates of the trial."""
        model, optimizer = run.model, run.model.optimizer
        self.rates, self.losses, self._mean = [], [], 0.0
        settings = {name: getattr(optimizer, name) for name in ("learning_rate", "decay")}
        groups = [dict(group) for group in optimizer.groups]
        first = optimizer.iterations
        optimizer.learning_rate, optimizer.decay = self.lowest, 0.0
        for group in optimizer.groups:
            group.pop("learning_rate", None)
        self._before = {
            "settings": settings,
            "groups": groups,
            "optimizer": optimizer.state_dict(),
            "parameters": model.module.state_dict(),
            "history": model.history,
            "position": model.position,
            "sums": {name: m._statistics for name, m in model.measures().items()},
            "random": [(rng, rng.bit_generator.state) for rng, _ in generators(model)],
        }
        optimizer.learning_rate = lambda t: self.rate(t - first)
        model.history, model.position = History(), None

    def on_step_end(self, run: Run) -> None:
        """Record the loss, and stop when it has risen, or after the last step."""
        n = len(self.rates) + 1
        self._mean = SMOOTHING * self._mean + (1 - SMOOTHING) * run.logs["loss"]
        self.rates.append(run.logs["learning_rate"])
        self.losses.append(self._mean / (1 - SMOOTHING**n))
        if n >= self.steps:
            run.stop(f"the learning rates up to {self.highest:g} are tried")
        elif n > 10 and self.losses[-1] > DIVERGED * min(self.losses):
            run.stop(f"the loss rises at the learning rate {self.rates[-1]:.3g}")

    def on_divergence(self, run: Run) -> None:
        """End the trial, because the loss is no longer finite."""
        run.stop("the loss is no longer finite")

    def on_train_end(self, run: Run) -> None:
        """Restore the model, its optimizer, history and random numbers."""
        model, before = run.model, self._before
        if not before:  # the training did not begin
            return
        model.module.load_state_dict(before["parameters"])
        model.optimizer.load_state_dict(before["optimizer"])
        for group, own in zip(model.optimizer.groups, before["groups"]):
            group.update(own)
        for name, value in before["settings"].items():
            setattr(model.optimizer, name, value)
        model.history, model.position = before["history"], before["position"]
        for name, measure in model.measures().items():
            measure._statistics = before["sums"][name]
        for rng, state in before["random"]:
            rng.bit_generator.state = state
        self._before = {}

    @property
    def suggestion(self) -> float:
        """The learning rate where the smoothed loss fell fastest, by the logarithm of the rate.

        Raises: ValueError if fewer than three rates have been tried.
        """
        if len(self.rates) < 3:
            raise ValueError(
                f"{len(self.rates)} learning rates have been tried, too few to choose from; train "
                "with this callback and with more epochs or a smaller batch_size first"
            )
        lowest = int(np.argmin(self.losses))  # the slopes after it do not count
        slopes = np.gradient(self.losses, np.log(self.rates))[: max(lowest, 2)]
        return self.rates[int(np.argmin(slopes))]

    def plot(self, path: str | os.PathLike[str] | None = None) -> None:
        """Plot the losses over the rates, to a file or, without `path`, on the screen.

        Raises: ValueError if fewer than three rates have been tried; ImportError if Matplotlib is
        not installed.
        """
        suggestion = self.suggestion
        figure = new_figure(path, figsize=(5, 3.4), layout="constrained")
        ax = figure.subplots()
        ax.plot(self.rates, self.losses, color="#0072B2", linewidth=1.8)
        ax.axvline(suggestion, color="#D55E00", linestyle="--", label=f"steepest: {suggestion:.2g}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")
        ax.set(title="Loss at rising learning rates")
        low, first = min(self.losses), self.losses[0]
        ax.set_ylim(low - 0.1 * (first - low or 1), first + 0.5 * (first - low or 1))
        ax.grid(color="0.9")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
        finish_figure(figure, path)
