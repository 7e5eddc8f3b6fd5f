"""What a training did: its figures at every step and every epoch, and their curves."""

import math
import os
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np

from nn.progress import Figures

FIGURES = ("loss", "data_loss", "regularization_loss", "accuracy", "learning_rate", "time")
VALIDATION = ("validation_loss", "validation_accuracy")

TRAINED, VALIDATED = "#0072B2", "#D55E00"  # told apart with any colour vision: Okabe and Ito (2008)


class History:
    """The figures of a training: `steps` and `epochs` hold a list of numbers under each name.

    Both have `loss` (the sum of the next two), `data_loss`, `regularization_loss`, `accuracy`,
    `learning_rate` and `time` (seconds that it took, without validation); `steps` has `epoch`
    besides, the number of the epoch from 1, and `epochs` has `validation_loss` and
    `validation_accuracy`. An epoch's figures are means over its samples. What was not measured
    is NaN.
    """

    def __init__(self) -> None:
        self.steps: dict[str, list[float]] = {name: [] for name in ("epoch", *FIGURES)}
        self.epochs: dict[str, list[float]] = {name: [] for name in (*FIGURES, *VALIDATION)}

    def __repr__(self) -> str:
        counts = f"{len(self.epochs['loss'])} epochs, {len(self.steps['loss'])} steps"
        last = [f"{name} {x[-1]:.4g}" for name, x in self.epochs.items() if x and name != "time"]
        return f"History({counts}{': ' if last else ''}{', '.join(last)})"

    def add_step(self, epoch: int, figures: Figures, seconds: float) -> None:
        self._add(self.steps, {"epoch": epoch, "time": seconds}, figures)

    def add_epoch(self, figures: Figures, seconds: float, validation: Any = None) -> None:
        """Add an epoch, and the loss and accuracy of its validation if there was one."""
        loss, accuracy = (math.nan, math.nan) if validation is None else validation
        checked = {"validation_loss": loss, "validation_accuracy": accuracy}
        self._add(self.epochs, {"time": seconds, **checked}, figures)

    @staticmethod
    def _add(columns: dict[str, list[float]], more: dict[str, float], figures: Figures) -> None:
        for name, numbers in columns.items():
            numbers.append(more[name] if name in more else getattr(figures, name))

    def state_dict(self) -> dict[str, np.ndarray]:
        """The figures as arrays, named such as "steps.loss"."""
        return {
            f"{table}.{name}": np.array(numbers, np.float64)
            for table, columns in vars(self).items()
            for name, numbers in columns.items()
        }

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Take the place of the history whose `state_dict` this is.

        Raises: ValueError, before anything is changed, if columns are missing or differ in length.
        """
        if set(state) != set(self.state_dict()):
            raise ValueError(
                f"a history has the columns {sorted(self.state_dict())}, not {sorted(state)}"
            )
        for table, columns in vars(self).items():
            shapes = {state[f"{table}.{name}"].shape for name in columns}
            if len(shapes) > 1 or len(shapes.pop()) != 1:
                raise ValueError(f"the columns of a history's {table} differ in length")
        for table, columns in vars(self).items():
            for name in columns:
                columns[name] = state[f"{table}.{name}"].tolist()

    def plot(self, path: str | os.PathLike[str] | None = None) -> None:
        """Draw the loss, the accuracy and the learning rate, into a file or else on the screen.

        Raises: ValueError if there is no step to draw.
        """
        if not self.steps["loss"]:
            raise ValueError("this history is empty: there is nothing to plot before model.train")
        try:
            from matplotlib import pyplot as plt
            from matplotlib.layout_engine import ConstrainedLayoutEngine
        except ImportError as error:
            raise ImportError(
                "curves are drawn with Matplotlib, which is not installed; "
                "run: pip install 'tensorgrad[examples]'"
            ) from error
        panels = [name for name in ("loss", "accuracy") if self._measured(name)]
        n = len(panels) + 1
        layout = ConstrainedLayoutEngine(w_pad=0.1)
        figure, axes = plt.subplots(1, n, figsize=(4.4 * n, 3.4), layout=layout)
        for ax, name in zip(axes, panels):
            self._curves(ax, name)
            ax.set(title=name.capitalize(), ylabel=_unit(name))
        rates = axes[-1]
        rates.plot(self._positions(), self.steps["learning_rate"], color=TRAINED, linewidth=1.5)
        rates.set(title="Learning rate", ylabel="learning rate")
        rates.set_ylim(bottom=0)
        for ax in axes:
            ax.set_xlabel("epoch")
            ax.set_xlim(left=0)
            ax.locator_params(axis="x", integer=True)
            ax.grid(color="0.9")
            ax.spines[["top", "right"]].set_visible(False)
        if path is None:
            plt.show()
        else:
            figure.savefig(path, dpi=150)
        plt.close(figure)

    def _curves(self, ax: Any, name: str) -> None:
        """A figure of every step, faint, under the means of the epochs."""
        faint = {"color": TRAINED, "alpha": 0.25, "linewidth": 0.8, "label": "one step"}
        ax.plot(self._positions(), self.steps[name], **faint)
        epochs = np.arange(len(self.epochs[name])) + 1
        style = {"linewidth": 1.8, "markersize": 4}
        ax.plot(epochs, self.epochs[name], "o-", color=TRAINED, label="training", **style)
        if self._measured(f"validation_{name}"):
            numbers = self.epochs[f"validation_{name}"]
            ax.plot(epochs, numbers, "s--", color=VALIDATED, label="validation", **style)
        # The first steps start far off; the curve is about what comes after.
        seen = np.array(self.steps[name])[len(self.steps[name]) // 50 :]
        low, high = np.nanmin(seen), np.nanmax(seen)
        margin = 0.05 * (high - low) or 0.05
        if name == "loss":
            ax.set_ylim(0 if low >= 0 else low - margin, high + margin)
        else:
            ax.set_ylim(low - margin, min(high + margin, 1.02))
        ax.legend(frameon=False)

    def _positions(self) -> np.ndarray:
        """Where each step ended, in epochs since the beginning."""
        positions: list[float] = []
        for epoch, group in groupby(self.steps["epoch"]):
            n = len(list(group))
            positions += [epoch - 1 + (k + 1) / n for k in range(n)]
        return np.array(positions)

    def _measured(self, name: str) -> bool:
        columns = self.epochs if name.startswith("validation") else self.steps
        return bool(np.any(np.isfinite(columns[name])))


def _unit(name: str) -> str:
    return "fraction right" if name == "accuracy" else "mean over samples"
