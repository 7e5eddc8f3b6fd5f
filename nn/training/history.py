"""History: the numbers of a training at every step and every epoch, and their curves."""

import math
import os
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import numpy as np

from nn.config import INSTALL_EXTRAS
from nn.training.progress import Figures

FIGURES = ("loss", "data_loss", "regularization_loss", "accuracy", "learning_rate")
STEP_COLUMNS = ("epoch", *FIGURES, "time")
EPOCH_COLUMNS = (*FIGURES, "time", "validation_loss", "validation_accuracy")

TRAINED, VALIDATED = "#0072B2", "#D55E00"  # distinct with any colour vision: Okabe and Ito (2008)


class History:
    """The numbers of a training: `steps` and `epochs` are dicts with a list under each name.

    Both have `loss` (the sum of the next two), `data_loss`, `regularization_loss`, `accuracy`,
    `learning_rate` and `time`. `steps` also has `epoch`, counted from 1, and `epochs` also has
    `validation_loss` and `validation_accuracy`. The numbers of an epoch are means over its samples;
    `time` does not include validation. A number that was not measured is NaN.

    Units: nats for cross-entropies; seconds for `time`.
    """

    def __init__(self) -> None:
        # Rows, because a single append cannot be interrupted halfway, unlike one append per column.
        self._steps: list[tuple[float, ...]] = []
        self._epochs: list[tuple[float, ...]] = []

    @property
    def steps(self) -> dict[str, list[float]]:
        """The numbers of every step, in order, by name."""
        return _columns(STEP_COLUMNS, self._steps)

    @property
    def epochs(self) -> dict[str, list[float]]:
        """The numbers of every completed epoch, in order, by name."""
        return _columns(EPOCH_COLUMNS, self._epochs)

    def __len__(self) -> int:
        """Count the completed epochs."""
        return len(self._epochs)

    def __repr__(self) -> str:
        last = dict(zip(EPOCH_COLUMNS, self._epochs[-1])) if self._epochs else {}
        figures = ", ".join(f"{name} {x:.4g}" for name, x in last.items() if name != "time")
        return f"History({len(self)} epochs, {len(self._steps)} steps{figures and ': '}{figures})"

    def add_step(self, epoch: int, figures: Figures, seconds: float) -> None:
        """Add a step of the epoch with this number."""
        self._steps.append((epoch, figures.loss, *figures, seconds))

    def add_epoch(
        self, figures: Figures, seconds: float, validation: tuple[float, float] | None = None
    ) -> None:
        """Add an epoch, with the loss and the accuracy of its validation if there was one."""
        checked = (math.nan, math.nan) if validation is None else validation
        self._epochs.append((figures.loss, *figures, seconds, *checked))

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the numbers as arrays with names such as "steps.loss"."""
        tables = {"steps": self.steps, "epochs": self.epochs}
        return {
            f"{table}.{name}": np.array(numbers, np.float64)
            for table, columns in tables.items()
            for name, numbers in columns.items()
        }

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Replace all numbers by those that `state_dict` returned.

        Raises: ValueError, before anything is changed, if columns are missing or differ in length.
        """
        if set(state) != set(self.state_dict()):
            raise ValueError(
                f"a history has the columns {sorted(self.state_dict())}, not {sorted(state)}"
            )
        rows = []
        for table, names in (("steps", STEP_COLUMNS), ("epochs", EPOCH_COLUMNS)):
            columns = [state[f"{table}.{name}"] for name in names]
            if len({c.shape for c in columns}) > 1 or columns[0].ndim != 1:
                raise ValueError(f"the columns of a history's {table} differ in length")
            rows.append(list(zip(*(c.tolist() for c in columns))))
        self._steps, self._epochs = rows

    def plot(self, path: str | os.PathLike[str] | None = None) -> None:
        """Plot loss, accuracy and learning rate, to a file or, without `path`, on the screen.

        Raises: ValueError if there are no steps yet; ImportError if Matplotlib is not installed.
        """
        if not self._steps:
            raise ValueError("this history is empty; call model.train before history.plot")
        try:
            from matplotlib import pyplot as plt
            from matplotlib.layout_engine import ConstrainedLayoutEngine
        except ImportError as error:
            raise ImportError(
                f"curves are drawn with Matplotlib, which is not installed; run {INSTALL_EXTRAS}"
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
        """Plot a number of every step in a faint colour, below the means of the epochs."""
        faint = {"color": TRAINED, "alpha": 0.25, "linewidth": 0.8, "label": "one step"}
        ax.plot(self._positions(), self.steps[name], **faint)
        epochs = np.arange(len(self.epochs[name])) + 1
        style = {"linewidth": 1.8, "markersize": 4}
        ax.plot(epochs, self.epochs[name], "o-", color=TRAINED, label="training", **style)
        if self._measured(f"validation_{name}"):
            numbers = self.epochs[f"validation_{name}"]
            ax.plot(epochs, numbers, "s--", color=VALIDATED, label="validation", **style)
        # The first steps are far off; the limits follow the steps after them.
        seen = np.array(self.steps[name])[len(self.steps[name]) // 50 :]
        low, high = np.nanmin(seen), np.nanmax(seen)
        margin = 0.05 * (high - low) or 0.05
        if name == "loss":
            ax.set_ylim(0 if low >= 0 else low - margin, high + margin)
        else:
            ax.set_ylim(low - margin, min(high + margin, 1.02))
        ax.legend(frameon=False)

    def _positions(self) -> np.ndarray:
        """Compute the time of each step's end, in epochs since the beginning."""
        positions: list[float] = []
        for epoch, group in groupby(self.steps["epoch"]):
            n = len(list(group))
            positions += [epoch - 1 + (k + 1) / n for k in range(n)]
        return np.array(positions)

    def _measured(self, name: str) -> bool:
        """Return True if at least one number of this name is finite."""
        columns = self.epochs if name.startswith("validation") else self.steps
        return bool(np.any(np.isfinite(columns[name])))


def _unit(name: str) -> str:
    """Return the label of the y-axis."""
    return "fraction right" if name == "accuracy" else "mean over samples"


def _columns(names: tuple[str, ...], rows: list[tuple[float, ...]]) -> dict[str, list[float]]:
    """Transpose rows to a list per name."""
    columns: Iterable[tuple[float, ...]] = zip(*rows) if rows else [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns)}
